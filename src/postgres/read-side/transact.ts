/**
 * Runs an interactive transaction.
 *
 * It is **locking** until it has the right to append and then the right to commit, in this order everywhere; **running**
 * while its body has it, for which time begins here; then **committing**, and **committed** or **rolled back**. The server
 * itself ends a transaction whose process has stopped, so that nobody waits for it for ever.
 *
 * What fails while it is locking is tried again. A connection that is lost while it is running rolls it back. When it is lost
 * while it is committing, the events that it has appended tell whether it was committed; nobody can say when there are none.
 */
import { HithertoError } from "../../core/errors.ts";
import type { ReadSideTransaction } from "../../store/read-side.ts";
import { failureOf, isConnectionLoss, mayPass, unknownOutcome, wasNotSent } from "../postgres-errors.ts";
import type { Connection, Session } from "../session.ts";
import { tryAgain } from "../try-again.ts";
import { PostgresTransaction } from "./transaction.ts";
import type { TransactionTools } from "./transaction.ts";

/** A checked transaction. */
export interface TransactionPlan<Result> {
  readonly body: (transaction: ReadSideTransaction) => Promise<Result>;
  readonly isDurable: boolean;
  readonly timeoutMs: number;
}

/** How a body has ended. Its errors are its own, whatever they look like, and pass through untranslated. */
type Ending<Result> = { readonly result: Result } | { readonly error: unknown };

/** What comes of a transaction that was committed. */
export interface Transacted<Result> {
  readonly result: Result;
  /** Whether tables are to be tidied. */
  readonly isUntidy: boolean;
}

/** How much longer than the body the server waits for it. */
const graceMs = 5_000;
/** The same for a statement: the body is told that its time is up before its statement is. */
const statementGraceMs = 100;

/** The longest pause between two attempts to get the rights, in milliseconds. */
const pauseMaxMs = 500;

/** How far a transaction has come, for the case that its connection is lost. */
interface Progress<Result> {
  /** Once it has been running. */
  transaction?: PostgresTransaction;
  /** Once it has been committing: how its body ended. */
  ending?: Ending<Result>;
}

/** @throws what the body throws, `TRANSACTION_TIMEOUT`, `STORE_BUSY`, and what stores throw. */
export async function transact<Result>(
  tools: TransactionTools,
  plan: TransactionPlan<Result>,
): Promise<Transacted<Result>> {
  const { database, busyTimeoutMs } = tools.shared;
  const silenceMs = Math.max(busyTimeoutMs, plan.timeoutMs) + database.answerTimeoutMs;
  const progress: Progress<Result> = {};
  const attempt = (): Promise<Ending<Result>> =>
    database.withConnection((session) => run(session, tools, plan, progress), silenceMs);
  // The body runs once.
  const mayHelp = (error: unknown): boolean => {
    if (progress.transaction !== undefined || (isConnectionLoss(error) && database.isLongAway)) return false;
    return mayPass(error) && failureOf(error) !== "locked";
  };
  let ending: Ending<Result>;
  try {
    ending = await tryAgain(attempt, { forMs: busyTimeoutMs, mayHelp, pauseMaxMs });
  } catch (error) {
    ending = await endingOfLost(error, tools, progress);
  }
  if ("error" in ending) throw ending.error;
  return { ...ending, isUntidy: progress.transaction?.isUntidy ?? false };
}

async function run<Result>(
  session: Connection,
  tools: TransactionTools,
  plan: TransactionPlan<Result>,
  progress: Progress<Result>,
): Promise<Ending<Result>> {
  // How long the rights are waited for is no matter of statements.
  await session.begin({ also: "SET LOCAL statement_timeout = 0" });
  try {
    await takeRights(session, tools, plan);
    const transaction = new PostgresTransaction(session, tools);
    progress.transaction = transaction;
    const ending = await inTime(transaction, plan, tools.shared.url);
    if ("error" in ending) {
      // What waits for its turn must not come after the end, by itself.
      await transaction.stop();
      await session.rollback();
      return ending;
    }
    await transaction.settle();
    progress.ending = ending;
    await session.commit();
    return ending;
  } catch (error) {
    await session.rollback();
    throw error;
  }
}

/** How a transaction has ended that failed: committed after all, perhaps, though the connection was lost. */
async function endingOfLost<Result>(
  loss: unknown,
  { shared }: TransactionTools,
  { transaction, ending }: Progress<Result>,
): Promise<Ending<Result>> {
  if (transaction === undefined || !isConnectionLoss(loss)) throw loss;
  const unknown = unknownOutcome(loss, shared.url, "the transaction was committed");
  if (ending !== undefined && !wasNotSent(loss)) {
    if (transaction.stored === undefined) throw unknown;
    const isCommitted = await shared.writer.isStored(transaction.stored).catch(() => undefined);
    if (isCommitted === undefined) throw unknown;
    if (isCommitted) return ending;
  }
  const problem = "the connection was lost, and the transaction was rolled back";
  throw new HithertoError("STORE_IO", { store: shared.url, problem }, { cause: unknown.cause });
}

async function takeRights(
  session: Session,
  { shared, writer }: TransactionTools,
  { isDurable, timeoutMs }: Omit<TransactionPlan<unknown>, "body">,
): Promise<void> {
  await shared.writer.lock(session);
  await writer.lock(session);
  const settings = [
    ["statement_timeout", `${timeoutMs + statementGraceMs}`],
    ["idle_in_transaction_session_timeout", `${timeoutMs + graceMs}`],
    ...(isDurable ? [] : [["synchronous_commit", "off"]]),
  ];
  const calls = settings.map((_, index) => `set_config($${index * 2 + 1}, $${index * 2 + 2}, true)`);
  await session.query(`SELECT ${calls.join(", ")}`, settings.flat());
}

/** Runs the body. When it takes too long, it is left alone: the transaction takes none of its calls any more. */
async function inTime<Result>(
  transaction: PostgresTransaction,
  { body, timeoutMs }: TransactionPlan<Result>,
  store: string,
): Promise<Ending<Result>> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const timeout = new HithertoError("TRANSACTION_TIMEOUT", { store, timeoutMs });
    transaction.end(timeout);
    reject(timeout);
  }, timeoutMs);
  try {
    return { result: await Promise.race([body(transaction), late]) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
    transaction.end();
  }
}
