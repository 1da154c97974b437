import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { EventStore } from "../../../store/event-store.ts";
import { anEvent, logOf, refuses, someEvents, take, upTo, uuidOf } from "../helpers.ts";
import type { Lab, Topic } from "../kit.ts";

const events = [anEvent()];

/** One handle, and a second one if there can be one. */
async function handlesOf({ store, canOpenAgain, openAgain }: Lab): Promise<readonly EventStore[]> {
  return canOpenAgain ? [store, await openAgain(store)] : [store];
}

/** Appends within transactions beside those outside of them: what one remembers must not be behind the other. */
export const transactedAppendTests: Topic = {
  "revisions go on from one kind of append to the other": async (lab) => {
    const handles = await handlesOf(lab);
    for (const n of upTo(40)) {
      const append = { stream: "s", expect: n === 0 ? "none" : n - 1, events } as const;
      const store = handles[(n >> 1) % handles.length] as EventStore;
      const result = await (n % 2 === 0
        ? store.append(append)
        : store.readSide.transaction((transaction) => transaction.append(append)));
      assert.equal(result.revision, n);
      await refuses("REVISION_CONFLICT", () => store.append(append));
      await store.readSide.transaction(async (transaction) => {
        await refuses("REVISION_CONFLICT", () => transaction.append(append));
      });
    }
    assert.equal((await lab.store.verify()).isSound, true);
  },

  "conditions and ids know of both kinds of append": async (lab) => {
    const handles = await handlesOf(lab);
    for (const n of upTo(20)) {
      const [store, other] = [handles[0], handles.at(-1)] as [EventStore, EventStore];
      const tagged = { stream: `s-${n}`, events: [anEvent({ id: uuidOf(n), tags: [`t:${n}`] })] };
      const within = (batch: typeof tagged, from = store): ReturnType<EventStore["append"]> =>
        from.readSide.transaction((transaction) => transaction.append(batch));
      const first = await (n % 2 === 0 ? other.append(tagged) : within(tagged, other));
      assert.deepEqual(await within(tagged), { ...first, isDuplicate: true });
      assert.deepEqual(await store.append(tagged), { ...first, isDuplicate: true });
      const condition = { failIfMatch: [{ tags: [`t:${n}`] }] };
      await refuses("CONDITION_CONFLICT", () => store.append({ events }, { condition }));
      await store.readSide.transaction(async (transaction) => {
        await refuses("CONDITION_CONFLICT", () => transaction.append({ events }, { condition }));
        await transaction.append({ events }, { condition: { ...condition, after: first.position } });
      });
    }
  },

  "an append that waits for a transaction is decided on what that one has left": async ({ store }) => {
    for (const isUndone of [false, true]) {
      const stream = `s-${isUndone}`;
      let outside: Promise<unknown> = Promise.resolve();
      const transacting = store.readSide.transaction(async (transaction) => {
        await transaction.append({ stream, expect: "none", events });
        outside = store.append({ stream, expect: "none", events });
        outside.catch(() => undefined);
        await setTimeout(10);
        if (isUndone) throw new Error("undone");
      });
      if (isUndone) {
        await assert.rejects(transacting, { message: "undone" });
        await outside;
      } else {
        await transacting;
        await refuses("REVISION_CONFLICT", () => outside);
      }
      assert.equal((await store.findStream(stream))?.revision, 0);
    }
  },

  "whatever else is written to the log waits for a transaction, too": async ({ store }) => {
    await store.append({ stream: "gone", events });
    const done: string[] = [];
    const note = (what: string, writing: Promise<unknown>): Promise<unknown> =>
      writing.then(() => done.push(what));
    let outside: Promise<unknown>[] = [];
    await store.readSide.transaction(async (transaction) => {
      outside = [
        note("policy", store.setStreamPolicy("kept", { maxCount: 1 })),
        note("deletion", store.deleteStream("gone")),
        note("tombstone", store.tombstoneStream("dead")),
      ];
      await setTimeout(20);
      assert.deepEqual(done, []);
      await transaction.append({ stream: "dead", events });
      await transaction.append({ stream: "gone", expect: 0, events });
    });
    await Promise.all(outside);
    assert.equal((await store.findStream("gone"))?.state, "deleted");
    assert.equal((await store.findStream("dead"))?.state, "tombstoned");
    await store.readSide.transaction(async (transaction) => {
      await refuses("STREAM_TOMBSTONED", () => transaction.append({ stream: "dead", events }));
      const { revision } = await transaction.append({ stream: "gone", expect: "none", events });
      assert.equal(revision, 2);
    });
  },

  "calls of one body need not wait for each other, and take effect in their order": async ({ store }) => {
    await store.readSide.transaction(async (transaction) => {
      const appends = upTo(200).map((n) =>
        transaction.append({ stream: "s", events: [anEvent({ data: n })] }),
      );
      const commits = upTo(50).map((n) => transaction.commit({ put: [{ space: "s", key: "k", value: n }] }));
      const revisions = (await Promise.all(appends)).map((result) => result.revision);
      assert.deepEqual(revisions, upTo(200));
      await Promise.all(commits);
      assert.equal((await transaction.findRecord({ space: "s", key: "k" }))?.value, 49);
    });
    assert.deepEqual(
      (await logOf(store)).map((event) => event.data),
      upTo(200),
    );
  },

  "a large transaction is one transaction": async ({ store }) => {
    const appending = (end: () => void): Promise<void> =>
      store.readSide.transaction(async (transaction) => {
        for (const n of upTo(20)) await transaction.append({ stream: `s-${n}`, events: someEvents(500) });
        assert.equal((await transaction.read()).length, 10_000);
        end();
      });
    const undone = appending(() => {
      throw new Error("undone");
    });
    await assert.rejects(undone, { message: "undone" });
    assert.equal(await store.head(), 0);
    await appending(() => undefined);
    assert.equal((await logOf(store)).length, 10_000);
  },

  // Trap 2: whoever has read up to a position never finds anything new at or below it.
  "a subscription misses nothing of either kind of append": async (lab) => {
    const handles = await handlesOf(lab);
    const count = 60;
    const delivered = take(lab.store.subscribe(), count * 3);
    const writing = upTo(count).map(async (n) => {
      const store = handles[n % handles.length] as EventStore;
      if (n % 5 === 0) await setTimeout(n % 7);
      const append = { stream: `s-${n % 3}`, events };
      await Promise.all([
        store.append(append),
        store.readSide.transaction(async (transaction) => {
          await transaction.append(append);
          await transaction.append(append);
        }),
      ]);
    });
    await Promise.all(writing);
    const positions = (await delivered).map((event) => event.position);
    assert.deepEqual(
      positions,
      (await logOf(lab.store)).map((event) => event.position),
    );
    assert.equal(positions.length, count * 3);
  },
};
