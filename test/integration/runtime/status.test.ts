import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { thisProcess } from "../../../src/runtime/process-identity.ts";
import { ownerKey, recordKey, spaces } from "../../../src/runtime/records.ts";
import type { ConsumerRecord, MemberRecord, ProjectionRecord } from "../../../src/runtime/records.ts";
import { planRuntime } from "../../../src/runtime/runtime-options.ts";
import { findConsumerStatus, listConsumerStatuses } from "../../../src/runtime/status/consumer-status.ts";
import {
  findProjectionStatus,
  listProjectionStatuses,
} from "../../../src/runtime/status/projection-status.ts";
import type { WorkProgress } from "../../../src/runtime/work-status.ts";
import { createWork } from "../../../src/runtime/work.ts";
import type { Work } from "../../../src/runtime/work.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { anOrder, beginModel, buildModel, orders } from "./stored-model.ts";

const begunAt = Date.parse("2026-11-21T12:00:00.000Z");

let nowMs: number;
let store: EventStore;
let work: Work;

beforeEach(() => {
  nowMs = begunAt;
  const clock = (): Date => new Date(nowMs);
  store = openMemoryStore({ clock });
  work = createWork(store, planRuntime({ clock }));
});

afterEach(() => store.close());

async function append(count = 1): Promise<number> {
  const events = Array.from({ length: count }, () => ({ type: "OrderPlaced", data: {} }));
  return (await store.append({ stream: "order-1", events })).position;
}

async function put(space: string, key: string, value: unknown): Promise<void> {
  await store.readSide.commit({ put: [{ space, key, value }] });
}

function aProgress(progress: Partial<WorkProgress> = {}): WorkProgress {
  return { state: "live", error: undefined, ratePerSecond: 0, ...progress };
}

async function aMember(id: string, member: Partial<MemberRecord> = {}): Promise<void> {
  const record = { label: `host/${id}`, ...thisProcess, works: [], beat: 1, leaseMs: 3_000, ...member };
  await put(spaces.members, id, record);
}

/** What killed processes of this machine leave behind. */
function deadPid(): number {
  return spawnSync(process.execPath, ["-e", ""]).pid;
}

async function aProjection(record: Partial<ProjectionRecord> = {}): Promise<void> {
  await put(spaces.projections, "orders", { wanted: "running", rebuild: 0, resumed: 0, ...record });
}

async function aRun(generation: number, progress?: Partial<WorkProgress>, run: object = {}): Promise<void> {
  const value = { holder: "m1", rebuild: 0, progress: aProgress(progress), ...run };
  await put(spaces.runs, recordKey("orders", generation), value);
}

