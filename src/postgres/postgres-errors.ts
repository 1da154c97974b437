/**
 * Translates what PostgreSQL and its driver report into errors of Hitherto.
 */
import { HithertoError, isHithertoError } from "../core/errors.ts";

/** The part of an error of the driver that is looked at. */
interface PostgresError extends Error {
  /** SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), or an error code of Node. */
  readonly code?: string;
  /** Of a violation: the constraint. */
  readonly constraint?: string;
}

/**
 * What kind of failure it was, as far as it decides what is done next:
 *
 * - `connection`: it was lost, or the server is not there; what was under way may have been done or not.
 * - `contention`: two transactions got in each other's way. Nothing was done, and trying again can help.
 * - `locked`: a lock was waited for as long as it may be. Nothing was done.
 * - `cancelled`: the server ended the statement, by its `statement_timeout` or by somebody's order. Nothing was done.
 * - `crowded`: the server had no connection or memory to give. Nothing was done, and trying again can help.
 * - `exhausted`: all connections of the handle stayed in use for as long as is waited. Nothing was done.
 * - `statement`: it is the statement's own fault, or that of its values: wrong SQL, a constraint, a missing right.
 * - `other`: what would go wrong with any statement, such as a full disk; and what is no error of a server.
 */
export type Failure =
  | "connection"
  | "contention"
  | "locked"
  | "cancelled"
  | "crowded"
  | "exhausted"
  | "statement"
  | "other";

/** By SQLSTATE, or by its class of two characters. */
const failures: ReadonlyMap<string, Failure> = new Map<string, Failure>([
  ["08", "connection"],
  // The server ends a session that stood still too long.
  ["25P03", "connection"],
  ["25P04", "connection"],
  ["57P05", "connection"],
  // It is going away, or not there yet.
  ["57P01", "connection"],
  ["57P02", "connection"],
  ["57P03", "connection"],
  ["57P04", "connection"],
  ["40001", "contention"],
  ["40P01", "contention"],
  ["55P03", "locked"],
  ["57014", "cancelled"],
  ["53000", "crowded"],
  ["53200", "crowded"],
  ["53300", "crowded"],
  ["53400", "crowded"],
  ...["0A", "21", "22", "23", "25", "2B", "42", "44", "54", "P0"].map((group): [string, Failure] => [
    group,
    "statement",
  ]),
]);

/** Constraints that only a transaction violates which does not see what others have committed before it. */
const staleViews: ReadonlySet<string> = new Set(["events_pkey", "events_by_stream"]);

const nodeConnectionErrors: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNABORTED",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** What `pg` says, without a code, of a connection that it has lost or could not get. */
const lostMessages =
  /^(?:Connection terminated|Client has encountered a connection error|timeout expired|Client was closed|Cannot use a pool after)/u;

/** What `pg-pool` says when all its connections stay in use. */
const poolExhausted = "timeout exceeded when trying to connect";

/** The SQLSTATE behind an error, translated or not; undefined when no server reported it. */
export function sqlStateOf(error: unknown): string | undefined {
  const origin = isHithertoError(error) ? error.cause : error;
  if (!(origin instanceof Error)) return undefined;
  const { code } = origin as PostgresError;
  return typeof code === "string" && /^[\dA-Z]{5}$/u.test(code) ? code : undefined;
}

/** What kind of failure an error reports, translated or not. */
export function failureOf(error: unknown): Failure {
  const origin = isHithertoError(error) ? error.cause : error;
  if (!(origin instanceof Error)) return "other";
  const { code = "", message, constraint = "" } = origin as PostgresError;
  const state = sqlStateOf(origin) ?? "";
  if (state === "23505" && staleViews.has(constraint)) return "contention";
  const known = failures.get(state) ?? failures.get(state.slice(0, 2));
  if (known !== undefined) return known;
  if (message === poolExhausted) return "exhausted";
  return nodeConnectionErrors.has(code) || lostMessages.test(message) ? "connection" : "other";
}

/** Whether the connection was lost, or the server is not there: what was under way may have been done or not. */
export function isConnectionLoss(error: unknown): boolean {
  return failureOf(error) === "connection";
}

