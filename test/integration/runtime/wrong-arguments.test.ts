/**
 * Every public function with wrong arguments: each argument in turn, and each property of each option, is replaced by each
 * of many odd values. What fails, fails with an error of Hitherto whose code is true: the caller's fault, never that of
 * the store, and never a TypeError from within.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as core from "../../../src/core/index.ts";
import * as root from "../../../src/index.ts";
import * as stores from "../../../src/store/index.ts";
import { anAccount, engines } from "./engines.ts";

class Instance {
  readonly own = 1;
}

const odd: readonly (readonly [name: string, value: unknown])[] = [
  ["undefined", undefined],
  ["null", null],
  ["true", true],
  ["-1", -1],
  ["NaN", Number.NaN],
  ["1e21", 1e21],
  ["a bigint", 10n],
  ["a symbol", Symbol("s")],
  ["an empty string", ""],
  ["a string", "x"],
  ["a huge string", "x".repeat(200_000)],
  ["half of a pair", "a\ud800"],
  ["an empty array", []],
  ["an array of odd values", [null, 1n, Symbol("s")]],
  ["an object", {}],
  ["an object without a prototype", Object.create(null)],
  ["an instance", new Instance()],
  ["a function", () => undefined],
  ["a Date that is none", new Date(Number.NaN)],
  ["a Map", new Map([["a", 1]])],
];

type Call = (...given: never[]) => unknown;

/** A call and arguments that it takes. */
interface Subject {
  readonly name: string;
  readonly call: Call;
  readonly valid: readonly unknown[];
}

/** The arguments with one of them, or one property of one of them, replaced. */
function* wrong(valid: readonly unknown[]): Generator<readonly [what: string, given: readonly unknown[]]> {
  for (const [at, argument] of valid.entries()) {
    for (const [name, value] of odd) {
      yield [`argument ${at} as ${name}`, valid.with(at, value)];
      if (!isPlain(argument)) continue;
      for (const key of Object.keys(argument)) {
        yield [`argument ${at}.${key} as ${name}`, valid.with(at, { ...argument, [key]: value })];
      }
    }
  }
}

