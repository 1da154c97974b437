/**
 * The conformance kit of the read side on stores that break a promise each: the test that guards the promise must fail.
 */
import { setTimeout } from "node:timers/promises";
import { isHithertoError } from "hitherto/core";
import { openMemoryStore } from "hitherto/store";
import type {
  DocumentQuery,
  EventStore,
  ListRecordsOptions,
  ReadModelRef,
  ReadModelStep,
  ReadSide,
  ReadSideCommit,
  ReadSideTransaction,
  StoredDocument,
} from "hitherto/store";
import { readSideConformance } from "hitherto/testing";
import { describe, expect, test } from "vitest";
import { kitTests } from "../support/kit-tests.ts";

type Break = (readSide: ReadSide, store: EventStore) => Partial<ReadSide>;

/** A memory store whose read side behaves otherwise in some methods. */
function brokenStore(change: Break, store = openMemoryStore()): EventStore {
  const readSide = replaced(store.readSide, change(store.readSide, store));
  return replaced(store, { readSide });
}

/** An object of which some members are replaced. */
function replaced<Target extends object>(target: Target, members: Partial<Target>): Target {
  return new Proxy(target, {
    get: (_, key) => {
      const value: unknown = Reflect.get(Object.hasOwn(members, key) ? members : target, key);
      return typeof value === "function" ? (value as () => unknown).bind(target) : value;
    },
  });
}

function testsOf(change: Break): Map<string, () => Promise<void>> {
  return kitTests((runner) =>
    readSideConformance({ name: "a store", runner, open: () => brokenStore(change) }),
  );
}

/** With a second handle, which shares the data of the first. */
function sharingTestsOf(change: Break): Map<string, () => Promise<void>> {
  let opened: EventStore;
  const open = (): EventStore => (opened = brokenStore(change));
  const openAgain = (): EventStore => replaced(opened, { close: () => Promise.resolve() });
  return kitTests((runner) => readSideConformance({ name: "a store", runner, open, openAgain }));
}

const committing =
  (change: (changes: ReadSideCommit) => ReadSideCommit): Break =>
  (readSide) => ({ commit: (changes, options) => readSide.commit(change(changes), options) });

const stepping = (change: (step: ReadModelStep, readSide: ReadSide) => Promise<ReadModelStep>): Break => {
  return (readSide) => ({
    commit: async (changes, options) => {
      const models = await Promise.all((changes.models ?? []).map((step) => change(step, readSide)));
      return readSide.commit({ ...changes, models }, options);
    },
  });
};

const listing =
  (
    list: (
      readSide: ReadSide,
      space: string,
      options: ListRecordsOptions,
    ) => ReturnType<ReadSide["listRecords"]>,
  ): Break =>
  (readSide) => ({ listRecords: (space, options = {}) => list(readSide, space, options) });

const finding =
  (
    change: (query: DocumentQuery) => DocumentQuery,
    keep: (document: StoredDocument) => boolean = () => true,
  ): Break =>
  (readSide) => ({
    findDocuments: async (model, query) => {
      const { documents, stamp } = await readSide.findDocuments(model, change(query));
      return { documents: documents.filter(keep), stamp };
    },
  });

/** A transaction that is none: what it does is done at once. */
function direct(store: EventStore): ReadSideTransaction {
  const { readSide } = store;
  return {
    append: (...given) => store.append(...given),
    read: (options) => store.read(options).toArray(),
    head: () => store.head(),
    findRecord: (ref) => readSide.findRecord(ref),
    findModels: (name) => readSide.listModels(name),
    findDocuments: async (generation, keys) => (await readSide.getDocuments({ generation }, keys)).documents,
    commit: (changes) => readSide.commit(changes),
    sql: () => {
      throw new Error("none");
    },
  };
}

