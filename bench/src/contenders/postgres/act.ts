/**
 * `@rotorsoft/act-pg`: its store port used directly for appends; under its framework, reactions that do nothing as a
 * consumer. Appends may be made at once, each on a connection of the pool; each commit holds PostgreSQL's one lock of
 * notifications, so commits follow one another, and more connections make it no quicker. Seen in release 0.4.6, which asks for `act` 0.5.6.
 *
 * Act has no read models of its own, and keeps no place in the log together with an effect, so it is not compared there.
 */
import { importPeer } from "../peer-modules.ts";
import type { AnyEvent, ReaderContender } from "../reader.ts";

/** The little of its API that is used, as its own declarations have it. */
interface ActPg {
  readonly PostgresStore: new (options: object) => Store;
  readonly Pool: new (options: { readonly connectionString: string; readonly max: number }) => Pool;
  store(adapter: Store): Store;
  readonly act: () => AppBuilder;
  readonly state: (name: string, schema: unknown) => StateBuilder;
  readonly z: { object(shape: object): { loose(): unknown } };
}

interface Pool {
  query(sql: string): Promise<unknown>;
  end(): Promise<void>;
}

interface Message {
  readonly name: string;
  readonly data: object;
}

interface Store {
  seed(): Promise<void>;
  commit(stream: string, messages: readonly Message[], meta: object): Promise<unknown>;
  dispose(): Promise<void>;
}

interface StateBuilder {
  init(make: () => object): {
    emits(events: object): {
      patch(patches: object): {
        on(action: string, schema: unknown): { emit(decide: unknown): { build(): unknown } };
      };
    };
  };
}

interface AppBuilder {
  with(state: unknown): AppBuilder;
  on(event: string): { do(handler: unknown): { to(resolve: () => string): AppBuilder } };
  build(drainLimit: number): { drain(): Promise<number> };
}

const meta = { correlation: "bench", causation: {} };
/** Its drain takes time that grows with the square of this: 5,000 at once are ten times slower. */
const eventsAtOnce = 300;
const types = ["MoneyDeposited", "MoneyWithdrawn", "TransferReceived", "CardUsed"] as const;

/** Opens its store. */
export async function openActPg(url: string): Promise<ReaderContender> {
  const { store, framework } = await openStore(url);
  const pool = new framework.Pool({ connectionString: url, max: 1 });
  framework.store(store);
  let handled = 0;
  const app = buildApp(framework, () => handled++);
  return {
    configuration: "a pool of 10 connections, its default; batches of 300, where 10 are its default",
    isConcurrent: true,
    append: async (stream, events) => {
      await store.commit(stream, events.map(toMessage), meta);
    },
    consume: async () => {
      // It has no way of its own to begin again.
      await pool.query("DELETE FROM events_streams");
      handled = 0;
      while ((await app.drain()) > 0);
      return handled;
    },
    close: async () => {
      await pool.end();
      await store.dispose();
    },
  };
}

async function openStore(url: string): Promise<{ readonly store: Store; readonly framework: ActPg }> {
  const framework = await importPeer<ActPg>("act-pg");
  const { hostname, port, username, password, pathname } = new URL(url);
  const store = new framework.PostgresStore({
    host: hostname,
    port: Number(port),
    user: username,
    password: decodeURIComponent(password),
    database: pathname.slice(1),
  });
  await store.seed();
  return { store, framework };
}

/** It wants to be told of events by a state that emits them. */
function buildApp({ act, state, z }: ActPg, onEvent: () => void): { drain(): Promise<number> } {
  const anything = z.object({}).loose();
  const each = <Value>(value: Value): Record<string, Value> =>
    Object.fromEntries(types.map((type) => [type, value]));
  const account = state("account", anything)
    .init(() => ({}))
    .emits(each(anything))
    .patch(each(() => ({})))
    .on("deposit", anything)
    .emit(() => undefined)
    .build();
  let builder = act().with(account);
  for (const type of types) {
    builder = builder
      .on(type)
      .do(function noop(): Promise<void> {
        onEvent();
        return Promise.resolve();
      })
      .to(() => "noop");
  }
  return builder.build(eventsAtOnce);
}

function toMessage({ type, data }: AnyEvent): Message {
  return { name: type, data };
}
