/**
 * What a URL and options come to, before anybody connects.
 */
import type { PoolConfig } from "pg";
import { HithertoError } from "../core/errors.ts";
import { nearestName } from "../core/nearest-name.ts";
import { inWords } from "../store/check-input.ts";
import { reportTo } from "../store/diagnostic.ts";
import type { Report } from "../store/diagnostic.ts";
import { checkOptions } from "../store/read-options.ts";
import { isForReadModels } from "./identifiers.ts";
import type { PostgresStoreOptions } from "./options.ts";

/** Everything that is decided before anybody connects. */
export interface ConnectionPlan {
  /** Names the store: its URL, with its schema, without a password. */
  readonly store: string;
  readonly schema: string;
  /** What the driver is given. */
  readonly driver: PoolConfig;
  readonly mode: "create" | "write" | "read";
  readonly connectTimeoutMs: number;
  readonly busyTimeoutMs: number;
  readonly answerTimeoutMs: number;
  /** Never throws. */
  readonly report: Report;
  readonly clock: (() => Date) | undefined;
}

/** The schema of a store when neither the URL nor the options name one. */
export const defaultSchema = "hitherto";

/**
 * Works out how to connect. Refuses what cannot be meant before anything is tried; no message holds a password.
 *
 * @throws `ARGUMENT_INVALID`
 */
export function planConnection(url: string | URL, options: PostgresStoreOptions = {}): ConnectionPlan {
  const address = parseUrl(url);
  checkOptions(options);
  checkParameters(address);
  const schema = planSchema(address.searchParams.get("schema") ?? undefined, options.schema);
  address.searchParams.delete("schema");
  const { mode = "create", connectionsMax = 10, connectTimeoutMs = 10_000, busyTimeoutMs = 30_000 } = options;
  const { answerTimeoutMs = 30_000, onError, clock } = options;
  check(["create", "write", "read"].includes(mode), "mode", "it must be one of create, write, read");
  checkCount("connectionsMax", connectionsMax, 2, 1000);
  checkCount("connectTimeoutMs", connectTimeoutMs, 1, timerMaxMs);
  checkCount("busyTimeoutMs", busyTimeoutMs, 0, waitMaxMs);
  checkCount("answerTimeoutMs", answerTimeoutMs, 1, waitMaxMs);
  for (const [argument, given] of Object.entries({ clock, onError })) {
    check(given === undefined || typeof given === "function", argument, "it must be a function");
  }
  const driver: PoolConfig = {
    connectionString: address.href,
    max: connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    ...planTls(options.tls),
  };
  const store = nameOf(address, schema);
  const waits = { connectTimeoutMs, busyTimeoutMs, answerTimeoutMs };
  return { store, schema, driver, mode, ...waits, report: reportTo(onError), clock };
}

const timerMaxMs = 2 ** 31 - 1;
/** Waits that are added up must fit into a timer still. */
const waitMaxMs = 2 ** 29;