/** What is broken, how, and the test that tells. */
const broken: readonly (readonly [string, Break, string])[] = [
  [
    "expects nothing",
    committing((changes) => ({ ...changes, expect: [] })),
    "records: a record is changed by whoever knows its version",
  ],
  [
    "looks at versions before it waits for its turn",
    (readSide) => ({
      commit: async ({ expect: expected = [], ...changes }) => {
        for (const one of expected) {
          const actual = (await readSide.findRecord(one))?.version ?? 0;
          if (actual !== one.version) return readSide.commit({ expect: expected });
        }
        return readSide.commit(changes);
      },
    }),
    "commits: of many who change one version exactly one wins",
  ],
  [
    "counts versions anew for a record that is made anew",
    (readSide) => {
      const versions = new Map<string, number>();
      return {
        commit: (changes) => {
          for (const { key } of changes.put ?? []) versions.set(key, (versions.get(key) ?? 0) + 1);
          for (const { key } of changes.remove ?? []) versions.delete(key);
          return readSide.commit(changes);
        },
        findRecord: async (ref) => {
          const record = await readSide.findRecord(ref);
          return record && { ...record, version: versions.get(ref.key) ?? 0 };
        },
      };
    },
    "records: a version is never used again, even if the record is removed and made anew",
  ],
  [
    "makes a commit in two parts",
    (readSide) => ({
      commit: async ({ expect: expected, models, ...records }) => {
        await readSide.commit({ expect: expected, ...records });
        return readSide.commit({ models });
      },
    }),
    "commits: nothing is written when a step is refused, of the steps before it neither",
  ],
  [
    "takes steps one by one",
    (readSide) => ({
      commit: async ({ models = [], ...changes }) => {
        for (const step of models) await readSide.commit({ models: [step] });
        return readSide.commit(changes);
      },
    }),
    "commits: nothing is written when a step is refused, of the steps before it neither",
  ],
  [
    "lets durable commits overtake others",
    (readSide) => ({
      commit: async (changes, options) => {
        if (options?.isDurable === false) await setTimeout(2);
        return readSide.commit(changes, options);
      },
    }),
    "commits: commits called in a row take effect in that order, durable or not",
  ],
  [
    "looks at values later than at the call",
    (readSide) => ({
      commit: async (changes, options) => {
        await Promise.resolve();
        return readSide.commit(changes, options);
      },
    }),
    "records: a value belongs to the store from the moment of the call",
  ],
  [
    "sorts keys as JavaScript does",
    listing(async (readSide, space, options) =>
      (await readSide.listRecords(space, options)).toSorted((one, other) => (one.key < other.key ? -1 : 1)),
    ),
    "records: keys of any characters are told apart and listed by code point",
  ],
  [
    "takes a prefix for a pattern",
    listing(async (readSide, space, { prefix = "", ...options }) => {
      const text = prefix
        .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
        .replaceAll("_", ".")
        .replaceAll("%", ".*");
      const pattern = new RegExp(`^${text}`, "su");
      return (await readSide.listRecords(space, options)).filter(({ key }) => pattern.test(key));
    }),
    "records: a prefix is taken literally",
  ],
  [
    "begins a page at the end of the one before",
    listing(async (readSide, space, options) => {
      const page = await readSide.listRecords(space, options);
      const last = await readSide.findRecord({ space, key: options.after ?? "" });
      return last === undefined || page.length === 0 ? page : [last, ...page].slice(0, options.limit);
    }),
    "records: pages of a listing hold every record once",
  ],
  [
    "removes beyond `to`",
    committing((changes) => ({
      ...changes,
      removeAll: (changes.removeAll ?? []).map(({ to: _to, ...one }) => one),
    })),
    "records: all of a prefix is removed, and with `to` only up to it",
  ],
  [
    "moves a read model on from wherever it is",
    stepping(async (step, readSide) => {
      if (step.step !== "advance") return step;
      const { stamp } = await readSide.getDocument({ generation: step.generation }, "k");
      const from = stamp?.position ?? step.from;
      return { ...step, from, to: Math.max(from, step.to) };
    }),
    "read models: it moves on only from where it is",
  ],
  [
    "activates whatever it is told to",
    (readSide) => ({
      commit: async (changes, options) => {
        const [step] = changes.models ?? [];
        if (step?.step === "activate") {
          const active = (await readSide.listModels("orders")).find((one) => one.state === "active");
          if (active !== undefined && active.generation !== step.generation) {
            await readSide.commit({ models: [{ step: "drop", generation: active.generation }] });
          }
        }
        return readSide.commit(changes, options);
      },
    }),
    "read models: activating is refused while the active one is further on",
  ],
  [
    "keeps the documents of what is emptied",
    (readSide) => ({
      commit: (changes, options) => {
        const models = changes.models?.filter((step) => step.step !== "clear");
        return readSide.commit({ ...changes, models }, options);
      },
    }),
    "read models: what is emptied begins again, and stays active",
  ],
  [
    "says the position of a later state",
    (readSide) => ({
      getDocuments: async (model, keys) => {
        const { documents, stamp } = await readSide.getDocuments(model, keys);
        await setTimeout(1);
        const [info] = await readSide.listModels();
        return { documents, stamp: stamp && { ...stamp, position: info?.position ?? 0 } };
      },
    }),
    "commits: a read sees all of a commit or nothing of it",
  ],
  [
    "finds nothing that equals null",
    finding((query) => ({
      ...query,
      where: Object.fromEntries(
        Object.entries(query.where).map(([field, one]) => [field, one.eq === null ? { in: [] } : one]),
      ),
    })),
    "queries: equality tells types apart",
  ],
  [
    "breaks ties by ascending keys whatever the direction",
    (readSide) => ({
      findDocuments: async (model, query) => {
        const { documents, stamp } = await readSide.findDocuments(model, query);
        const ties = (one: StoredDocument, other: StoredDocument): number =>
          JSON.stringify(one.indexed) === JSON.stringify(other.indexed) && one.key < other.key ? -1 : 0;
        return { documents: documents.toSorted(ties), stamp };
      },
    }),
    "queries: the order is by the fields, then by key in the direction of the last",
  ],
  [
    "begins a page with the document that it is to begin after",
    (readSide) => ({
      findDocuments: async (model, query) => {
        const { documents, stamp } = await readSide.findDocuments(model, query);
        const [again] = query.after ? (await readSide.getDocuments(model, [query.after.key])).documents : [];
        return {
          documents: again === undefined ? documents : [again, ...documents].slice(0, query.limit),
          stamp,
        };
      },
    }),
    "queries: random queries over random documents find what a plain filter and sort find",
  ],
  [
    "takes `gte` for `gt`",
    finding((query) => ({
      ...query,
      where: Object.fromEntries(
        Object.entries(query.where).map(([field, { gte, ...one }]) => [
          field,
          gte === undefined ? one : { ...one, gt: gte },
        ]),
      ),
    })),
    "queries: random queries over random documents find what a plain filter and sort find",
  ],
  [
    "counts a page",
    (readSide) => ({
      countDocuments: async (model: ReadModelRef, query) => {
        const { documents, stamp } = await readSide.findDocuments(model, query);
        return { count: documents.length, stamp };
      },
    }),
    "queries: a limit limits, and a count does not care",
  ],
  [
    "does at once what a transaction does",
    (_, store) => ({ transaction: (body) => body(direct(store)) }),
    "transactions: it sees its own writes, and nobody else does before it ends",
  ],
  [
    "undoes nothing",
    (_, store) => ({ transaction: (body) => body(direct(store)) }),
    "transactions: a body that throws has done nothing, and its error passes through",
  ],
  [
    "runs transactions side by side",
    (_, store) => ({ transaction: (body) => body(direct(store)) }),
    "transactions: transactions run one after the other: no change is lost",
  ],
  [
    "keeps the error of a body to itself",
    (readSide) => ({
      transaction: (body, options) => readSide.transaction(body, options).catch(() => undefined as never),
    }),
    "transactions: a body that throws has done nothing, and its error passes through",
  ],
  [
    "wraps the error of a body",
    (readSide) => ({
      transaction: (body, options) =>
        readSide.transaction(body, options).catch((error: unknown) => {
          throw isHithertoError(error) ? error : new Error("failed", { cause: error });
        }),
    }),
    "transactions: a body that throws before it waits is undone as well",
  ],
  [
    "lets a body take its time",
    (readSide) => ({ transaction: (body) => readSide.transaction(body) }),
    "transactions: a body that takes too long is undone, and is told so",
  ],
  [
    "gives a refused append a transaction's end",
    (readSide) => ({
      transaction: (body, options) =>
        readSide.transaction(async (transaction) => {
          let refusal: Error | undefined;
          const append: ReadSideTransaction["append"] = (...given) =>
            transaction.append(...given).catch((error: unknown) => {
              refusal = error as Error;
              throw error;
            });
          const result = await body(replaced(transaction, { append }));
          if (refusal !== undefined) throw refusal;
          return result;
        }, options),
    }),
    "transactions: a refused append has changed nothing and leaves the transaction usable",
  ],
  [
    "goes on taking calls for a transaction that is over",
    (readSide, store) => ({
      transaction: (body, options) => readSide.transaction(() => body(direct(store)), options),
    }),
    "transactions: a transaction that is over takes no more calls",
  ],
  [
    "wakes those who no longer watch",
    (readSide) => ({
      watch: (listener) => {
        readSide.watch(listener);
        return () => undefined;
      },
    }),
    "watching: commits and appends wake those who watch, until they no longer do",
  ],
  ["says that it runs SQL", () => ({ supportsSql: true }), "sql: it says that it runs no SQL"],
];

describe("the conformance kit of the read side", () => {
  for (const [what, change, name] of broken) {
    test(`catches a store that ${what}`, async () => {
      const body = testsOf(change).get(name);
      expect(body, `there is no test "${name}"`).toBeDefined();
      await expect(body?.()).rejects.toThrow();
    });
  }

  test("catches a store that reads in two steps while generations are switched", async () => {
    const inSteps: Break = (readSide) => ({
      getDocuments: async (model, keys) => {
        const [active] = await readSide.listModels("name" in model ? model.name : undefined);
        await setTimeout(0);
        return readSide.getDocuments({ generation: active?.generation ?? 0 }, keys);
      },
    });
    const name = "sharing: reads stay whole and never go back while generations are built and switched";
    await expect(sharingTestsOf(inSteps).get(name)?.()).rejects.toThrow();
    await sharingTestsOf(() => ({})).get(name)?.();
  });

  test("passes a store that breaks nothing behind the same wrapping", async () => {
    const tests = testsOf(() => ({}));
    for (const name of new Set(broken.map(([, , one]) => one))) await tests.get(name)?.();
  });
});