/** Whether a statement has surely not been sent: there was no connection, or it was known to be broken. */
export function wasNotSent(error: unknown): boolean {
  if (isHithertoError(error, "STORE_UNREACHABLE")) return true;
  const origin = isHithertoError(error) ? error.cause : error;
  return origin instanceof Error && origin.message.endsWith("is not queryable");
}

/** Whether it is the fault of the statement, as the driver reports it, so that other statements may well succeed. */
export function isStatementError(error: unknown): error is Error {
  return !isHithertoError(error) && failureOf(error) === "statement";
}

/** Whether what failed may well succeed later, though nobody mends anything but the server or the network. */
export function mayPass(error: unknown): boolean {
  return !["statement", "other"].includes(failureOf(error));
}

/** Under which circumstances an error happened, for its message. */
export interface Circumstances {
  /** When what failed began, by `performance.now()`. */
  readonly beganAt: number;
  /** The most connections that there may be. */
  readonly connectionsMax?: number | undefined;
}

/** The error to raise for one that came out of the driver; errors of Hitherto pass through. */
export function toStoreError(
  error: unknown,
  store: string,
  { beganAt, connectionsMax }: Circumstances,
): Error {
  if (isHithertoError(error)) return error;
  if (!(error instanceof Error)) return new HithertoError("STORE_IO", { store, problem: String(error) });
  const options = { cause: error };
  const problem = wordsOf(error);
  const waitedMs = Math.round(performance.now() - beganAt);
  switch (failureOf(error)) {
    case "locked":
      return new HithertoError("STORE_BUSY", { store, waitedMs }, options);
    case "cancelled":
      return new HithertoError("STORE_TIMEOUT", { store, waitedMs, problem }, options);
    case "contention":
    case "crowded":
      return new HithertoError("STORE_BUSY", { store, waitedMs, problem }, options);
    case "exhausted":
      return new HithertoError("STORE_BUSY", { store, waitedMs, problem: allInUse(connectionsMax) }, options);
    default:
  }
  switch (sqlStateOf(error)) {
    case "53100":
      return new HithertoError("STORE_FULL", { store }, options);
    case "25006":
      return new HithertoError("STORE_READ_ONLY", { store }, options);
    case "42501":
      return new HithertoError("STORE_RIGHTS_MISSING", { store, problem }, options);
    case "XX001":
    case "XX002":
      return new HithertoError("STORE_DAMAGED", { store, problem }, options);
    default:
      return new HithertoError("STORE_IO", { store, problem }, options);
  }
}

/** The error to raise for one that came when a connection was asked for; errors of Hitherto pass through. */
export function toConnectError(error: unknown, store: string, circumstances: Circumstances): Error {
  const state = sqlStateOf(error) ?? "";
  const isAsAnywhere = state === "42501" || ["crowded", "exhausted"].includes(failureOf(error));
  if (!(error instanceof Error) || isHithertoError(error) || isAsAnywhere) {
    return toStoreError(error, store, circumstances);
  }
  const options = { cause: error };
  const problem = wordsOf(error);
  if (state === "3D000") return new HithertoError("STORE_NOT_FOUND", { store, problem }, options);
  // The second is what the driver says when the server wants a password and there is none.
  if (state.startsWith("28") || problem.startsWith("SASL:")) {
    return new HithertoError("STORE_LOGIN_REFUSED", { store, problem }, options);
  }
  return new HithertoError("STORE_UNREACHABLE", { store, problem }, options);
}

function allInUse(connectionsMax: number | undefined): string {
  return `all ${connectionsMax ?? ""} connections of this handle (connectionsMax) stayed in use`;
}

/** The error to raise for a write whose connection was lost before the answer. */
export function unknownOutcome(error: unknown, store: string, what = "it was stored"): HithertoError {
  const problem = `the connection was lost before the answer, and nobody can say whether ${what}`;
  const cause = isHithertoError(error) ? error.cause : error;
  return new HithertoError("STORE_IO", { store, problem }, { cause });
}

/** Some errors of Node, such as one of several addresses that refused, have no message of their own. */
function wordsOf(error: PostgresError): string {
  if (error.message !== "") return error.message;
  return error instanceof AggregateError
    ? error.errors.map(String).join("; ")
    : (error.code ?? "no reason given");
}
