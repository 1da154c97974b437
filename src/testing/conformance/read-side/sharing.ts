import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { EventStore } from "../../../store/event-store.ts";
import type { ReadSide } from "../../../store/read-side.ts";
import { anEvent, dataOf, refuses, upTo } from "../helpers.ts";
import type { Lab, Topic } from "../kit.ts";
import {
  advancing,
  aModel,
  anActiveModel,
  documentOf,
  everything,
  positionOf,
  put,
  shape,
  until,
  valueOf,
  winnersAmong,
  write,
} from "./helpers.ts";
import { increment } from "./transactions.ts";

const ref = { space: "s", key: "k" };
const name = "orders";

/** Two handles on one store, as two processes have them. */
async function pair({ store, openAgain }: Lab): Promise<readonly [EventStore, EventStore]> {
  return [store, await openAgain(store)];
}

/** One read side open more than once at a time. */
export const readSideSharingTests: Topic = {
  "what one handle has committed the other reads at once": async (lab) => {
    const [one, other] = await pair(lab);
    const generation = await anActiveModel(one.readSide);
    for (const n of upTo(12)) {
      const [writer, reader] = n % 2 === 0 ? [one, other] : [other, one];
      await writer.readSide.commit({
        ...advancing(generation, [n + 1, n + 2], write("k", { total: n })),
        put: [{ ...ref, value: n }],
      });
      assert.equal(await valueOf(reader.readSide, "k"), n);
      assert.deepEqual(await documentOf(reader.readSide, "k"), { total: n });
      await writer.readSide.transaction((transaction) =>
        transaction.append({ events: [anEvent({ data: n })] }),
      );
      assert.deepEqual(await dataOf(reader), upTo(n + 1));
    }
  },

  "of many on two handles who change one version exactly one wins": async (lab) => {
    const handles = await pair(lab);
    let { version } = await put(handles[0].readSide, "k");
    for (const _ of upTo(20)) {
      const expect = [{ ...ref, version }];
      const racers = upTo(6).map((n) =>
        (handles[n % 2] as EventStore).readSide.commit({ expect, put: [{ ...ref, value: n }] }),
      );
      assert.equal(await winnersAmong("RECORD_CONFLICT", racers), 1);
      version = (await handles[1].readSide.findRecord(ref))?.version ?? 0;
    }
  },

  "of many on two handles who move a read model on exactly one wins": async (lab) => {
    const handles = await pair(lab);
    const generation = await aModel(handles[0].readSide);
    for (const n of upTo(20)) {
      const racers = upTo(4).map((m) =>
        (handles[m % 2] as EventStore).readSide.commit(
          advancing(generation, [n, n + 1], write(`${n}-${m}`, {})),
          { isDurable: false },
        ),
      );
      assert.equal(await winnersAmong("MODEL_CONFLICT", racers), 1);
    }
    const { count } = await handles[1].readSide.countDocuments({ generation }, everything());
    assert.equal(count, 20);
  },

  "of two handles that make one generation exactly one does": async (lab) => {
    const handles = await pair(lab);
    for (const n of upTo(8)) {
      const generation = await handles[0].readSide.nextGeneration();
      const makers = handles.map(({ readSide }, m) =>
        readSide.commit({
          models: [{ step: "create", generation, name: `m${n}_${m}`, version: 1, shape }],
        }),
      );
      assert.equal(await winnersAmong("MODEL_CONFLICT", makers), 1);
    }
    assert.equal((await handles[1].readSide.listModels()).length, 8);
  },

  "transactions of two handles run one after the other": async (lab) => {
    const handles = await pair(lab);
    const transactions = upTo(24).map((n) => (handles[n % 2] as EventStore).readSide.transaction(increment));
    await Promise.all(transactions);
    assert.equal(await valueOf(handles[0].readSide, "k"), 24);
  },

  "a transaction of one handle and appends of the other take turns": async (lab) => {
    const [one, other] = await pair(lab);
    const appends: Promise<unknown>[] = [];
    for (const n of upTo(6)) {
      await one.readSide.transaction(async (transaction) => {
        const { position } = await transaction.append({ stream: "one", events: [anEvent({ data: n })] });
        appends.push(other.append({ stream: "other", events: [anEvent({ data: n })] }));
        await setTimeout(10);
        assert.equal(await transaction.head(), position);
        assert.equal((await dataOf(other)).includes(`${n}`), false);
        await transaction.append({ stream: "one", events: [anEvent({ data: `${n}` })] });
      });
      await one.append({ stream: "one", events: [anEvent()] });
    }
    await Promise.all(appends);
    const log = await other.read().toArray();
    assert.equal(log.length, 24);
    for (const [index, event] of log.entries()) {
      assert.ok(event.position > (log[index - 1]?.position ?? 0));
    }
    assert.equal((await one.verify()).isSound, true);
  },

  "the other handle is woken by a commit, a transaction and an append": async (lab) => {
    const [one, other] = await pair(lab);
    const wakers: ReadonlyArray<readonly [() => Promise<unknown>, () => Promise<boolean>]> = [
      [
        () => one.readSide.commit({ put: [{ ...ref, value: 0 }] }, { isDurable: false }),
        async () => (await valueOf(other.readSide, "k")) === 0,
      ],
      [() => one.readSide.transaction(increment), async () => (await valueOf(other.readSide, "k")) === 1],
      [() => one.append({ events: [anEvent()] }), async () => (await other.head()) > 0],
    ];
    for (const [wake, hasCome] of wakers) {
      const waiting = until(other.readSide, hasCome);
      await setTimeout(20);
      await wake();
      await waiting;
    }
  },

  "reads stay whole and never go back while generations are built and switched": async (lab) => {
    const [builder, reader] = await pair(lab);
    await anActiveModel(builder.readSide, documentsAt(1, 1));
    const end = new AbortController();
    const reading = read(reader.readSide, end.signal);
    try {
      for (const version of upTo(8).map((n) => n + 2)) await rebuild(builder.readSide, version);
    } finally {
      end.abort();
    }
    assert.ok((await reading) > 0);
    assert.equal((await reader.readSide.listModels()).length, 1);
  },

  "what one handle closes the other keeps": async (lab) => {
    const [one, other] = await pair(lab);
    await put(one.readSide, "k");
    await one.close();
    await refuses("STORE_CLOSED", () => one.readSide.findRecord(ref));
    assert.equal(await valueOf(other.readSide, "k"), 1);
    await other.readSide.transaction(increment);
    assert.equal(await valueOf(other.readSide, "k"), 2);
  },
};

