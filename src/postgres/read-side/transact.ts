/**
 * Runs an interactive transaction.
 *
 * It is **locking** until it has the right to append and then the right to commit, in this order everywhere; **running**
 * while its body has it, for which time begins here; then **committed** or **rolled back**. The server itself ends a
 * transaction whose process has stopped, so that nobody waits for it for ever.
 */
import { HithertoError } from "../../core/errors.ts";
import type { ReadSideTransaction } from "../../store/read-side.ts";
import type { Session } from "../session.ts";
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

/** @throws what the body throws, `TRANSACTION_TIMEOUT`, `STORE_BUSY`, and what stores throw. */
export async function transact<Result>(
  tools: TransactionTools,
  plan: TransactionPlan<Result>,
): Promise<Transacted<Result>> {
  const ending = await tools.shared.database.withConnection(async (session) => {
    await session.query("BEGIN ISOLATION LEVEL READ COMMITTED");
    try {
      await takeRights(session, tools, plan);
      const transaction = new PostgresTransaction(session, tools);
      const ended = await inTime(transaction, plan, tools.shared.url);
      if ("error" in ended) {
        await session.query("ROLLBACK").catch(() => undefined);
        return ended;
      }
      await transaction.settle();
      await session.query("COMMIT");
      return { ...ended, isUntidy: transaction.isUntidy };
    } catch (error) {
      // On a lost connection that fails too; the first error is the one to tell.
      await session.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
  });
  if ("error" in ending) throw ending.error;
  return ending;
}

async function takeRights(
  session: Session,
  { shared, writer }: TransactionTools,
  { isDurable, timeoutMs }: Omit<TransactionPlan<unknown>, "body">,
): Promise<void> {
  await shared.writer.lock(session);
  await writer.lock(session);
  const settings = [
    ["statement_timeout", `${timeoutMs}`],
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
