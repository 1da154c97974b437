import assert from "node:assert/strict";
import type { EventStore, Snapshot } from "../../store/event-store.ts";
import { anEvent, listOf, uuidOf } from "./helpers.ts";
import type { Topic } from "./kit.ts";

/** So long a loop may run before a test concludes that it would run for ever. */
const loopMsMax = 3_000;

/** So often the event loop must turn, since one turn may be luck. */
const turnsWanted = 3;

/** Reads in a loop that awaits nothing else, until the event loop has turned a few times. */
export async function expectTurns(read: () => Promise<unknown>): Promise<void> {
  let turns = 0;
  let next: NodeJS.Immediate | undefined;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  next = setImmediate(count);
  const reads = await readUntil(read, () => turns >= turnsWanted);
  clearImmediate(next);
  assert.ok(turns >= turnsWanted, `the event loop turned ${turns} times during ${reads} reads`);
}

/** Reads until something holds, or far too long. Returns how often it has read. */
export async function readUntil(read: () => Promise<unknown>, holds: () => boolean): Promise<number> {
  const giveUp = performance.now() + loopMsMax;
  let reads = 0;
  for (; !holds() && performance.now() < giveUp; reads++) await read();
  return reads;
}

const snapshotKey = { name: "account", stateVersion: 1 };
const snapshot: Snapshot = {
  stream: "s",
  ...snapshotKey,
  revision: 0,
  takenAt: "2026-01-01T00:00:00.000Z",
  state: new Uint8Array(1),
};

/** What callers read in a loop. */
const reads: Readonly<Record<string, (store: EventStore) => Promise<unknown>>> = {
  "`head`": (store) => store.head(),
  "`findEvent`": (store) => store.findEvent(uuidOf(1)),
  "`findStream`": (store) => store.findStream("s"),
  "`read`, of a short log": (store) => store.read().toArray(),
  "`read`, left at the first event": async (store) => {
    const events = store.read()[Symbol.asyncIterator]();
    await events.next();
    await events.return?.();
  },
  "`read`, of what is not there yet": (store) => store.read({ from: 1_000 }).toArray(),
  "`readStream`": (store) => store.readStream("s").toArray(),
  "`readStream`, of a stream that is not there yet": (store) => store.readStream("new").toArray(),
  "`listStreams`": (store) => listOf(store.listStreams()),
  "`listStreams`, of none": (store) => listOf(store.listStreams({ prefix: "none" })),
  "`stats`": (store) => store.stats(),
  "`verify`": (store) => store.verify(),
  "`snapshots.find`": (store) => store.snapshots.find("s", snapshotKey),
  "`snapshots.list`": (store) => store.snapshots.list("s"),
};

function testOf(read: (store: EventStore) => Promise<unknown>): Topic[string] {
  return async ({ store }) => {
    await store.append({ stream: "s", events: [anEvent({ id: uuidOf(1) }), anEvent()] });
    await store.snapshots.save(snapshot);
    await expectTurns(() => read(store));
  };
}

/** Reads that end without I/O let other work of the process run. */
export const eventLoopTests: Topic = {
  ...Object.fromEntries(
    Object.entries(reads).map(([name, read]) => [`a loop of ${name} lets the event loop turn`, testOf(read)]),
  ),

  "a loop that waits for an append of the same process sees it": async ({ store }) => {
    let head = 0;
    const appending = store.append({ stream: "s", events: [anEvent()] });
    await readUntil(
      async () => {
        head = await store.head();
      },
      () => head > 0,
    );
    assert.equal(head, 1);
    await appending;
  },
};
