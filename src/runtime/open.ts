/**
 * Opens a store by its URL.
 */
import type { PostgresStoreOptions } from "../postgres/options.ts";
import { openSqliteStore } from "../sqlite/sqlite-store.ts";
import type { SqliteStoreOptions } from "../sqlite/sqlite-store.ts";
import type { EventStore } from "../store/event-store.ts";
import { openMemoryStore } from "../store/memory-store.ts";
import { createHitherto } from "./create-hitherto.ts";
import type { Hitherto } from "./hitherto.ts";
import { planRuntime } from "./runtime-options.ts";
import type { RuntimeOptions } from "./runtime-options.ts";
import { placeOf } from "./store-place.ts";

/** How a store is opened and how definitions are run on it. The options of an engine that is not used are ignored. */
export interface OpenOptions extends RuntimeOptions, SqliteStoreOptions, PostgresStoreOptions {}

/**
 * Opens a store, and makes it if there is none.
 *
 * - A path (`bank.db`, `./data/bank.db`, on Windows `C:\data\bank.db`), `sqlite:` and a path, or a `file:` URL
 *   (`file:./dev.db` is relative to the working directory): the embedded store in that file. A path with a colon in it
 *   needs `./` or `sqlite:` before it.
 * - `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `?schema=NAME` for another schema than `hitherto`: the store in
 *   that schema of a PostgreSQL database. It needs the driver: `npm install pg`.
 * - `memory:`, or `:memory:`: a store in memory, new at each call, gone with the process.
 *
 * Other spellings, and parameters that nothing would look at, are refused, and the message says what to write:
 * `docs/reference/store-urls.md` lists them.
 *
 * @throws `STORE_URL_UNKNOWN`; `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`, `STORE_FORMAT_OLDER`,
 * `STORE_READ_ONLY`, `STORE_BUSY`, `SQLITE_UNSOUND`, `THREAD_NOT_STARTED`, `STORE_DAMAGED`, `STORE_IO`; `STORE_DRIVER_MISSING`, `STORE_UNREACHABLE`,
 * `STORE_LOGIN_REFUSED`, `STORE_RIGHTS_MISSING`, `STORE_SERVER_UNSUPPORTED`; `ARGUMENT_INVALID`.
 *
 * @example
 * ```ts
 * import { open } from "hitherto";
 * await using store = await open("bank.db");
 * await store.append({ stream: "account-42", events: [{ type: "AccountOpened", data: { owner: "Ada" } }] });
 * ```
 */
export async function open(url: string | URL, options: OpenOptions = {}): Promise<Hitherto> {
  // Before anything is opened, so that a mistake in them leaves no file behind.
  planRuntime(options);
  return createHitherto(await openStore(url, options), options);
}

function openStore(url: string | URL, options: OpenOptions): Promise<EventStore> {
  const place = placeOf(url);
  if (place.engine === "sqlite") return openSqliteStore(place.path, options);
  if (place.engine === "postgres") return openPostgres(place.url, options);
  return Promise.resolve(openMemoryStore(options));
}

/** Loaded when it is asked for: who does not use PostgreSQL does not wait for it. */
async function openPostgres(url: string, options: OpenOptions): Promise<EventStore> {
  const { openPostgresStore } = await import("../postgres/postgres-store.ts");
  return openPostgresStore(url, options);
}
