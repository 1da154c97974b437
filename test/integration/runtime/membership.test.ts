import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemberWatch } from "../../../src/runtime/member-watch.ts";
import { join } from "../../../src/runtime/membership.ts";
import type { Member } from "../../../src/runtime/membership.ts";
import { thisProcess } from "../../../src/runtime/process-identity.ts";
import { spaces } from "../../../src/runtime/records.ts";
import type { MemberRecord } from "../../../src/runtime/records.ts";
import { planRuntime } from "../../../src/runtime/runtime-options.ts";
import { createWork } from "../../../src/runtime/work.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import type { ReadSide } from "../../../src/store/read-side.ts";

const leaseMs = 3_000;
const beatMs = leaseMs / 3;

let store: EventStore;

beforeEach(() => {
  vi.useFakeTimers();
  store = openMemoryStore();
});

afterEach(async () => {
  await store.close();
  vi.useRealTimers();
});

async function aMember(readSide: ReadSide = store.readSide, errors: unknown[] = []): Promise<Member> {
  return join(readSide, new MemberWatch(readSide), { leaseMs, onError: (error) => errors.push(error) });
}

/** The record of a member that beats no more, such as one that was killed leaves behind. */
async function leaveBehind(id: string, record: Partial<MemberRecord> = {}): Promise<void> {
  const value = { label: "away/1", host: "away", pid: 1, namespace: "away", works: [], beat: 1, leaseMs };
  const put = [{ space: spaces.members, key: id, value: { ...value, ...record } }];
  await store.readSide.commit({ put });
}

