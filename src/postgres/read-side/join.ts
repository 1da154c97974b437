/**
 * Taking part in a transaction that the caller has begun, on a connection of the caller's.
 *
 * What is written holds the right to append from the first write to the end of that transaction, so others who write wait
 * for it: it is best written last. Nothing of it is seen before, and everybody is told when it is committed.
 */
import { HithertoError } from "../../core/errors.ts";
import { inWords } from "../../store/check-input.ts";
import type { ReadSideTransaction } from "../../store/read-side.ts";
import type { PostgresClient } from "../options.ts";
import { sqlStateOf, toStoreError } from "../postgres-errors.ts";
import { sessionOf } from "../session.ts";
import type { Session } from "../session.ts";
import { PostgresTransaction } from "./transaction.ts";
import type { TransactionTools } from "./transaction.ts";

/** @throws `ARGUMENT_INVALID` when the client has begun no transaction, or one of another isolation than READ COMMITTED */
export async function joinTransaction(
  tools: TransactionTools,
  client: PostgresClient,
): Promise<ReadSideTransaction> {
  if (typeof (client as PostgresClient | undefined)?.query !== "function") {
    throw misused(`it must be a client of pg, not ${inWords(client)}`);
  }
  const { types } = tools.shared.database.driver;
  const session = sessionOf(client as unknown as Parameters<typeof sessionOf>[0], types);
  const beganAt = performance.now();
  try {
    await checkTransaction(session);
  } catch (error) {
    throw toStoreError(error, tools.shared.url, { beganAt });
  }
  return new PostgresTransaction(session, { ...tools, isJoined: true });
}

/** Conditions are checked against what others have committed meanwhile, which an older snapshot would not show. */
async function checkTransaction(session: Session): Promise<void> {
  try {
    await session.query("SAVEPOINT joining");
  } catch (error) {
    if (sqlStateOf(error) === "25P01") throw misused("it has begun no transaction");
    throw error;
  }
  await session.query("RELEASE SAVEPOINT joining");
  const [row] = await session.query<[string]>("SHOW transaction_isolation");
  if (row?.[0] === "read committed") return;
  throw misused(`its transaction must be READ COMMITTED, not ${row?.[0].toUpperCase()}`);
}

function misused(problem: string): HithertoError {
  return new HithertoError("ARGUMENT_INVALID", { argument: "client", problem });
}
