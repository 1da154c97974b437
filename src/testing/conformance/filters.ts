import assert from "node:assert/strict";
import type { StoredEvent } from "../../core/event.ts";
import type { EventFilter, Query } from "../../core/query.ts";
import { definedParts } from "../../core/selections.ts";
import type { EventStore } from "../../store/event-store.ts";
import { passes } from "./filter-rule.ts";
import { anEvent, dataOf, logOf, refuses, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";
import type { Random } from "./random.ts";

const streams = [
  "order-1",
  "order-2",
  "orders-1",
  "invoice-1",
  "order",
  "a_b-1",
  "a%b-1",
  "axb-1",
  "Order-1",
];
const types = ["Placed", "Paid", "placed", "Shipped"];
const tags = ["x", "y", "z", "x:1", "x'1", "%"];
const correlationIds = [undefined, "c1", "c2", "C1"];

/** A few hundred events that differ in all that filters look at, some of them in one append. */
async function fill(store: EventStore, random: Random): Promise<StoredEvent[]> {
  for (const _ of upTo(80)) {
    const events = upTo(1 + random.integer(6)).map((n) =>
      anEvent({
        data: n,
        type: random.pick(types),
        tags: tags.filter(() => random.once(3)),
        metadata: { correlationId: random.pick(correlationIds) },
      }),
    );
    await store.append({ stream: random.pick(streams), events });
  }
  return logOf(store);
}

async function compare(store: EventStore, log: readonly StoredEvent[], filter: EventFilter): Promise<void> {
  const expected = log.filter((event) => passes(filter, event));
  const positions = async (options: object): Promise<number[]> =>
    (await logOf(store, { ...filter, ...options })).map((event) => event.position);
  const all = expected.map((event) => event.position);
  assert.deepEqual(await positions({}), all, JSON.stringify(filter));
  assert.deepEqual(await positions({ backwards: true, limit: 7 }), all.toReversed().slice(0, 7));
  const stream = await store.readStream("order-1", filter).toArray();
  assert.deepEqual(
    stream,
    expected.filter((event) => event.stream === "order-1"),
  );
}

function randomFilter(random: Random): EventFilter {
  const some = <Value>(values: readonly Value[]): Value[] => {
    const chosen = values.filter(() => random.once(3));
    return chosen.length === 0 ? [random.pick(values)] : chosen;
  };
  const maybe = <Value>(value: Value): Value | undefined => (random.once(3) ? value : undefined);
  return definedParts({
    types: maybe(some(types)),
    categories: maybe(some(["order", "orders", "invoice", "a_b", "a%b"])),
    streamPrefix: maybe(random.pick(["order", "order-", "a_", "a%", "", "O"])),
    tags: maybe(some(tags).slice(0, 2)),
    correlationId: maybe(random.pick(["c1", "c2", "c"])),
    query: maybe(
      upTo(random.integer(4)).map(() =>
        definedParts({ types: maybe(some(types)), tags: maybe(some(tags).slice(0, 2)) }),
      ),
    ),
  });
}

/** Filters that a store applies while reading. */
export const filterTests: Topic = {
  "each part of a filter picks the events that match it": async ({ store, random }) => {
    const log = await fill(store, random);
    const filters: readonly EventFilter[] = [
      {},
      { types: ["Placed"] },
      { types: ["Placed", "Paid"] },
      { categories: ["order"] },
      { categories: ["orders", "invoice"] },
      { streamPrefix: "order" },
      { streamPrefix: "order-1" },
      { tags: ["x"] },
      { tags: ["x", "y"] },
      { correlationId: "c1" },
      { query: [{ types: ["Paid"], tags: ["x"] }, { tags: ["y", "z"] }] },
      { query: [] },
      { query: [{}] },
      {
        types: ["Placed"],
        categories: ["order"],
        tags: ["x"],
        correlationId: "c2",
        query: [{ tags: ["y"] }],
      },
    ];
    for (const filter of filters) await compare(store, log, filter);
  },

  "a part that is there must say something: undefined and empty lists are refused": async ({ store }) => {
    const parts = ["types", "categories", "streamPrefix", "tags", "correlationId", "query"] as const;
    const bounds = ["from", "to", "since", "until"] as const;
    for (const part of [...parts, ...bounds]) {
      const options = { [part]: undefined };
      await refuses("ARGUMENT_INVALID", () => store.read(options).toArray());
      await refuses("ARGUMENT_INVALID", () => store.readStream("order-1", options).toArray());
    }
    for (const part of [...parts, "stream", "after"]) {
      await refuses("ARGUMENT_INVALID", () => store.subscribe({ [part]: undefined }));
    }
    for (const item of [{ types: undefined }, { tags: undefined }, { types: [] }, { tags: [] }]) {
      const query = [{ types: ["Placed"] }, item] as Query;
      await refuses("ARGUMENT_INVALID", () => store.read({ query }).toArray());
    }
    for (const part of ["types", "categories", "tags"]) {
      await refuses("ARGUMENT_INVALID", () => store.read({ [part]: [] }).toArray());
    }
    for (const part of ["prefix", "category"]) {
      await refuses("ARGUMENT_INVALID", () => store.listStreams({ [part]: undefined }));
    }
  },

  "letters count as they are: case, wildcards and quotes": async ({ store, random }) => {
    const log = await fill(store, random);
    const filters: readonly EventFilter[] = [
      { types: ["placed"] },
      { categories: ["Order"] },
      { categories: ["a_b"] },
      { streamPrefix: "a_" },
      { streamPrefix: "a%" },
      { streamPrefix: "%" },
      { tags: ["x'1"] },
      { tags: ["%"] },
      { correlationId: "C1" },
      { types: ["Placed' OR 1=1 --"] },
    ];
    for (const filter of filters) await compare(store, log, filter);
  },

  "random filters agree with the rule": async ({ store, random }) => {
    const log = await fill(store, random);
    for (const _ of upTo(60)) await compare(store, log, randomFilter(random));
  },

  "filters hold together with bounds": async ({ store, random }) => {
    const log = await fill(store, random);
    const head = await store.head();
    for (const _ of upTo(30)) {
      const filter = randomFilter(random);
      const [from, to] = [random.integer(head), random.integer(head + 10)];
      const expected = log.filter(
        (event) => passes(filter, event) && event.position >= from && event.position <= to,
      );
      assert.deepEqual(await logOf(store, { ...filter, from, to }), expected);
    }
  },

  "a tag and a correlation id of one event may differ by a single letter": async ({ store }) => {
    const pairs = upTo(9).flatMap((n) => upTo(9).map((m) => [String(n), String(m)] as const));
    const events = pairs.map(([tag, correlationId]) => anEvent({ tags: [tag], metadata: { correlationId } }));
    await Promise.all(events.map((event) => store.append({ stream: "s", events: [event] })));
    await store.append({ stream: "s", events });
    assert.equal((await dataOf(store, { tags: ["1"], correlationId: "2" })).length, 2);
    assert.deepEqual((await store.verify()).problems, []);
  },

  "a rare event is found among many": async ({ store }) => {
    for (const n of upTo(10)) {
      const events = upTo(2_000).map((m) =>
        n === 6 && m === 1_234
          ? anEvent({ data: "it", type: "Rare", tags: ["needle"] })
          : anEvent({ tags: ["hay"] }),
      );
      await store.append({ stream: `hay-${n}`, events });
    }
    assert.deepEqual(await dataOf(store, { types: ["Rare"] }), ["it"]);
    assert.deepEqual(await dataOf(store, { tags: ["needle"], backwards: true, limit: 1 }), ["it"]);
    assert.deepEqual(await dataOf(store, { query: [{ types: ["Rare"], tags: ["needle"] }] }), ["it"]);
    assert.deepEqual(await dataOf(store, { types: ["Rare"], tags: ["hay"] }), []);
  },
};
