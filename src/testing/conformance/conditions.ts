import assert from "node:assert/strict";
import type { NewEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import type { Query } from "../../core/query.ts";
import { definedParts } from "../../core/selections.ts";
import type { EventStore } from "../../store/event-store.ts";
import { anEvent, logOf, refuses, someEvents, upTo, winnersOf } from "./helpers.ts";
import type { Topic } from "./kit.ts";

const events = [anEvent()];

/** Whether an append on this condition is accepted. */
async function holds(store: EventStore, failIfMatch: Query, after?: number): Promise<boolean> {
  const append = store.append(
    { stream: "probe", events },
    { condition: definedParts({ failIfMatch, after }) },
  );
  return (await winnersOf("CONDITION_CONFLICT", [append])).length === 1;
}

function subscribed(course: string, student: string): NewEvent {
  return { type: "StudentSubscribed", data: {}, tags: [`course:${course}`, `student:${student}`] };
}

/** Dynamic consistency boundaries, with the edge cases of https://dcb.events. */
export const conditionTests: Topic = {
  "a condition fails on a matching event and names it": async ({ store }) => {
    await store.append({ stream: "a", events: someEvents(2, { type: "Other" }) });
    await store.append({ stream: "b", events: [subscribed("c1", "ada")] });
    const condition = { failIfMatch: [{ types: ["StudentSubscribed"], tags: ["course:c1"] }] };
    const error = await refuses("CONDITION_CONFLICT", () =>
      store.append({ stream: "c", events }, { condition }),
    );
    assert.equal(error.isRetryable, true);
    const [event] = await store.readStream("b").toArray();
    assert.ok(event !== undefined);
    const { id, type, stream, revision, position } = event;
    assert.deepEqual(error.details.event, { id, type, stream, revision, position });
    assert.deepEqual(error.details.condition.failIfMatch, condition.failIfMatch);
    assert.equal(await store.findStream("c"), undefined);
  },

  "a condition that nothing matches holds": async ({ store }) => {
    await store.append({ stream: "a", events: [subscribed("c1", "ada")] });
    assert.equal(await holds(store, [{ types: ["StudentSubscribed"], tags: ["course:c2"] }]), true);
  },

  "only events after `after` count": async ({ store }) => {
    const { position } = await store.append({ stream: "a", events: [subscribed("c1", "ada")] });
    const query = [{ tags: ["course:c1"] }];
    assert.equal(await holds(store, query), false);
    assert.equal(await holds(store, query, 0), false);
    assert.equal(await holds(store, query, position - 1), false);
    assert.equal(await holds(store, query, position), true);
  },

  "a condition is taken as it is when the append is made": async ({ store }) => {
    const { position } = await store.append({ stream: "a", events: [subscribed("c1", "ada")] });
    const tags = ["course:c1"];
    const condition = { failIfMatch: [{ tags, note: 1n }], after: position - 1, model: () => tags };
    const append = store.append({ stream: "c", events }, { condition });
    tags[0] = "course:c2";
    condition.after = position;
    await refuses("CONDITION_CONFLICT", () => append);
  },

  "an item may name more tags than an event can carry": async ({ store }) => {
    await store.append({ stream: "a", events: someEvents(2_000, { tags: ["tag:0"] }) });
    const tags = upTo(limits.queryItemsMax).map((n) => `tag:${n}`);
    const [, neighbour] = await Promise.all([
      store.append({ stream: "b", events }, { condition: { failIfMatch: [{ tags }] } }),
      store.append({ stream: "c", events }),
    ]);
    assert.equal(neighbour.revision, 0);
    assert.deepEqual(await logOf(store, { tags }), []);
    assert.deepEqual(await logOf(store, { tags, backwards: true }), []);
  },

  "an `after` beyond the head holds while nothing matches after it": async ({ store }) => {
    const { position } = await store.append({ stream: "a", events: [subscribed("c1", "ada")] });
    assert.equal(await holds(store, [{ tags: ["course:c1"] }], position + 1_000), true);
  },

  "the types of an item are alternatives, its tags must all be there": async ({ store }) => {
    await store.append({ stream: "a", events: [anEvent({ type: "A", tags: ["x", "y"] })] });
    const { position: after } = await store.append({
      stream: "a",
      events: [anEvent({ type: "B", tags: ["x"] })],
    });
    const expected: ReadonlyArray<readonly [Query, boolean]> = [
      [[{ types: ["B", "C"] }], false],
      [[{ types: ["C", "D"] }], true],
      [[{ tags: ["x", "y"] }], false],
      [[{ tags: ["x", "z"] }], true],
      [[{ types: ["B"], tags: ["y"] }], true],
      [[{ types: ["A"], tags: ["y", "x"] }], false],
    ];
    for (const [query, isHolding] of expected) {
      assert.equal(await holds(store, query), isHolding, JSON.stringify(query));
    }
    assert.equal(await holds(store, [{ types: ["A"] }], after), true);
  },

  "the items of a query are alternatives": async ({ store }) => {
    await store.append({ stream: "a", events: [subscribed("c1", "ada")] });
    assert.equal(await holds(store, [{ types: ["X"] }, { tags: ["student:ada"] }]), false);
    assert.equal(await holds(store, [{ types: ["X"] }, { tags: ["student:bob"] }]), true);
    assert.equal(await holds(store, [{ types: ["X"] }, {}]), false);
  },

  "the empty query matches everything and so locks the log": async ({ store }) => {
    assert.equal(await holds(store, []), true);
    const after = await store.head();
    assert.equal(await holds(store, []), false);
    const appends = upTo(8).map((n) =>
      store.append({ stream: `s-${n}`, events }, { condition: { failIfMatch: [], after } }),
    );
    assert.equal((await winnersOf("CONDITION_CONFLICT", appends)).length, 1);
  },

  "the append's own events do not count": async ({ store }) => {
    const condition = { failIfMatch: [{ types: ["ThingHappened"] }] };
    await store.append({ stream: "a", events: someEvents(3) }, { condition });
    await refuses("CONDITION_CONFLICT", () => store.append({ stream: "a", events }, { condition }));
  },

  "events without a stream are guarded as well": async ({ store }) => {
    const condition = { failIfMatch: [{ tags: ["course:c1", "student:ada"] }] };
    await store.append({ events: [subscribed("c1", "ada")] }, { condition });
    await refuses("CONDITION_CONFLICT", () =>
      store.append({ events: [subscribed("c1", "ada")] }, { condition }),
    );
    await store.append(
      { events: [subscribed("c1", "bob")] },
      { condition: { failIfMatch: [{ tags: ["student:bob"] }] } },
    );
  },

  "a condition stands beside expectations, which are looked at first": async ({ store }) => {
    await store.append({ stream: "a", events });
    const condition = { failIfMatch: [] };
    await refuses("REVISION_CONFLICT", () =>
      store.append({ stream: "a", expect: "none", events }, { condition }),
    );
    await refuses("CONDITION_CONFLICT", () =>
      store.append({ stream: "a", expect: 0, events }, { condition }),
    );
    const after = await store.head();
    await store.append({ stream: "a", expect: 0, events }, { condition: { failIfMatch: [], after } });
  },

  "a failed condition keeps the events of all streams out": async ({ store }) => {
    await store.append({ stream: "a", events });
    const batch = upTo(5).map((n) => ({ stream: `new-${n}`, events }));
    await refuses("CONDITION_CONFLICT", () => store.append(batch, { condition: { failIfMatch: [] } }));
    assert.equal((await logOf(store)).length, 1);
  },

  "hidden events do not count": async ({ store }) => {
    await store.append({ stream: "a", events: [subscribed("c1", "ada")] });
    await store.append({ stream: "b", events: [subscribed("c1", "bob"), subscribed("c1", "cid")] });
    await store.deleteStream("a");
    assert.equal(await holds(store, [{ tags: ["student:ada"] }]), true);
    await store.setStreamPolicy("b", { maxCount: 1 });
    assert.equal(await holds(store, [{ tags: ["student:bob"] }]), true);
    assert.equal(await holds(store, [{ tags: ["student:cid"] }]), false);
  },

  "a condition sees the appends made before it in the same turn": async ({ store }) => {
    const condition = { failIfMatch: [{ tags: ["student:ada"] }] };
    const appends = upTo(3).map((n) =>
      store.append({ stream: `s-${n}`, events: [subscribed("c1", "ada")] }, { condition }),
    );
    const settled = await Promise.allSettled(appends);
    assert.deepEqual(
      settled.map((one) => one.status),
      ["fulfilled", "rejected", "rejected"],
    );
  },

  // Trap 3: several of the racers commit.
  "of eight racers on one condition exactly one wins, round after round": async ({ store }) => {
    for (const round of upTo(25)) {
      const after = await store.head();
      const condition = {
        failIfMatch: [{ types: ["StudentSubscribed"], tags: [`course:${round % 3}`] }],
        after,
      };
      const appends = upTo(8).map((n) =>
        store.append(
          { stream: `student-${round}-${n}`, events: [subscribed(`${round % 3}`, `${n}`)] },
          { condition },
        ),
      );
      assert.equal((await winnersOf("CONDITION_CONFLICT", appends)).length, 1);
    }
    assert.equal((await logOf(store)).length, 25);
  },

  "conditions that do not overlap all hold at once": async ({ store }) => {
    const appends = upTo(64).map((n) =>
      store.append(
        { events: [subscribed("c1", `${n}`)] },
        { condition: { failIfMatch: [{ tags: [`student:${n}`] }] } },
      ),
    );
    assert.equal((await Promise.all(appends)).length, 64);
  },

  "a course of ten seats takes exactly ten of forty who race for it": async ({ store }) => {
    const query = [{ types: ["StudentSubscribed"], tags: ["course:c1"] }];
    const subscribe = async (student: string): Promise<boolean> => {
      for (;;) {
        const taken = await logOf(store, { query });
        if (taken.length >= 10) return false;
        const condition = { failIfMatch: query, after: taken.at(-1)?.position ?? 0 };
        const append = { events: [subscribed("c1", student)] };
        if ((await winnersOf("CONDITION_CONFLICT", [store.append(append, { condition })])).length === 1) {
          return true;
        }
      }
    };
    const outcomes = await Promise.all(upTo(40).map((n) => subscribe(`${n}`)));
    assert.equal(outcomes.filter((isIn) => isIn).length, 10);
    assert.equal((await logOf(store, { query })).length, 10);
  },
};
