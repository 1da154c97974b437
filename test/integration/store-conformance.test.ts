/**
 * The conformance kit on stores that break a promise each: the test that guards the promise must fail.
 */
import { setImmediate } from "node:timers/promises";
import { HithertoError } from "hitherto/core";
import type { StoredEvent } from "hitherto/core";
import { openMemoryStore, openSubscription } from "hitherto/store";
import type {
  AppendOptions,
  EventSequence,
  EventStore,
  ReadOptions,
  StreamAppend,
  SubscriptionSource,
} from "hitherto/store";
import { storeConformance } from "hitherto/testing";
import type { StoreConformance } from "hitherto/testing";
import { describe, expect, test } from "vitest";
import { definedParts } from "../../src/core/selections.ts";
import { kitTests } from "../support/kit-tests.ts";

/** The tests of the kit by `topic: name`. */
function testsOf(
  open: () => EventStore,
  options: Partial<StoreConformance> = {},
): Map<string, () => Promise<void>> {
  return kitTests((runner) => storeConformance({ name: "a store", runner, open, ...options }));
}

/** A memory store of which some methods behave otherwise; the others stay as they are. */
function brokenStore(change: (store: EventStore) => Partial<EventStore>): EventStore {
  const store = openMemoryStore();
  const changed = change(store);
  return new Proxy(store, {
    get: (_, key) => {
      const value: unknown = Reflect.get(Object.hasOwn(changed, key) ? changed : store, key);
      return typeof value === "function" ? (value as () => unknown).bind(store) : value;
    },
  });
}

type Append = (
  batch: StreamAppend | readonly StreamAppend[],
  options?: AppendOptions,
) => ReturnType<EventStore["append"]>;

const entriesOf = (batch: StreamAppend | readonly StreamAppend[]): readonly StreamAppend[] =>
  (Array.isArray(batch) ? batch : [batch]) as readonly StreamAppend[];

const appending = (append: (store: EventStore) => Append) => (store: EventStore) => ({
  append: append(store),
});

const reading = (change: (options: ReadOptions) => ReadOptions) => (store: EventStore) => ({
  read: (options: ReadOptions = {}) => store.read(change(options)),
  readStream: (stream: string, options: ReadOptions = {}) => store.readStream(stream, change(options)),
});