async function memberIds(): Promise<readonly string[]> {
  return (await store.readSide.listRecords(spaces.members)).map(({ key }) => key);
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe("a member", () => {
  test("is seen by those that join later at once, and by those before at their next beat", async () => {
    const first = await aMember();
    const second = await aMember();
    expect(second.isAlive(first.id)).toBe(true);
    expect(second.alive()).toEqual([first.id, second.id].toSorted());
    expect(first.alive()).toEqual([first.id]);
    await pass(beatMs);
    expect(first.alive()).toEqual([first.id, second.id].toSorted());
  });

  test("stays alive for as long as it beats", async () => {
    const first = await aMember();
    const second = await aMember();
    await pass(20 * leaseMs);
    expect(first.isAlive(second.id)).toBe(true);
    expect(second.isAlive(first.id)).toBe(true);
  });

  test("is gone when its record has not changed for its lease time, not before", async () => {
    await leaveBehind("silent");
    const member = await aMember();
    await pass(leaseMs - beatMs);
    expect(member.isAlive("silent")).toBe(true);
    await pass(beatMs);
    expect(member.isAlive("silent")).toBe(false);
    expect(member.alive()).toEqual([member.id]);
  });

  test("is judged by its own lease time, not by that of who looks", async () => {
    await leaveBehind("patient", { leaseMs: 10 * leaseMs });
    const member = await aMember();
    await pass(9 * leaseMs);
    expect(member.isAlive("patient")).toBe(true);
  });

  test("is gone at once when its process on this machine is no more", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    await leaveBehind("killed", { ...thisProcess, pid });
    expect((await aMember()).isAlive("killed")).toBe(false);
  });

  test("of another machine or container is judged by its beats alone", async () => {
    const { pid } = spawnSync(process.execPath, ["-e", ""]);
    await leaveBehind("other-container", { ...thisProcess, pid, namespace: "pid:[1]" });
    await leaveBehind("other-host", { ...thisProcess, pid, host: "elsewhere" });
    await leaveBehind("unknown-namespace", { ...thisProcess, pid, namespace: "" });
    const member = await aMember();
    expect(member.alive()).toHaveLength(4);
  });

  test("is not taken for gone by one that stood still itself", async () => {
    const sleeper = await aMember();
    await leaveBehind("awake", { beat: 1 });
    await pass(beatMs);
    // Nothing runs in a process that stands still, while time goes on.
    vi.setSystemTime(Date.now() + 60_000);
    vi.spyOn(performance, "now").mockReturnValueOnce(performance.now() + 60_000);
    await pass(beatMs);
    expect(sleeper.isAlive("awake")).toBe(true);
  });

  test("makes its record again when others have removed it", async () => {
    const member = await aMember();
    await store.readSide.commit({ remove: [{ space: spaces.members, key: member.id }] });
    await pass(beatMs);
    expect(await memberIds()).toEqual([member.id]);
  });

  test("that is unknown counts as alive until it has been looked for", async () => {
    const member = await aMember();
    expect(member.isAlive("never-was")).toBe(true);
    await pass(beatMs);
    expect(member.isAlive("never-was")).toBe(false);
    await leaveBehind("never-was");
    await pass(beatMs);
    expect(member.isAlive("never-was")).toBe(true);
  });

  test("lets others take over at once when it leaves", async () => {
    const first = await aMember();
    const second = await aMember();
    await first.leave();
    expect(await memberIds()).toEqual([second.id]);
    await pass(beatMs);
    expect(second.isAlive(first.id)).toBe(false);
  });

  test("beats no more after it has left", async () => {
    const member = await aMember();
    member.takePart("projection/orders");
    await member.leave();
    await member.leave();
    await pass(10 * leaseMs);
    expect(await memberIds()).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("removes what others left behind, after a while", async () => {
    await leaveBehind("forgotten");
    const member = await aMember();
    await pass(19 * leaseMs);
    expect(await memberIds()).toContain("forgotten");
    await pass(2 * leaseMs);
    expect(await memberIds()).toEqual([member.id]);
  });

  test("goes on beating when beats fail, and tells of them", async () => {
    const errors: unknown[] = [];
    let isBroken = false;
    const breakable: ReadSide = Object.assign(Object.create(store.readSide) as ReadSide, {
      commit: (...given: Parameters<ReadSide["commit"]>) =>
        isBroken ? Promise.reject(new Error("no space")) : store.readSide.commit(...given),
      listRecords: (...given: Parameters<ReadSide["listRecords"]>) => store.readSide.listRecords(...given),
    });
    const member = await aMember(breakable, errors);
    isBroken = true;
    await pass(2 * beatMs);
    expect(errors).toEqual([new Error("no space"), new Error("no space")]);
    isBroken = false;
    await store.readSide.commit({ remove: [{ space: spaces.members, key: member.id }] });
    await pass(beatMs);
    expect(await memberIds()).toEqual([member.id]);
  });

  test("ends quietly when its store is closed under it", async () => {
    const errors: unknown[] = [];
    await aMember(store.readSide, errors);
    await store.close();
    await pass(2 * leaseMs);
    expect(errors).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("tells of a listener that throws, and calls the others", async () => {
    const errors: unknown[] = [];
    const member = await aMember(store.readSide, errors);
    const calls: string[] = [];
    member.onBeat(() => {
      throw new Error("listener");
    });
    const unlisten = member.onBeat(() => calls.push("beat"));
    await pass(beatMs);
    unlisten();
    await pass(beatMs);
    expect(calls).toEqual(["beat"]);
    expect(errors).toEqual([new Error("listener"), new Error("listener")]);
  });
});

describe("parts", () => {
  test("are known here at once, and elsewhere after the next beat", async () => {
    const first = await aMember();
    const second = await aMember();
    const leavePart = first.takePart("consumer/emails");
    expect(first.participants("consumer/emails")).toEqual([first.id]);
    expect(second.participants("consumer/emails")).toEqual([]);
    await pass(beatMs);
    expect(second.participants("consumer/emails")).toEqual([first.id]);
    leavePart();
    await pass(beatMs);
    expect(first.participants("consumer/emails")).toEqual([]);
    expect(second.participants("consumer/emails")).toEqual([]);
  });

  test("taken twice last until both are given up", async () => {
    const member = await aMember();
    const [one, other] = [member.takePart("projection/orders"), member.takePart("projection/orders")];
    one();
    one();
    expect(member.participants("projection/orders")).toEqual([member.id]);
    other();
    expect(member.participants("projection/orders")).toEqual([]);
  });

  test("are written down soon, not only with the next beat that is due", async () => {
    const member = await aMember();
    member.takePart("consumer/emails");
    member.takePart("consumer/bills");
    await pass(1);
    const [record] = await store.readSide.listRecords(spaces.members);
    expect(record?.value).toMatchObject({ works: ["consumer/bills", "consumer/emails"] });
  });
});

describe("what a handle takes part in", () => {
  test("has one member, whose lease time is the shortest that was asked for", async () => {
    const work = createWork(store, planRuntime());
    const [one, other] = await Promise.all([work.member(3_000), work.member(1_500)]);
    expect(one).toBe(other);
    await pass(1);
    const [record] = await store.readSide.listRecords(spaces.members);
    expect(record?.value).toMatchObject({ leaseMs: 1_500 });
    await work.leave();
    expect(await memberIds()).toEqual([]);
  });

  test("looks who is alive without becoming a member", async () => {
    const member = await aMember();
    const work = createWork(store, planRuntime());
    const members = await work.look();
    expect(members.alive()).toEqual([member.id]);
    expect(members.labelOf(member.id)).toBe(`${thisProcess.host}/${thisProcess.pid}`);
    expect(await memberIds()).toEqual([member.id]);
    await work.leave();
  });

  test("can join after an attempt that failed", async () => {
    const failing = { calls: 0 };
    const readSide = Object.assign(Object.create(store.readSide) as ReadSide, {
      commit: (...given: Parameters<ReadSide["commit"]>) =>
        failing.calls++ === 0 ? Promise.reject(new Error("busy")) : store.readSide.commit(...given),
      listRecords: (...given: Parameters<ReadSide["listRecords"]>) => store.readSide.listRecords(...given),
    });
    const work = createWork(Object.assign(Object.create(store) as EventStore, { readSide }), planRuntime());
    await expect(work.member(leaseMs)).rejects.toThrow("busy");
    await expect(work.member(leaseMs)).resolves.toBeDefined();
    await work.leave();
  });
});
