import assert from "node:assert/strict";
import { definedParts } from "../../core/selections.ts";
import type { EventStore, Snapshot } from "../../store/event-store.ts";
import { anEvent, refuses, someEvents, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";

function aSnapshot(fields: Partial<Snapshot> = {}): Snapshot {
  const revision = fields.revision ?? 0;
  return {
    stream: "account-1",
    name: "account",
    stateVersion: 1,
    revision,
    takenAt: new Date(Date.UTC(2026, 0, 1) + revision * 1_000).toISOString(),
    state: Uint8Array.of(1, 2, 255, revision % 256),
    ...fields,
  };
}

const key = { name: "account", stateVersion: 1 };

/** A stream whose last revision is `last`. */
async function aStream(store: EventStore, last: number, stream: string = "account-1"): Promise<void> {
  await store.append({ stream, events: someEvents(last + 1) });
}

/** Snapshots, kept beside the log. */
export const snapshotTests: Topic = {
  "a snapshot is found as it was saved": async ({ store }) => {
    await aStream(store, 99);
    assert.equal(await store.snapshots.find("account-1", key), undefined);
    await store.snapshots.save(aSnapshot({ revision: 99 }));
    assert.deepEqual(await store.snapshots.find("account-1", key), aSnapshot({ revision: 99 }));
    assert.equal((await store.stats()).snapshots, 1);
  },

  "an empty state and a large one are kept": async ({ store }) => {
    await aStream(store, 0);
    for (const state of [new Uint8Array(), new Uint8Array(300_000).fill(7)]) {
      await store.snapshots.save(aSnapshot({ state }));
      assert.deepEqual((await store.snapshots.find("account-1", key))?.state, state);
    }
  },

  "the newest is found, or the newest at a revision": async ({ store }) => {
    await aStream(store, 30);
    for (const revision of [10, 20, 30]) await store.snapshots.save(aSnapshot({ revision }));
    const foundAt = async (atRevision?: number): Promise<number | undefined> =>
      (await store.snapshots.find("account-1", { ...key, ...definedParts({ atRevision }) }))?.revision;
    assert.equal(await foundAt(), 30);
    assert.equal(await foundAt(30), 30);
    assert.equal(await foundAt(29), 20);
    assert.equal(await foundAt(10), 10);
    assert.equal(await foundAt(9), undefined);
  },

  "other streams, names and state versions are not mixed up": async ({ store }) => {
    await aStream(store, 0);
    await store.snapshots.save(aSnapshot());
    assert.equal(await store.snapshots.find("account-2", key), undefined);
    assert.equal(await store.snapshots.find("account-1", { ...key, name: "other" }), undefined);
    assert.equal(await store.snapshots.find("account-1", { ...key, stateVersion: 2 }), undefined);
  },

  "the three newest of a stream and name are kept": async ({ store }) => {
    await aStream(store, 5);
    await store.snapshots.save(aSnapshot({ name: "other" }));
    for (const revision of upTo(6)) await store.snapshots.save(aSnapshot({ revision }));
    const kept = await store.snapshots.list("account-1");
    assert.deepEqual(
      kept.filter((one) => one.name === "account").map((one) => one.revision),
      [5, 4, 3],
    );
    assert.equal(kept.length, 4);
  },

  "as many are kept as the caller says": async ({ store }) => {
    await aStream(store, 6);
    for (const revision of upTo(6)) await store.snapshots.save(aSnapshot({ revision }), { keep: 5 });
    assert.equal((await store.snapshots.list("account-1")).length, 5);
    await store.snapshots.save(aSnapshot({ revision: 6 }), { keep: 1 });
    assert.deepEqual(
      (await store.snapshots.list("account-1")).map((one) => one.revision),
      [6],
    );
  },

  "a snapshot of a new state version is kept though older versions reached further": async ({ store }) => {
    await aStream(store, 30);
    for (const revision of [10, 20, 30]) await store.snapshots.save(aSnapshot({ revision }));
    const takenAt = "2026-06-01T00:00:00.000Z";
    await store.snapshots.save(aSnapshot({ revision: 5, stateVersion: 2, takenAt }));
    assert.equal((await store.snapshots.find("account-1", { ...key, stateVersion: 2 }))?.revision, 5);
  },

  "saving at the same revision again replaces": async ({ store }) => {
    await aStream(store, 0);
    for (const byte of upTo(5)) await store.snapshots.save(aSnapshot({ state: Uint8Array.of(byte) }));
    assert.equal((await store.snapshots.list("account-1")).length, 1);
    assert.deepEqual((await store.snapshots.find("account-1", key))?.state, Uint8Array.of(4));
  },

  "the caller's bytes stay the caller's": async ({ store }) => {
    await aStream(store, 0);
    const state = Uint8Array.of(1, 2, 3);
    const saving = store.snapshots.save(aSnapshot({ state }));
    state.fill(0);
    await saving;
    (await store.snapshots.find("account-1", key))?.state.fill(9);
    assert.deepEqual((await store.snapshots.find("account-1", key))?.state, Uint8Array.of(1, 2, 3));
  },

  "a snapshot beyond the end of its stream is refused, and leaves those that are there": async ({
    store,
  }) => {
    await refuses("ARGUMENT_INVALID", () => store.snapshots.save(aSnapshot()));
    await aStream(store, 2);
    await store.snapshots.save(aSnapshot({ revision: 1 }));
    await refuses("ARGUMENT_INVALID", () => store.snapshots.save(aSnapshot({ revision: 3 }), { keep: 1 }));
    assert.deepEqual(await store.snapshots.list("account-1"), [aSnapshot({ revision: 1 })]);
    assert.equal((await store.verify()).isSound, true);
  },

  "the end of a stream is that of its events ever, those removed too": async ({ store }) => {
    await aStream(store, 2);
    await store.deleteStream("account-1");
    await store.reclaim();
    await store.snapshots.save(aSnapshot({ revision: 2 }));
    await refuses("ARGUMENT_INVALID", () => store.snapshots.save(aSnapshot({ revision: 3 })));
    assert.equal((await store.verify()).isSound, true);
  },

  "clearing forgets one stream's snapshots": async ({ store }) => {
    await aStream(store, 0);
    await aStream(store, 0, "account-2");
    await store.snapshots.save(aSnapshot());
    await store.snapshots.save(aSnapshot({ stream: "account-2" }));
    await store.snapshots.clear("account-1");
    assert.deepEqual(await store.snapshots.list("account-1"), []);
    assert.equal((await store.snapshots.list("account-2")).length, 1);
  },

  "deleting a stream forgets its snapshots, for they tell what was deleted": async ({ store }) => {
    for (const remove of ["deleteStream", "tombstoneStream"] as const) {
      await store.append({ stream: "account-1", events: [anEvent()] });
      await store.snapshots.save(aSnapshot());
      await store[remove]("account-1");
      assert.equal(await store.snapshots.find("account-1", key), undefined);
    }
  },
};
