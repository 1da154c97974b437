/**
 * The frame in which conformance tests run: topics of named tests, each on a fresh store, closed and disposed of after it.
 */
import type { EventStore } from "../../store/event-store.ts";
import { randomFrom } from "./random.ts";
import type { Random } from "./random.ts";

/** Registers one test. */
export type RegisterTest = (name: string, body: () => Promise<void>) => unknown;

/** What the kit needs of a test runner. Those of vitest, `node:test` and Jest fit as they are. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly test: RegisterTest & { readonly skip: RegisterTest };
}

/** What the kit must know about a store to test it. */
export interface StoreConformance {
  /** Names the store in the report. */
  readonly name: string;
  readonly runner: TestRunner;
  /** Opens a fresh, empty store. */
  readonly open: () => EventStore | Promise<EventStore>;
  /**
   * Opens the data of a store once more, by the store's `url`: after it was closed, and beside it, as another process
   * would. Left out by a store whose data end with it; the kit then tests that it says so.
   */
  readonly openAgain?: ((url: string) => EventStore | Promise<EventStore>) | undefined;
  /**
   * Takes away what the store at this URL keeps its data in, while it is open: the file, say. Left out where nothing can
   * be taken away. With it, the kit tests that an open store then refuses everything, instead of going on into the void.
   */
  readonly takeAway?: ((url: string) => void | Promise<void>) | undefined;
  /** Removes what a store has left behind; called after each test, when its stores are closed. */
  readonly dispose?: ((url: string) => void | Promise<void>) | undefined;
  /**
   * Tests that this store is known to fail: `"topic: test"` to the reason, which is printed. Naming a test that does
   * not exist is an error.
   */
  readonly skip?: Readonly<Record<string, string>> | undefined;
  /** Seed of the random tests. Default: `HITHERTO_SEED` in the environment, or a new one for each run. */
  readonly seed?: number | undefined;
}

/** What a test works with. */
export interface Lab {
  /** Fresh and empty. */
  readonly store: EventStore;
  /** Another store, fresh and empty. */
  readonly openOther: () => Promise<EventStore>;
  /** Whether data can be opened again; see {@link StoreConformance.openAgain}. */
  readonly canOpenAgain: boolean;
  /** See {@link StoreConformance.takeAway}. */
  readonly takeAway: (store: EventStore) => Promise<void>;
  /** Another handle on the data of a store, which may be open or closed. */
  readonly openAgain: (store: EventStore) => Promise<EventStore>;
  /** Seeded anew for each test; its seed is in the message of a test that fails. */
  readonly random: Random;
}

/** Tests by name. A name is a fact about every store. */
export type Topic = Readonly<Record<string, (lab: Lab) => Promise<void>>>;

/** Registers tests with a runner, save those to be skipped. @throws an `Error` when `skip` names a test that does not exist. */
export function registerTopics(
  title: string,
  conformance: StoreConformance,
  topics: Readonly<Record<string, Topic>>,
): void {
  const { runner, skip = {} } = conformance;
  requireKnown(Object.keys(skip), topics);
  runner.describe(title, () => {
    for (const [topic, tests] of Object.entries(topics)) {
      runner.describe(topic, () => {
        for (const [name, body] of Object.entries(tests)) {
          const reason = skip[`${topic}: ${name}`];
          if (reason === undefined) runner.test(name, testIn(conformance, body));
          else runner.test.skip(`${name} (skipped: ${reason})`, testIn(conformance, body));
        }
      });
    }
  });
}

/** Makes the function that a runner calls for one test. */
export function testIn(
  { open, openAgain, takeAway, dispose, seed = seedOfRun() }: Omit<StoreConformance, "runner">,
  body: (lab: Lab) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const opened: EventStore[] = [];
    const keep = async (opening: EventStore | Promise<EventStore> | undefined): Promise<EventStore> => {
      const store = await opening;
      if (store === undefined) throw new Error("This store cannot be opened again.");
      opened.push(store);
      return store;
    };
    const store = await keep(open());
    let isRandom = false;
    const lab: Lab = {
      store,
      openOther: () => keep(open()),
      canOpenAgain: openAgain !== undefined,
      openAgain: ({ url }) => keep(openAgain?.(url)),
      takeAway: async ({ url }) => takeAway?.(url),
      get random() {
        isRandom = true;
        return randomFrom(seed);
      },
    };
    try {
      await body(lab);
    } catch (error) {
      throw isRandom ? withSeed(error, seed) : error;
    } finally {
      await Promise.all(opened.map((one) => one.close()));
      for (const url of new Set(opened.map((one) => one.url))) await dispose?.(url);
    }
  };
}

/** Looks at the names beforehand: some runners call the body of `describe` later. */
function requireKnown(names: readonly string[], topics: Readonly<Record<string, Topic>>): void {
  const known = new Set(
    Object.entries(topics).flatMap(([topic, tests]) => Object.keys(tests).map((name) => `${topic}: ${name}`)),
  );
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new Error(`There are no such conformance tests to skip: ${unknown.join(", ")}`);
}

function seedOfRun(): number {
  const given = Number(process.env["HITHERTO_SEED"]);
  return Number.isSafeInteger(given) && given > 0 ? given : Date.now() % 1_000_000_007;
}

/** Tells how to run the same random test again. */
function withSeed(error: unknown, seed: number): unknown {
  if (error instanceof Error) error.message += `\n(random tests run again with HITHERTO_SEED=${seed})`;
  return error;
}