/** What is broken, how, and the test that tells. */
const broken: readonly (readonly [string, (store: EventStore) => Partial<EventStore>, string])[] = [
  [
    "erases nothing, and says that it did",
    () => ({ reclaim: async () => ({ events: 4, isErased: true }) }),
    "lifecycle: erasing takes every hidden event, and what shares an append with it stays",
  ],
  [
    "ignores the expectation `none`",
    appending(
      (store) => (batch, options) =>
        store.append(
          entriesOf(batch).map((one) => (one.expect === "none" ? { ...one, expect: "any" } : one)),
          options,
        ),
    ),
    "expectations: of two concurrent creations exactly one wins",
  ],
  [
    "reports an empty append as a conflict",
    appending((store) => (batch, options) => {
      const [first] = entriesOf(batch);
      if (first?.events.length !== 0) return store.append(batch, options);
      const details = { stream: first.stream ?? "", expected: "none", actual: 0 } as const;
      return Promise.reject(new HithertoError("REVISION_CONFLICT", details));
    }),
    "bad input: an append without events is empty, whatever it expects",
  ],
  [
    "ignores conditions",
    appending((store) => (batch) => store.append(batch)),
    "conditions: of eight racers on one condition exactly one wins, round after round",
  ],
  [
    "checks a condition before it waits for its turn",
    appending((store) => async (batch, options) => {
      if (options?.condition === undefined) return store.append(batch);
      const { failIfMatch: query, after = 0 } = options.condition;
      const [event] = await store.read({ query, from: after + 1, limit: 1 }).toArray();
      if (event === undefined) return store.append(batch);
      throw new HithertoError("CONDITION_CONFLICT", { condition: { failIfMatch: query }, event });
    }),
    "conditions: of eight racers on one condition exactly one wins, round after round",
  ],
  [
    "forgets ids",
    appending((store) => (batch, options) => {
      const events = (one: StreamAppend): StreamAppend["events"] =>
        one.events.map((event) => ({ ...event, id: undefined }));
      return store.append(
        entriesOf(batch).map((one) => ({ ...one, events: events(one) })),
        options,
      );
    }),
    "idempotency: a repeated append returns the first result again and stores nothing",
  ],
  [
    "looks at the expectation before the ids",
    appending((store) => async (batch, options) => {
      for (const { stream = "", expect: expected = "any" } of entriesOf(batch)) {
        const actual = (await store.findStream(stream))?.revision ?? "none";
        if (typeof expected !== "number" || actual === expected) continue;
        throw new HithertoError("REVISION_CONFLICT", { stream, expected, actual });
      }
      return store.append(batch, options);
    }),
    "idempotency: a repetition is recognised whatever is expected",
  ],
  [
    "appends stream by stream",
    appending((store) => async (batch, options) => {
      const results = [];
      for (const one of entriesOf(batch)) results.push(await store.append(one, options));
      const last = results.at(-1);
      if (last === undefined) return store.append([]);
      return { ...last, streams: results.flatMap((result) => result.streams) };
    }),
    "expectations: a conflict on one stream keeps the events of all streams out",
  ],
  [
    "reads one event too many",
    reading((options) => ({ ...options, ...(options.limit ? { limit: options.limit + 1 } : {}) })),
    "reads: bounds and limits of a stream are exact, both ways",
  ],
  [
    "leaves out the event at `from`",
    reading((options) => ({ ...options, ...(options.from ? { from: options.from + 1 } : {}) })),
    "reads: bounds and limits of a stream are exact, both ways",
  ],
  [
    "goes on behind an empty page without knowing where the log ended",
    (store) => ({
      readStream: (stream, options = {}) => {
        const { from = 0, limit = 1_000_000 } = options;
        const toArray = async (): Promise<StoredEvent[]> => {
          const page = await store.readStream(stream, { ...options, to: from + limit - 1 }).toArray();
          return page.length > 0
            ? page
            : store.readStream(stream, { ...options, from: from + limit }).toArray();
        };
        return { ...store.readStream(stream, options), toArray };
      },
    }),
    "reads at an empty tail while batches are appended: a stream is read from its first new event",
  ],
  [
    "asks for its end after it has found a page empty",
    (store) => ({
      read: (options = {}) => {
        const toArray = async (): Promise<StoredEvent[]> => {
          const page = await store.read(options).toArray();
          if (page.length > 0) return page;
          return store.read({ ...options, to: (await store.head()) - (options.limit ?? 0) }).toArray();
        };
        return { ...store.read(options), toArray };
      },
    }),
    "reads at an empty tail while batches are appended: the log is read backwards from its last event",
  ],
  [
    "ignores `until`",
    reading(({ until: _until, ...options }) => options),
    "reads: `since` and `until` include their moments, as dates and as text",
  ],
  [
    "takes what is undefined for what is left out",
    reading((options) => definedParts(options)),
    "filters: a part that is there must say something: undefined and empty lists are refused",
  ],
  [
    "appends whatever guard is undefined",
    appending(
      (store) =>
        (batch, options = {}) =>
          store.append(batch, definedParts(options)),
    ),
    "bad input: what guards or places an append or a removal is refused when it is undefined",
  ],
  [
    "takes any of the tags for all of them",
    reading(({ tags, ...options }) =>
      tags && tags.length > 1
        ? { ...options, query: tags.map((tag) => ({ tags: [tag] })) }
        : { ...options, ...(tags && { tags }) },
    ),
    "filters: each part of a filter picks the events that match it",
  ],
  [
    "answers from a cache, without ever letting the event loop turn",
    () => ({ head: () => Promise.resolve(1) }),
    "event loop: a loop of `head` lets the event loop turn",
  ],
  [
    "holds all events that it has read",
    (store) => {
      const held: unknown[] = [];
      const holding = (sequence: EventSequence): EventSequence => ({
        ...sequence,
        async *pages() {
          for await (const page of sequence.pages()) {
            held.push(structuredClone(page));
            yield page;
          }
        },
      });
      return { read: (options) => holding(store.read(options)) };
    },
    "flat memory: memory stays flat while reading the log, a stream backwards, and following",
  ],
  [
    "does not delete",
    () => ({ deleteStream: () => Promise.resolve() }),
    "lifecycle: a deleted stream reads as empty everywhere",
  ],
  [
    "keeps one event more than `maxCount`",
    (store) => ({
      setStreamPolicy: (stream, policy) =>
        store.setStreamPolicy(
          stream,
          policy.maxCount ? { ...policy, maxCount: policy.maxCount + 1 } : policy,
        ),
    }),
    "model: random operations agree with the model",
  ],
  [
    "calls a refused append a success",
    appending(
      (store) => (batch, options) =>
        store.append(batch, options).catch(async () => {
          const position = await store.head();
          return { position, firstPosition: position, revision: 0, streams: [], isDuplicate: false };
        }),
    ),
    "racing: the log explains what each of many racing writers was told",
  ],
  [
    "delivers twice what comes while a subscription catches up",
    (store) => ({
      subscribe: (options) => {
        const live = store.subscribe(options);
        const all = async function* (): AsyncGenerator<StoredEvent> {
          const start = await store.head();
          await setImmediate();
          yield* store.read({ ...options, signal: undefined });
          yield* store.subscribe({ ...options, after: start });
        };
        return Object.assign(Object.create(live) as typeof live, { [Symbol.asyncIterator]: all });
      },
    }),
    "subscriptions: many subscriptions begun while events come in all see all of them",
  ],
  [
    "lets each subscription that waits look by itself",
    (store) => {
      const { url } = store;
      const watch = (listener: () => void): (() => void) =>
        (store as unknown as SubscriptionSource).watch(listener);
      return {
        subscribe: (options) => {
          const source: SubscriptionSource = {
            url,
            watch,
            read: (...given) => store.read(...given),
            readStream: (...given) => store.readStream(...given),
            head: () => store.head(),
            findStream: (stream) => store.findStream(stream),
          };
          return openSubscription(source, options);
        },
      };
    },
    "subscriptions: an append costs a few reads, however many subscriptions wait for something else",
  ],
  [
    "claims to survive",
    (store) => ({ stats: async () => ({ ...(await store.stats()), durability: "fsync" }) }),
    "volatility: it says that nothing survives it",
  ],
];