const keys = upTo(20).map((n) => `k${n}`);

/** Every document says by which version and at which position it was written. */
function documentsAt(version: number, position: number): ReturnType<typeof write>[] {
  return keys.map((key) => write(key, { status: `${version}`, total: position }, position));
}

/** Builds the next version beside the active one, which goes on meanwhile, and switches. */
async function rebuild(readSide: ReadSide, version: number): Promise<void> {
  const generation = await aModel(readSide, { version });
  const active = (await readSide.listModels(name)).find((model) => model.state === "active");
  const from = active?.position ?? 0;
  for (const n of upTo(3)) {
    const next = advancing(
      active?.generation ?? 0,
      [from + n, from + n + 1],
      ...documentsAt(version - 1, from + n + 1),
    );
    await readSide.commit(next, { isDurable: false });
  }
  const to = (await positionOf(readSide, active?.generation ?? 0)) ?? 0;
  await readSide.commit(advancing(generation, [0, to], ...documentsAt(version, to)));
  await readSide.commit({ models: [{ step: "activate", generation }] });
}

/** Reads until the end, and says how often. */
async function read(readSide: ReadSide, end: AbortSignal): Promise<number> {
  let [reads, last] = [0, 0];
  while (!end.aborted) {
    const got = await readSide.getDocuments({ name }, keys);
    const found = await readSide.findDocuments({ name }, everything({ where: { total: { gt: 0 } } }));
    for (const { documents, stamp } of [got, found]) {
      const { version, position } = stamp ?? assert.fail("no read model was active");
      assert.ok(position >= last, `position ${position} after ${last}`);
      last = position;
      assert.equal(documents.length, keys.length);
      for (const document of documents) {
        assert.equal(document?.json, JSON.stringify({ status: `${version}`, total: position }));
      }
    }
    reads++;
    await setTimeout(0);
  }
  return reads;
}