/** What a factory made is frozen, and is taken as it is. */
function isPlain(value: unknown): value is object {
  if (Object.isFrozen(value)) return false;
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Takes what comes back as far as it goes: a promise, or the beginning of a sequence. */
async function settle(returned: unknown): Promise<void> {
  const value: unknown = await returned;
  if (typeof value !== "object" || value === null) return;
  if (Symbol.asyncIterator in value) {
    const iterator = (value as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    const next = iterator.next();
    const first = await Promise.race([next, sleep(5, "late")]);
    next.catch(() => undefined);
    if (first === "late" && "close" in value) await (value as { close(): Promise<void> }).close();
    else await iterator.return?.();
  } else if ("stop" in value && typeof value.stop === "function") {
    await (value as { stop(): Promise<void> }).stop();
  }
}

/** Codes that blame the store, or say too little. */
const untrue: ReadonlySet<string> = new Set(["STORE_IO", "STORE_DAMAGED", "STORE_BUSY", "STORE_NOT_A_STORE"]);

async function faultsOf({ name, call, valid }: Subject): Promise<string[]> {
  const faults: string[] = [];
  for (const [what, given] of wrong(valid)) {
    try {
      await settle(call(...(given as never[])));
    } catch (error) {
      if (!root.isHithertoError(error)) {
        const stack =
          error instanceof Error ? error.stack?.split("\n").slice(0, 4).join(" | ") : String(error);
        faults.push(`${name}, ${what}: ${stack}`);
      } else if (untrue.has(error.code)) faults.push(`${name}, ${what}: ${error.code} ${error.message}`);
    }
  }
  return faults;
}

const { account } = anAccount();
const deposited = { type: "Deposited", data: { amount: 1 } };
const stored = Object.freeze({
  ...deposited,
  id: "0192f0c1-7a3e-7d53-9d2c-5f1c8e6a0b1d",
  stream: "account-1",
  revision: 0,
  position: 1,
  schemaVersion: 1,
  metadata: {},
  tags: [],
  recordedAt: "2026-01-01T00:00:00.000Z",
});
const counter = root.decisionModel({ initial: () => 0, evolve: { Deposited: (n: number) => n + 1 } });
const totals = root.projection("totals", {
  initial: () => ({ total: 0 }),
  evolve: { Deposited: (document, data: { amount: number }) => ({ total: document.total + data.amount }) },
  indexes: ["total"],
});
const mails = root.consumer("mails", { handle: () => undefined });
const line = JSON.stringify(stored);
const document = { key: "1", indexed: [1] };
const shape = { kind: "documents", indexes: [["total"]] };

const definitionOptions = { initial: () => 0, evolve: { A: () => 1 } };

const pure: readonly Subject[] = [
  ["changes", root.changes, [{ a: 1 }, { a: 2 }]],
  ["deepEqual", root.deepEqual, [{ a: 1 }, { a: 2 }]],
  [
    "core decide",
    core.decide,
    [
      account,
      { balance: 1, transactions: 0 },
      { name: "deposit", payload: { amount: 1 } },
      { now: "n", stream: "s", id: "1", metadata: {} },
    ],
  ],
  ["normaliseDecision", root.normaliseDecision, [deposited, { name: "n", events: {}, metadata: {} }]],
  [
    "decider",
    root.decider,
    [
      "d",
      {
        ...definitionOptions,
        decide: { a: () => undefined },
        events: {},
        stateVersion: 1,
        category: "c",
        ignore: [],
        snapshot: { encode: () => 1, decode: () => 1 },
      },
    ],
  ],
  ["streamOf", root.streamOf, [account, "1"]],
  ["composeModels", root.composeModels, [{ counter }]],
  ["decisionModel", root.decisionModel, [{ ...definitionOptions, name: "m", tags: ["t"], events: {} }]],
  ["model.fold", counter.fold, [[stored], { from: 1 }]],
  ["isHithertoError", root.isHithertoError, [new Error("x"), "ABORTED"]],
  ["categoryOf", root.categoryOf, ["a-1"]],
  ["completeEvent", root.completeEvent, [{}, deposited]],
  ["eventType", root.eventType, [{ version: 1, oldestVersion: 1, upcast: {}, tags: () => [] }]],
  ["upcast", root.upcast, [{}, stored]],
  ["fold", root.fold, [account, [stored], { from: { balance: 0, transactions: 0 } }]],
  ["metadataCausedBy", root.metadataCausedBy, [stored]],
  ["metadataOf", root.metadataOf, [{ id: "1", metadata: { userId: "a" } }]],
  ["compositeKey", root.compositeKey, ["a", "b"]],
  ["compositeKeyParts", root.compositeKeyParts, ["a/b/"]],
  [
    "projection",
    root.projection,
    [
      "p",
      {
        ...definitionOptions,
        version: 1,
        key: () => "k",
        indexes: [],
        categories: ["a"],
        ignore: [],
        events: {},
      },
    ],
  ],
  [
    "sqlProjection",
    root.sqlProjection,
    [
      "p",
      {
        tables: { t: "a" },
        indexes: { t: ["(a)"] },
        on: { A: () => undefined },
        version: 1,
        categories: ["a"],
        ignore: [],
      },
    ],
  ],
  ["documentJson", core.documentJson, [totals, { total: 1 }, stored]],
  ["eventFor", core.eventFor, [totals, stored]],
  ["evolveDocument", core.evolveDocument, [totals, { key: "1", document: { total: 1 } }, stored]],
  ["filterOf", core.filterOf, [totals]],
  ["keysOf", core.keysOf, [totals, stored]],
  [
    "matchesFilter",
    root.matchesFilter,
    [
      { types: ["a"], categories: ["a"], streamPrefix: "a", tags: ["a"], correlationId: "a", query: [{}] },
      stored,
    ],
  ],
  ["matchesQuery", root.matchesQuery, [[{ types: ["a"], tags: ["a"] }], stored]],
  ["isRejection", root.isRejection, [{}]],
  ["reject", root.reject, ["r", "m", { a: 1 }]],
  [
    "consumer",
    root.consumer,
    [
      "c",
      {
        handle: () => undefined,
        types: ["a"],
        categories: ["a"],
        tags: ["a"],
        streamPrefix: "a",
        query: [{}],
        from: 1,
        partitionBy: () => "a",
        partitions: 2,
        retry: { max: 1, delayMs: 1, factor: 2, delayMsMax: 3, jitter: 0 },
        classify: () => "transient",
        onError: "park",
      },
    ],
  ],
  [
    "createHitherto",
    (store: never, options: never) => root.createHitherto(store, options).parked.count(),
    [
      stores.openMemoryStore(),
      {
        snapshots: false,
        cacheSize: 1,
        clock: () => new Date(),
        random: () => 0,
        inline: [],
        onError: () => undefined,
      },
    ],
  ],
  [
    "open",
    (url: never, options: never) => root.open(url, options).then((store) => store.close()),
    [
      "memory:",
      {
        snapshots: false,
        cacheSize: 1,
        clock: () => new Date(),
        random: () => 0,
        inline: [],
        onError: () => undefined,
      },
    ],
  ],
  [
    "openMemoryStore",
    (options: never) => stores.openMemoryStore(options).head(),
    [{ clock: () => new Date(), ids: () => stored.id }],
  ],
  [
    "decodeLine",
    stores.decodeLine,
    [
      { number: 1, text: line },
      { source: "s", format: "auto" },
    ],
  ],
  ["encodeEventLine", stores.encodeEventLine, [stored]],
  ["toCloudEvent", stores.toCloudEvent, [stored, { source: "s" }]],
  ["readLines", stores.readLines, [chunks(), { lineBytesMax: 100 }]],
  [
    "exportEvents",
    stores.exportEvents,
    [stores.openMemoryStore(), { format: "hitherto", source: "s", from: 1 }],
  ],
  [
    "importEvents",
    (store: never, given: never, options: never) =>
      stores.importEvents(store, given === ready ? chunks() : given, options),
    [
      stores.openMemoryStore(),
      ready(),
      {
        batchSize: 1,
        renumber: false,
        lineBytesMax: 1_000,
        source: "s",
        format: "auto",
        onInvalid: () => undefined,
        onProgress: () => undefined,
        signal: undefined,
      },
    ],
  ],
].map(([name, call, valid]) => ({ name, call, valid }) as unknown as Subject);

/** Stands for chunks that are made anew for each call. */
function ready(): unknown {
  return ready;
}

async function* chunks(): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(`${line}\n`);
}

type Method = readonly [name: string, target: object, valid: readonly unknown[]];

const read = {
  types: ["a"],
  categories: ["a"],
  streamPrefix: "a",
  tags: ["a"],
  correlationId: "c",
  query: [{ types: ["a"], tags: ["b"] }],
  from: 0,
  to: 9,
  since: new Date(0),
  until: "2026-01-01",
  backwards: true,
  limit: 1,
};
const wait = { waitFor: 0, timeoutMs: 1, signal: undefined };
const find = { where: { total: 1 }, keyPrefix: "a", sort: "total", limit: 1, after: "c", ...wait };
const choice = { kind: "consumer", name: "mails", key: "k", position: 1 };
const decision = { idempotencyKey: "k", metadata: { userId: "a" }, commandId: "c", retries: 0 };
const entry = { stream: "a", expect: "any", firstRevision: 0, events: [deposited] };
const aSnapshot = {
  stream: "s",
  name: "n",
  stateVersion: 1,
  revision: 0,
  takenAt: "2026-01-01T00:00:00.000Z",
  state: new Uint8Array(),
};
const runner = { retry: { max: 0 }, onError: "halt", batchSizeMax: 1, leaseMs: 3_000, lagAlertMs: 1 };
const member = { inFlightMax: 1, prefetchMax: 1, handlerTimeoutMs: 1, leaseMs: 3_000, stopTimeoutMs: 0 };

function logMethods(store: root.Hitherto): readonly Method[] {
  return [
    [
      "append",
      store,
      [entry, { condition: { failIfMatch: [{ types: ["x"] }], after: 0 }, signal: undefined }],
    ],
    ["read", store, [read]],
    ["readStream", store, ["a-1", read]],
    ["subscribe", store, [{ stream: "a", after: 0, types: ["a"], signal: undefined }]],
    ["findEvent", store, [stored.id]],
    ["findStream", store, ["a"]],
    ["listStreams", store, [{ prefix: "a", category: "b", after: "c", limit: 1 }]],
    ["setStreamPolicy", store, ["a", { maxCount: 1, maxAgeMs: 1, truncateBefore: 1 }]],
    ["deleteStream", store, ["none", { expect: "any" }]],
    ["tombstoneStream", store, ["none", { expect: "any" }]],
    ["reclaim", store, [{ signal: undefined }]],
    ["verify", store, [{ onProgress: () => undefined, signal: undefined }]],
    ["save", store.snapshots, [aSnapshot, { keep: 1 }]],
    ["find", store.snapshots, ["s", { name: "n", stateVersion: 1, atRevision: 0 }]],
    ["list", store.snapshots, ["s"]],
    ["clear", store.snapshots, ["s"]],
  ];
}

function decisionMethods(store: root.Hitherto): readonly Method[] {
  const range = { from: 0, to: 1, signal: undefined };
  return [
    [
      "execute",
      store,
      [account, "1", "deposit", { amount: 1 }, { ...decision, expect: "any", snapshot: "now" }],
    ],
    ["load", store, [account, "1", { atRevision: 0, fresh: true, signal: undefined }]],
    ["decide", store, [counter, () => undefined, { ...decision, stream: "s", name: "n" }]],
    ["loadModel", store, [counter, { signal: undefined }]],
    ["history", store, [account, "1", range]],
    ["bisect", store, [account, "1", () => true, range]],
    ["snapshot", store, [account, "1"]],
    ["join", store, [{ query: () => undefined }]],
  ];
}

function workMethods(store: root.Hitherto): readonly Method[] {
  const ways = ["status", "pause", "resume", "rebuild", "reset", "remove"];
  return [
    ["runProjections", store, [[totals], { ...runner, onEvent: () => undefined }]],
    ["consume", store, [mails, { ...member, checkpointMs: 1, lagAlertMs: 1, onEvent: () => undefined }]],
    ...ways.map((how) => [how, store.projections, ["totals"]] as const),
    ...["status", "pause", "resume", "remove"].map((how) => [how, store.consumers, ["nobody"]] as const),
    ["reset", store.consumers, ["nobody", 0]],
    ["setPartitions", store.consumers, ["nobody", 1]],
    ["list", store.parked, [{ ...choice, limit: 1 }]],
    ["count", store.parked, [{ kind: "consumer", name: "mails" }]],
    ["replay", store.parked, [choice, { ratePerSecond: 1 }]],
    ["discard", store.parked, [choice]],
  ];
}

function readModelMethods(store: root.Hitherto): readonly Method[] {
  const models = [store.readModel(totals), store.readModel(totals, { mode: "live" })];
  return [
    ["readModel", store, [totals, { mode: "live" }]],
    ["query", store, ["SELECT 1", [], { model: "totals", ...wait }]],
    ...models.flatMap((one): readonly Method[] => [
      ["get", one, ["1", wait]],
      ["getMany", one, [["1"], wait]],
      ["find", one, [find]],
      ["findAll", one, [find]],
      ["count", one, [{ where: { total: { gt: 1, in: [1] } }, keyPrefix: "a" }]],
      ["live", one, [{ where: { total: 1 }, limit: 1, sort: "total", signal: undefined }]],
      ["waitFor", one, [0, { timeoutMs: 1, signal: undefined }]],
    ]),
  ];
}

function readSideMethods({ readSide }: root.Hitherto): readonly Method[] {
  const model = { name: "totals" };
  const query = {
    where: { total: { eq: 1 } },
    keyPrefix: "a",
    sort: [{ field: "total", isDescending: false }],
  };
  const changes = {
    expect: [],
    models: [{ step: "create", generation: 999, name: "x", version: 1, shape }],
    put: [{ space: "s", key: "k", value: 1 }],
    remove: [document],
    removeAll: [{ space: "s", prefix: "p", to: "q" }],
  };
  return [
    ["findRecord", readSide, [{ space: "s", key: "k" }]],
    ["listRecords", readSide, ["s", { prefix: "a", after: "b", limit: 1 }]],
    ["countRecords", readSide, ["s", "p"]],
    ["listModels", readSide, ["totals"]],
    ["getDocument", readSide, [model, "1"]],
    ["getDocuments", readSide, [model, ["1"]]],
    ["findDocuments", readSide, [model, { ...query, limit: 1, after: { values: [1], key: "k" } }]],
    ["countDocuments", readSide, [model, { ...query, limit: 1 }]],
    ["query", readSide, ["SELECT 1", [], { model: "totals" }]],
    ["commit", readSide, [changes, { isDurable: true }]],
    ["transaction", readSide, [() => Promise.resolve(1), { timeoutMs: 100, isDurable: false }]],
    ["watch", readSide, [() => undefined]],
  ];
}

/** What is called on a handle. */
function methodsOf(store: root.Hitherto): readonly Subject[] {
  const groups = [logMethods, decisionMethods, workMethods, readModelMethods, readSideMethods];
  return groups
    .flatMap((group) => group(store))
    .map(([name, target, valid]) => ({
      name,
      valid,
      call: ((...given: never[]) => (target as Record<string, Call>)[name]!(...given)) as Call,
    }));
}

// A string is the path of a store that open makes.
const [home, folder] = [process.cwd(), mkdtempSync(join(tmpdir(), "hitherto-wrong-"))];
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

test.each(pure)("$name", async (subject) => {
  expect(await faultsOf(subject)).toEqual([]);
});

describe.each(engines)("on the $name store", ({ createLog }) => {
  test("no method of a handle fails without a code that is true", async () => {
    await using log = await createLog();
    const store = await log.open({ onError: () => undefined });
    await store.execute(account, "1", "deposit", { amount: 1 });
    const running = await store.runProjections([totals]);
    // What waits for the read model need not wait until its time is up.
    await running.caughtUp();
    await running.stop();
    const faults: string[] = [];
    for (const subject of methodsOf(store)) faults.push(...(await faultsOf(subject)));
    expect(faults).toEqual([]);
    // Some start threads and sync files: seconds alone, but not next to others.
  }, 180_000);
});