describe("the conformance kit", () => {
  for (const [what, change, name] of broken) {
    test(`catches a store that ${what}`, async () => {
      const body = testsOf(() => brokenStore(change)).get(name);
      expect(body, `there is no test "${name}"`).toBeDefined();
      await expect(body?.()).rejects.toThrow();
    });
  }

  test("passes a store that breaks nothing behind the same wrapping", async () => {
    const tests = testsOf(() => brokenStore(() => ({})));
    for (const name of new Set(broken.map(([, , one]) => one))) await tests.get(name)?.();
  });

  test("repeats a random test by its seed, and tells the seed of a failure", async () => {
    const name = "model: random operations agree with the model";
    const policies = (store: EventStore): Partial<EventStore> => ({
      setStreamPolicy: () => store.head().then(() => undefined),
    });
    const run = (seed: number): Promise<string> =>
      testsOf(() => brokenStore(policies), { seed })
        .get(name)?.()
        .then(
          () => "passed",
          (error: unknown) => String(error),
        ) ?? Promise.resolve("not there");
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(first).toContain("HITHERTO_SEED=1");
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test("skips a test with its reason, and refuses to skip one that is not there", () => {
    const name = "append: a repeated tag counts once and the order of tags is kept";
    const tests = testsOf(() => openMemoryStore(), { skip: { [name]: "tags are a set" } });
    expect(tests.has(name)).toBe(false);
    expect(tests.has(`${name} (skipped: tags are a set)`)).toBe(true);
    expect(() => testsOf(() => openMemoryStore(), { skip: { "append: no such test": "why" } })).toThrow(
      "no such test",
    );
  });
});
