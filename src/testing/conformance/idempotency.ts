import assert from "node:assert/strict";
import type { NewEvent } from "../../core/event.ts";
import { anEvent, logOf, refuses, upTo, uuidOf } from "./helpers.ts";
import type { Topic } from "./kit.ts";

/** Events with the ids of these numbers; the data of each is its number. */
function named(...numbers: readonly number[]): NewEvent[] {
  return numbers.map((n) => anEvent({ id: uuidOf(n), data: n }));
}

/** Repeating an append by its event ids. */
export const idempotencyTests: Topic = {
  "a repeated append returns the first result again and stores nothing": async ({ store }) => {
    await store.append({ stream: "other", events: [anEvent()] });
    const first = await store.append({ stream: "s", events: named(1, 2, 3) });
    await store.append({ stream: "s", events: [anEvent()] });
    const head = await store.head();
    const again = await store.append({ stream: "s", events: named(1, 2, 3) });
    assert.deepEqual(again, { ...first, isDuplicate: true });
    assert.equal(await store.head(), head);
    assert.equal((await store.readStream("s").toArray()).length, 4);
  },

  "events without ids are never taken for a repetition": async ({ store }) => {
    for (const revision of upTo(3)) {
      const result = await store.append({ stream: "s", events: [anEvent()] });
      assert.deepEqual([result.revision, result.isDuplicate], [revision, false]);
    }
  },

  // Trap 11: idempotency that depends on the expected revision.
  "a repetition is recognised whatever is expected": async ({ store }) => {
    const first = await store.append({ stream: "s", expect: "none", events: named(1, 2) });
    await store.append({ stream: "s", events: [anEvent()] });
    for (const expect of ["any", "none", "exists", 0, 1, 2, 3, 99] as const) {
      const again = await store.append({ stream: "s", expect, events: named(1, 2) });
      assert.deepEqual(again, { ...first, isDuplicate: true });
    }
  },

  "a repetition is recognised whatever its condition": async ({ store }) => {
    const condition = { failIfMatch: [] };
    const first = await store.append({ stream: "s", events: named(1) }, { condition });
    const again = await store.append({ stream: "s", events: named(1) }, { condition });
    assert.deepEqual(again, { ...first, isDuplicate: true });
  },

  "a repetition over several streams returns all their places": async ({ store }) => {
    const batch = [
      { stream: "b", events: named(1, 2) },
      { stream: "a", events: named(3) },
    ];
    const first = await store.append(batch);
    await store.append({ stream: "a", events: named(4) });
    assert.deepEqual(await store.append(batch), { ...first, isDuplicate: true });
  },

  "a part of an earlier append repeated returns that part's place": async ({ store }) => {
    const first = await store.append({ stream: "s", events: named(1, 2, 3, 4) });
    const again = await store.append({ stream: "s", events: named(2, 3) });
    assert.deepEqual(again, {
      position: first.firstPosition + 2,
      firstPosition: first.firstPosition + 1,
      revision: 2,
      streams: [{ stream: "s", firstRevision: 1, revision: 2 }],
      isDuplicate: true,
    });
  },

  "of many equal appends at once one is stored and all return its place": async ({ store }) => {
    const append = { stream: "s", expect: "none", events: named(1, 2) } as const;
    const results = await Promise.all(upTo(16).map(() => store.append(append)));
    assert.equal(results.filter((result) => !result.isDuplicate).length, 1);
    assert.equal(new Set(results.map((result) => result.position)).size, 1);
    assert.equal((await logOf(store)).length, 2);
  },

  "an append of which only some ids are stored is refused": async ({ store }) => {
    await store.append({ stream: "s", events: named(1, 2) });
    for (const events of [named(2, 3), named(3, 1), [...named(1), anEvent()], named(1, 2, 3)]) {
      const { details } = await refuses("EVENT_ID_CONFLICT", () => store.append({ stream: "s", events }));
      assert.equal(details.event?.id, details.id);
      assert.equal(details.event.stream, "s");
    }
    assert.equal((await logOf(store)).length, 2);
  },

  "ids that are stored in another stream are refused": async ({ store }) => {
    await store.append({ stream: "s", events: named(1) });
    const { details } = await refuses("EVENT_ID_CONFLICT", () =>
      store.append({ stream: "t", events: named(1) }),
    );
    assert.equal(details.id, uuidOf(1));
    assert.equal(await store.findStream("t"), undefined);
  },

  "ids that are stored in another order are refused": async ({ store }) => {
    await store.append({ stream: "s", events: named(1, 2) });
    await refuses("EVENT_ID_CONFLICT", () => store.append({ stream: "s", events: named(2, 1) }));
    await store.append([
      { stream: "a", events: named(3) },
      { stream: "b", events: named(4) },
    ]);
    const turned = [
      { stream: "b", events: named(4) },
      { stream: "a", events: named(3) },
    ];
    await refuses("EVENT_ID_CONFLICT", () => store.append(turned));
  },

  "an id given twice in one append is refused": async ({ store }) => {
    await refuses("EVENT_ID_CONFLICT", () => store.append({ stream: "s", events: named(1, 2, 1) }));
    const batch = [
      { stream: "a", events: named(1) },
      { stream: "b", events: named(1) },
    ];
    await refuses("EVENT_ID_CONFLICT", () => store.append(batch));
    assert.equal(await store.head(), 0);
  },

  "an id in capitals is the same id": async ({ store }) => {
    const id = "abcdef01-2345-4789-8abc-def012345678";
    await store.append({ stream: "s", events: [anEvent({ id })] });
    const again = await store.append({ stream: "s", events: [anEvent({ id: id.toUpperCase() })] });
    assert.equal(again.isDuplicate, true);
  },

  "an id that the store made is recognised too": async ({ store }) => {
    const first = await store.append({ stream: "s", events: [anEvent()] });
    const [event] = await logOf(store);
    const again = await store.append({ stream: "s", events: [anEvent({ id: event?.id })] });
    assert.deepEqual(again, { ...first, isDuplicate: true });
    await refuses("EVENT_ID_CONFLICT", () =>
      store.append({ stream: "t", events: [anEvent({ id: event?.id })] }),
    );
  },

  "a repetition is recognised though its events are hidden": async ({ store }) => {
    const first = await store.append({ stream: "s", events: named(1, 2) });
    await store.deleteStream("s");
    assert.deepEqual(await store.append({ stream: "s", events: named(1, 2) }), {
      ...first,
      isDuplicate: true,
    });
    await store.tombstoneStream("s");
    assert.deepEqual(await store.append({ stream: "s", events: named(1, 2) }), {
      ...first,
      isDuplicate: true,
    });
    assert.deepEqual(await logOf(store), []);
  },

  "a refused append may be made again with the same ids": async ({ store }) => {
    await store.append({ stream: "s", events: [anEvent()] });
    await refuses("REVISION_CONFLICT", () => store.append({ stream: "s", expect: "none", events: named(1) }));
    const result = await store.append({ stream: "s", expect: 0, events: named(1) });
    assert.deepEqual([result.revision, result.isDuplicate], [1, false]);
  },
};
