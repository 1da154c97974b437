/**
 * `@rotorsoft/act-sqlite` under its framework: a projection whose batch handler does nothing, as a consumer. Act has
 * no read models of its own, and keeps no place in the log together with an effect, so it is not compared in those.
 */
import { importPeer } from "./peer-modules.ts";
import type { AnyEvent, ReaderContender } from "./reader.ts";

/** The little of its API that is used, as its own declarations have it. */
interface Act {
  readonly SqliteStore: new (options: { readonly url: string }) => Store;
  store(adapter: Store): Store;
  readonly act: () => AppBuilder;
  readonly projection: (target: string) => ProjectionBuilder;
  readonly z: { object(shape: object): { loose(): unknown } };
}

interface Store {
  seed(): Promise<void>;
  commit(stream: string, messages: readonly object[], meta: object): Promise<unknown>;
  dispose(): Promise<void>;
}

interface ProjectionBuilder {
  on(entry: object): { do(handler: () => Promise<void>): ProjectionBuilder };
  batch(handler: (events: readonly unknown[]) => Promise<void>): { build(): unknown };
}

interface AppBuilder {
  withProjection(projection: unknown): AppBuilder;
  build(): App;
}

interface App {
  correlate(query: { readonly after: number; readonly limit: number }): Promise<{ readonly last_id: number }>;
  drain(options: { readonly eventLimit: number }): Promise<{ readonly acked: readonly unknown[] }>;
  reset(targets: readonly string[]): Promise<number>;
}

const meta = { correlation: "bench", causation: {} };
const eventsAtOnce = 5_000;
const types = ["MoneyDeposited", "MoneyWithdrawn", "TransferReceived", "CardUsed"] as const;

/** Opens its store for reading benchmarks. */
export async function openActReader(path: string): Promise<ReaderContender> {
  const framework = await importPeer<Act>("act-sqlite");
  const store = framework.store(new framework.SqliteStore({ url: `file:${path}` }));
  await store.seed();
  let handled = 0;
  const app = buildApp(framework, (count) => (handled += count));
  let hasRun = false;
  return {
    configuration: "fsync at each commit (WAL, synchronous=FULL by default), batches of 5,000",
    isConcurrent: false,
    append: async (stream, events) => {
      await store.commit(stream, events.map(toMessage), meta);
    },
    consume: async () => {
      handled = 0;
      if (hasRun) await app.reset(["noop"]);
      hasRun = true;
      await correlateAll(app);
      while ((await app.drain({ eventLimit: eventsAtOnce })).acked.length > 0);
      return handled;
    },
    close: () => store.dispose(),
  };
}

function buildApp({ act, projection, z }: Act, onBatch: (count: number) => void): App {
  let builder = projection("noop");
  for (const type of types) {
    builder = builder.on({ [type]: z.object({}).loose() }).do(ignore);
  }
  const noop = builder.batch((events) => Promise.resolve(onBatch(events.length)));
  return act().withProjection(noop.build()).build();
}

/** It insists on a function with a name, though the batch handler is what it calls. */
async function ignore(): Promise<void> {}

/** Tells the framework of events that it did not commit itself. */
async function correlateAll(app: App): Promise<void> {
  for (let after = -1; ;) {
    const { last_id } = await app.correlate({ after, limit: eventsAtOnce });
    if (last_id <= after) return;
    after = last_id;
  }
}

function toMessage({ type, data }: AnyEvent): object {
  return { name: type, data };
}
