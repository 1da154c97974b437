/**
 * What a store gives within a transaction that the application has begun: the log and the read models as that transaction
 * sees them, and ways to change them that take effect when it is committed, or never.
 *
 * Every call is a part of the transaction by itself: what is refused or fails has done nothing and leaves the transaction
 * usable, unless the connection is lost. Calls take their turn; the application's own statements are better not sent
 * while one is under way, since what undoes the call would undo them too. Once the transaction has ended, every call
 * fails with `ARGUMENT_INVALID`, also when the next one has begun on that connection.
 */
import type { EventStore } from "./event-store.ts";
import type { ReadSide, ReadSideTransaction } from "./read-side.ts";

/** What is beside the log, within a transaction of the application's. */
export interface JoinedReadSide extends Pick<
  ReadSide,
  | "supportsSql"
  | "listModels"
  | "getDocument"
  | "getDocuments"
  | "findDocuments"
  | "countDocuments"
  | "query"
  | "watch"
> {
  /**
   * Runs `body` as a part of the transaction: if it throws, what it did is undone, its error passes through, and the
   * transaction is as it was. Nobody else writes from here to the end of the transaction. Within a body, use only what it
   * is given.
   */
  transaction<Result>(body: (transaction: ReadSideTransaction) => Promise<Result>): Promise<Result>;
}

/** A store within a transaction of the application's. */
export interface JoinedStore extends Pick<
  EventStore,
  "url" | "append" | "read" | "readStream" | "findEvent" | "findStream" | "head"
> {
  readonly readSide: JoinedReadSide;
}