function parseUrl(url: unknown): URL {
  const text = url instanceof URL ? url.href : url;
  check(typeof text === "string", "url", `it must be a URL, not ${inWords(url)}`);
  // The URL itself is not repeated: it may hold a password.
  const shape = "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %40 for an @ in the password";
  check(URL.canParse(text), "url", `it is malformed: ${shape}`);
  const address = new URL(text);
  check(
    /^postgres(?:ql)?:$/.test(address.protocol),
    "url",
    "it must begin with postgres:// or postgresql://",
  );
  check(/^postgres(?:ql)?:\/\//i.test(text), "url", `it lacks the two slashes: ${shape}`);
  const { hostname, username, password, pathname } = address;
  const isSound = [hostname, username, password, pathname].every(isDecodable);
  check(isSound, "url", `it holds a % that begins no code, or %00: ${shape}`);
  const problem = "it has a = or & in the name of the database: begin parameters with ?, or write %3D or %26";
  check(!/[=&]/.test(pathname), "url", problem);
  return address;
}

/** What the store and the driver look at. */
const knownParameters: ReadonlySet<string> = new Set([
  "schema",
  "host",
  "port",
  "user",
  "password",
  "ssl",
  "sslmode",
  "sslcert",
  "sslkey",
  "sslrootcert",
  "sslnegotiation",
  "uselibpqcompat",
  "application_name",
  "fallback_application_name",
  "options",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "query_timeout",
]);

/** Parameters of other tools, and what says the same here. */
const insteadOfParameter: Readonly<Record<string, string>> = {
  connection_limit: "say it by the option connectionsMax",
  max: "say it by the option connectionsMax",
  pool: "say it by the option connectionsMax",
  pool_size: "say it by the option connectionsMax",
  connect_timeout: "say it by the option connectTimeoutMs",
  connectionTimeoutMillis: "say it by the option connectTimeoutMs",
  pool_timeout: "say it by the option connectTimeoutMs",
  socket_timeout: "say it by the option answerTimeoutMs",
  search_path: "the schema of the store is schema=NAME",
  currentSchema: "the schema of the store is schema=NAME",
  database: "write it behind the host: postgres://HOST/DATABASE",
  dbname: "write it behind the host: postgres://HOST/DATABASE",
  pgbouncer: "leave it out, the store works through PgBouncer as it is",
  statement_cache_size: "leave it out, the store works through PgBouncer as it is",
  prepareThreshold: "leave it out, the store works through PgBouncer as it is",
  channel_binding: "leave it out, and write sslmode=verify-full",
  sslaccept: "write sslmode=verify-full",
  target_session_attrs: "leave it out, and name the host that takes writes",
  client_encoding: "leave it out, the store sets it",
};

/** Refuses what the driver would ignore. */
function checkParameters({ search, searchParams, hash }: URL): void {
  check(hash === "", "url", "it has a # in it: write it as %23");
  for (const name of searchParams.keys()) {
    // Such a name may be a part of a password.
    const isName = knownParameters.has(name) || (/^\w+$/.test(name) && !search.includes("@"));
    check(
      isName,
      "url",
      "behind its ? there is no known parameter: in a user or password, write %3F for ? and %40 for @",
    );
    check(searchParams.getAll(name).length === 1, "url", `it has the parameter ${inWords(name)} twice`);
    if (knownParameters.has(name)) continue;
    const names = [...knownParameters, ...Object.keys(insteadOfParameter)];
    const nearest = Object.hasOwn(insteadOfParameter, name) ? name : nearestName(name, names);
    const hint = nearest === undefined ? "leave it out" : (insteadOfParameter[nearest] ?? `write ${nearest}`);
    check(false, "url", `it has the unknown parameter ${inWords(name)}: ${hint}`);
  }
  const sslmode = searchParams.get("sslmode");
  const isMode = sslmode === null || sslModes.includes(sslmode);
  check(isMode, "url", `its sslmode must be one of ${sslModes.join(", ")}`);
}

const sslModes = ["disable", "prefer", "require", "verify-ca", "verify-full", "no-verify"];

function isDecodable(part: string): boolean {
  try {
    return !decodeURIComponent(part).includes("\0");
  } catch {
    return false;
  }
}

function planSchema(ofUrl: unknown, ofOptions: unknown): string {
  const isOne = ofUrl === undefined || ofOptions === undefined || ofUrl === ofOptions;
  check(isOne, "schema", `the URL says ${inWords(ofUrl)} and the options say ${inWords(ofOptions)}`);
  const schema = ofOptions ?? ofUrl ?? defaultSchema;
  check(typeof schema === "string", "schema", `it must be a string, not ${inWords(schema)}`);
  check(schema !== "", "schema", "it is empty");
  const isText = schema.isWellFormed() && !schema.includes("\0");
  check(isText, "schema", "it holds U+0000 or half of a surrogate pair");
  check(Buffer.byteLength(schema) <= 63, "schema", "it is longer than 63 bytes, where PostgreSQL cuts names");
  check(
    !/^pg_|^information_schema$/.test(schema),
    "schema",
    `${inWords(schema)} belongs to PostgreSQL itself`,
  );
  check(
    !isForReadModels(schema),
    "schema",
    `schemas that end with _read_models hold the read models of stores: give another name than ${inWords(schema)}`,
  );
  return schema;
}

function planTls(tls: PostgresStoreOptions["tls"]): Pick<PoolConfig, "ssl"> {
  if (tls === undefined) return {};
  if (typeof tls === "boolean") return { ssl: tls };
  check(typeof tls === "object" && tls !== null, "tls", "it must be true, false or options of tls.connect");
  return { ssl: { ...tls } as Exclude<PoolConfig["ssl"], undefined> };
}

/** Parameters that say which store it is, or how it is talked to; others may be secrets, or parts of a mistyped password. */
const shownParameters: ReadonlySet<string> = new Set([
  "host",
  "port",
  "user",
  "dbname",
  "application_name",
  "connect_timeout",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "ssl",
]);

function nameOf(address: URL, schema: string): string {
  const named = new URL(address);
  named.password = "";
  named.hash = "";
  // A colon that was written as its code, or a semicolon, and what follows it, may be a password.
  named.username = address.username.replace(/(?:;|%3[AB]).*/iu, "");
  // What stands before an @ in the path is the rest of a password with a slash in it; after a semicolon, parameters as
  // they are written elsewhere.
  named.pathname = address.pathname.replace(/.*@/u, "/").replace(/(?:;|%3B).*/iu, "");
  const shown = Array.from(address.searchParams).filter(([name]) => shownParameters.has(name));
  named.search = new URLSearchParams(shown).toString();
  named.searchParams.set("schema", schema);
  return named.href;
}

function checkCount(argument: string, value: number, least: number, most: number): void {
  const isCount = Number.isSafeInteger(value) && value >= least && value <= most;
  check(isCount, argument, `it must be an integer from ${least} to ${most}`);
}

function check(isValid: boolean, argument: string, problem: string): asserts isValid {
  if (!isValid) throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