describe("the status of a projection", () => {
  test("says what a running one does, and who runs it", async () => {
    await append(2);
    const documents = { "1": anOrder(), "2": anOrder() };
    const generation = await buildModel(store.readSide, orders, { position: 2, documents });
    await aMember("m1");
    await aProjection();
    await aRun(generation, { ratePerSecond: 40 });
    expect(await findProjectionStatus(work, "orders")).toEqual({
      name: "orders",
      version: 1,
      state: "live",
      position: 2,
      lag: { events: 0, ms: 0, isTooMuch: false },
      ratePerSecond: 40,
      owner: "host/m1",
      rebuild: undefined,
      error: undefined,
      parked: 0,
      documents: 2,
    });
  });

  test("measures the lag by the oldest event that remains", async () => {
    await append(3);
    await buildModel(store.readSide, orders, { position: 1 });
    nowMs += 4_000;
    await append(2);
    nowMs += 1_000;
    const { lag } = await findProjectionStatus(work, "orders");
    expect(lag).toEqual({ events: 4, ms: 5_000, isTooMuch: false });
    nowMs += 1;
    expect((await findProjectionStatus(work, "orders")).lag.isTooMuch).toBe(true);
    await aProjection({ lagAlertMs: 60_000 });
    expect((await findProjectionStatus(work, "orders")).lag.isTooMuch).toBe(false);
  });

  test.each([
    ["its owner is dead", { holder: "m1" }],
    ["its owner was never seen again", { holder: "vanished" }],
    ["it has no owner", { holder: undefined }],
  ])("is idle when %s, to a process that is no member", async (_, run) => {
    const generation = await buildModel(store.readSide, orders, { position: 0 });
    await aMember("m1", { pid: deadPid() });
    await aProjection();
    await aRun(generation, { state: "live", ratePerSecond: 7 }, run);
    const { state, owner, ratePerSecond } = await findProjectionStatus(work, "orders");
    expect({ state, owner, ratePerSecond }).toEqual({ state: "idle", owner: undefined, ratePerSecond: 0 });
  });

  test("is paused as soon as somebody paused it, and not paused any more once it was resumed", async () => {
    const generation = await buildModel(store.readSide, orders);
    await aMember("m1");
    await aRun(generation, { state: "live" });
    await aProjection({ wanted: "paused" });
    expect((await findProjectionStatus(work, "orders")).state).toBe("paused");
    await aRun(generation, { state: "paused" });
    await aProjection({ wanted: "running" });
    expect((await findProjectionStatus(work, "orders")).state).toBe("catching-up");
  });

  test("keeps the error of an owner that died", async () => {
    const error = { code: "PROJECTION_FAILED", message: "no", position: 3, at: "2026-11-21T11:00:00.000Z" };
    const generation = await buildModel(store.readSide, orders);
    await aProjection();
    await aRun(generation, { state: "halted", error }, { holder: undefined });
    expect(await findProjectionStatus(work, "orders")).toMatchObject({ state: "idle", error });
  });

  test("says how the first build goes", async () => {
    await append(300);
    const generation = await beginModel(store.readSide, orders, { position: 100 });
    await aMember("m1");
    await aProjection();
    await aRun(generation, { state: "building", ratePerSecond: 50 });
    expect(await findProjectionStatus(work, "orders")).toMatchObject({
      version: undefined,
      state: "building",
      position: 100,
      rebuild: { version: 1, state: "building", position: 100, head: 300, ratePerSecond: 50, etaMs: 4_000 },
    });
  });

  test("says how a rebuild goes beside the one that is read", async () => {
    await append(300);
    const active = await buildModel(store.readSide, orders, { position: 300, documents: { "1": anOrder() } });
    const building = await beginModel(store.readSide, orders, { version: 2, position: 30 });
    await aMember("m1");
    await aProjection();
    await aRun(active, { state: "live" });
    await aRun(building, { state: "building", ratePerSecond: 0 });
    expect(await findProjectionStatus(work, "orders")).toMatchObject({
      version: 1,
      state: "live",
      position: 300,
      documents: 1,
      rebuild: { version: 2, position: 30, head: 300, etaMs: undefined },
    });
  });

  test("tells of the builder when nobody runs the old version any more", async () => {
    await append(300);
    const active = await buildModel(store.readSide, orders, { position: 200 });
    const building = await beginModel(store.readSide, orders, { version: 2, position: 30 });
    await aMember("m1");
    await aProjection();
    await aRun(active, { state: "live" }, { holder: undefined });
    await aRun(building, { state: "building", ratePerSecond: 9 });
    expect(await findProjectionStatus(work, "orders")).toMatchObject({
      state: "building",
      owner: "host/m1",
      ratePerSecond: 9,
      position: 200,
    });
  });

  test("shows a rebuild from the moment it was asked for", async () => {
    await append(5);
    const generation = await buildModel(store.readSide, orders, { position: 5 });
    await aRun(generation);
    await aProjection({ rebuild: 1 });
    expect((await findProjectionStatus(work, "orders")).rebuild).toEqual({
      version: 1,
      state: "idle",
      position: 0,
      head: 5,
      ratePerSecond: 0,
      etaMs: undefined,
    });
    await aRun(generation, {}, { rebuild: 1 });
    expect((await findProjectionStatus(work, "orders")).rebuild).toBeUndefined();
  });

  test("counts what it has parked, not what others have", async () => {
    await buildModel(store.readSide, orders);
    await aProjection();
    for (const name of ["orders", "orders2"]) {
      await put(spaces.parked, `${ownerKey({ kind: "projection", name })}${recordKey("1", 1)}`, {});
    }
    await put(spaces.parked, `${ownerKey({ kind: "consumer", name: "orders" })}${recordKey("1", 1)}`, {});
    expect((await findProjectionStatus(work, "orders")).parked).toBe(1);
  });

  test("is listed by name, for all that were run and all that are stored", async () => {
    await buildModel(store.readSide, { ...orders, name: "stored" });
    await put(spaces.projections, "run", { wanted: "running", rebuild: 0, resumed: 0 });
    const statuses = await listProjectionStatuses(work);
    expect(statuses.map(({ name, version, state }) => [name, version, state])).toEqual([
      ["run", undefined, "idle"],
      ["stored", 1, "idle"],
    ]);
  });

  test("of a name that the store does not know is refused", async () => {
    await buildModel(store.readSide, orders);
    await expect(findProjectionStatus(work, "invoices")).rejects.toMatchObject({
      code: "PROJECTION_UNKNOWN",
      details: { projection: "invoices", known: ["orders"] },
    });
  });
});

