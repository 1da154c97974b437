/**
 * Translates what PostgreSQL and its driver report into errors of Hitherto.
 */
import { HithertoError, isHithertoError } from "../core/errors.ts";

/** The part of an error of the driver that is looked at. */
interface PostgresError extends Error {
  /** SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), or an error code of Node. */
  readonly code?: string;
}

/** Of statements that can succeed when they are sent again: serialization failure, deadlock, lock not available. */
const contention: ReadonlySet<string> = new Set(["40001", "40P01", "55P03"]);

/** SQLSTATEs by which a server says that it is going away or not there yet, besides class 08. */
const goingAway: ReadonlySet<string> = new Set(["57P01", "57P02", "57P03", "57P05", "25P03"]);

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

/** Whether two transactions got in each other's way, so that nothing was done and trying again can help. */
export function isContention(error: unknown): boolean {
  return contention.has(sqlStateOf(error) ?? "");
}

/** Whether the connection was lost, or the server is not there: what was under way may have been done or not. */
export function isConnectionLoss(error: unknown): boolean {
  const origin = isHithertoError(error) ? error.cause : error;
  if (!(origin instanceof Error)) return false;
  const state = sqlStateOf(origin);
  if (state !== undefined && (state.startsWith("08") || goingAway.has(state))) return true;
  const { code, message } = origin as PostgresError;
  return nodeConnectionErrors.has(code ?? "") || lostMessages.test(message);
}

/**
 * Whether it is the statement's own fault, or that of its values: wrong SQL, a constraint, a value that a type does not
 * take, a missing right. What would go wrong with any statement, such as a full disk, is not.
 */
export function isStatementError(error: unknown): error is Error {
  if (isHithertoError(error) || !(error instanceof Error)) return false;
  const state = sqlStateOf(error);
  return state !== undefined && /^(?:0A|21|22|23|25|2B|42|44|54|P0)/u.test(state);
}

/** The error to raise for one that came out of the driver; errors of Hitherto pass through. */
export function toStoreError(error: unknown, store: string, waitedMs = 0): Error {
  if (isHithertoError(error)) return error;
  if (!(error instanceof Error)) return new HithertoError("STORE_IO", { store, problem: String(error) });
  const options = { cause: error };
  const state = sqlStateOf(error) ?? "";
  if (isContention(error) || error.message === poolExhausted) {
    return new HithertoError("STORE_BUSY", { store, waitedMs }, options);
  }
  if (state === "53100") return new HithertoError("STORE_FULL", { store }, options);
  if (state === "25006") return new HithertoError("STORE_READ_ONLY", { store }, options);
  if (state === "42501") {
    return new HithertoError("STORE_RIGHTS_MISSING", { store, problem: error.message }, options);
  }
  if (state === "XX001" || state === "XX002") {
    return new HithertoError("STORE_DAMAGED", { store, problem: error.message }, options);
  }
  return new HithertoError("STORE_IO", { store, problem: wordsOf(error) }, options);
}

/** The error to raise for one that came when a connection was asked for; errors of Hitherto pass through. */
export function toConnectError(error: unknown, store: string, waitedMs: number): Error {
  const state = sqlStateOf(error) ?? "";
  if (
    !(error instanceof Error) ||
    isHithertoError(error) ||
    error.message === poolExhausted ||
    state === "42501"
  ) {
    return toStoreError(error, store, waitedMs);
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

/** Some errors of Node, such as one of several addresses that refused, have no message of their own. */
function wordsOf(error: PostgresError): string {
  if (error.message !== "") return error.message;
  return error instanceof AggregateError
    ? error.errors.map(String).join("; ")
    : (error.code ?? "no reason given");
}
