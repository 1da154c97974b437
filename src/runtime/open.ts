/**
 * Opens a store by its URL.
 */
import { fileURLToPath } from "node:url";
import { HithertoError } from "../core/errors.ts";
import { redactUrl } from "../core/redact-url.ts";
import type { PostgresStoreOptions } from "../postgres/options.ts";
import { openSqliteStore } from "../sqlite/sqlite-store.ts";
import type { SqliteStoreOptions } from "../sqlite/sqlite-store.ts";
import { inWords } from "../store/check-input.ts";
import type { EventStore } from "../store/event-store.ts";
import { openMemoryStore } from "../store/memory-store.ts";
import { createHitherto } from "./create-hitherto.ts";
import type { Hitherto } from "./hitherto.ts";
import { planRuntime } from "./runtime-options.ts";
import type { RuntimeOptions } from "./runtime-options.ts";

/** How a store is opened and how definitions are run on it. The options of an engine that is not used are ignored. */
export interface OpenOptions extends RuntimeOptions, SqliteStoreOptions, PostgresStoreOptions {}

/**
 * Opens a store, and makes it if there is none.
 *
 * - A path (`bank.db`, `./data/bank.db`, `C:\data\bank.db`), `sqlite:` and a path, or a `file:` URL: the embedded store
 *   in that file. A path with a colon in it needs `./` or `sqlite:` before it.
 * - `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with `?schema=NAME` for another schema than `hitherto`: the store in
 *   that schema of a PostgreSQL database. It needs the driver: `npm install pg`.
 * - `memory:`: a store in memory, new at each call, gone with the process.
 *
 * @throws `STORE_URL_UNKNOWN`; `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`, `STORE_FORMAT_OLDER`,
 * `STORE_READ_ONLY`, `STORE_BUSY`, `STORE_DAMAGED`, `STORE_IO`; `STORE_DRIVER_MISSING`, `STORE_UNREACHABLE`,
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

const knownUrls = ["memory:", "sqlite:PATH", "file:///PATH", "PATH", "postgres://HOST/DATABASE"] as const;

function openStore(url: string | URL, options: OpenOptions): Promise<EventStore> {
  const place = placeOf(url);
  if (place.engine === "sqlite") return openSqliteStore(place.path, options);
  if (place.engine === "postgres") return openPostgres(place.url, options);
  return Promise.resolve(openMemoryStore(options));
}

/** What the URL of a store names. */
export type StorePlace =
  | { readonly engine: "memory" }
  | { readonly engine: "sqlite"; readonly path: string }
  | { readonly engine: "postgres"; readonly url: string };

/** Reads the URL of a store, in any form that {@link open} takes. @throws `STORE_URL_UNKNOWN`, `ARGUMENT_INVALID` */
export function placeOf(url: string | URL): StorePlace {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== "string" || text === "") {
    throw new HithertoError("ARGUMENT_INVALID", {
      argument: "url",
      problem: `it must be a URL or a path, not ${inWords(url)}`,
    });
  }
  const [, scheme, rest = ""] = /^([a-z][a-z\d+.-]+):(.*)$/is.exec(text) ?? [];
  if (scheme === undefined) return { engine: "sqlite", path: checkPath(text) };
  switch (scheme.toLowerCase()) {
    case "memory":
      if (rest === "") return { engine: "memory" };
      break;
    case "sqlite":
      if (rest !== "") return { engine: "sqlite", path: checkPath(sqlitePath(rest)) };
      break;
    case "file":
      return { engine: "sqlite", path: checkPath(filePath(text)) };
    case "postgres":
    case "postgresql":
      return { engine: "postgres", url: text };
    default:
  }
  throw new HithertoError("STORE_URL_UNKNOWN", { url: redactUrl(text), known: knownUrls });
}

/**
 * What a path holds only when it is a mistyped URL of a server: `://`, a name and a password before an `@`, `password=`. It
 * is not to become the name of a file, nor to stand in errors about it.
 */
const urlOfServer = /:[/\\]{2}|^(?![a-z]:[/\\])(?:[a-z][a-z\d+.-]*)?[/\\]{0,2}[^/\\]*:[^@]*@|password\s*=/iu;

function checkPath(path: string): string {
  if (!urlOfServer.test(path)) return path;
  throw new HithertoError("STORE_URL_UNKNOWN", { url: redactUrl(path), known: knownUrls });
}

/** Loaded when it is asked for: who does not use PostgreSQL does not wait for it. */
async function openPostgres(url: string, options: OpenOptions): Promise<EventStore> {
  const { openPostgresStore } = await import("../postgres/postgres-store.ts");
  return openPostgresStore(url, options);
}

/** `sqlite:///data/bank.db` is the absolute path; with two slashes it is a mistake that a system takes for another path. */
function sqlitePath(path: string): string {
  if (!path.startsWith("//")) return path;
  if (path.startsWith("///")) return path.slice(2);
  const problem = `sqlite:${redactUrl(path)} has two slashes: write sqlite:PATH or sqlite:///PATH`;
  throw new HithertoError("ARGUMENT_INVALID", { argument: "url", problem });
}

function filePath(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    // Its cause would repeat the URL.
    const problem = `the file URL ${JSON.stringify(redactUrl(url))} names no file: write it as file:///PATH`;
    throw new HithertoError("ARGUMENT_INVALID", { argument: "url", problem });
  }
}