describe("the status of a consumer", () => {
  async function aConsumer(record: Partial<ConsumerRecord> = {}): Promise<void> {
    const value = { wanted: "running", resumed: 0, partitions: 2, before: [], ...record };
    await put(spaces.consumers, "emails", value);
  }

  async function aPartition(
    partition: number,
    value: object,
    progress?: Partial<WorkProgress>,
  ): Promise<void> {
    const record = { holder: "m1", position: 0, progress: aProgress(progress), ...value };
    await put(spaces.partitions, recordKey("emails", partition), record);
  }

  test("is that of its partitions taken together", async () => {
    await append(5);
    await aMember("m1", { works: ["consumer/emails"] });
    await aMember("m2", { works: ["consumer/emails"] });
    await aMember("m3");
    await aConsumer();
    await aPartition(0, { position: 5 }, { ratePerSecond: 3 });
    await aPartition(1, { position: 2, holder: "m2" }, { ratePerSecond: 4, state: "retrying" });
    expect(await findConsumerStatus(work, "emails")).toEqual({
      name: "emails",
      state: "retrying",
      position: 2,
      lag: { events: 3, ms: 0, isTooMuch: false },
      ratePerSecond: 7,
      partitions: [
        { partition: 0, owner: "host/m1", position: 5, state: "live" },
        { partition: 1, owner: "host/m2", position: 2, state: "retrying" },
      ],
      members: ["host/m1", "host/m2"],
      error: undefined,
      parked: 0,
    });
  });

  test("leaves out partitions of an earlier layout", async () => {
    await aConsumer({ partitions: 1 });
    await aPartition(0, { position: 5 });
    await aPartition(1, { position: 2 });
    const { position, partitions } = await findConsumerStatus(work, "emails");
    expect([position, partitions.length]).toEqual([5, 1]);
  });

  test("is idle when none of its members lives, and paused when it was paused", async () => {
    await aMember("m1", { works: ["consumer/emails"], pid: deadPid() });
    await aConsumer();
    await aPartition(0, {}, { state: "catching-up" });
    expect(await findConsumerStatus(work, "emails")).toMatchObject({ state: "idle", members: [] });
    await aConsumer({ wanted: "paused" });
    expect((await findConsumerStatus(work, "emails")).state).toBe("paused");
  });

  test("shows the last error of all partitions", async () => {
    const [older, newer] = ["2026-11-21T11:00:00.000Z", "2026-11-21T11:00:01.000Z"].map((at) => {
      return { code: undefined, message: at, position: 1, at };
    });
    await aConsumer();
    await aPartition(0, {}, { error: newer });
    await aPartition(1, {}, { error: older });
    expect((await findConsumerStatus(work, "emails")).error).toEqual(newer);
  });

  test("can be told before any partition has an owner", async () => {
    await aConsumer();
    expect(await listConsumerStatuses(work)).toMatchObject([{ state: "idle", position: 0, partitions: [] }]);
  });

  test("of a name that the store does not know is refused", async () => {
    await aConsumer();
    await expect(findConsumerStatus(work, "bills")).rejects.toMatchObject({
      code: "CONSUMER_UNKNOWN",
      details: { consumer: "bills", known: ["emails"] },
    });
  });
});
