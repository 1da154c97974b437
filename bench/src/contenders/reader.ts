/**
 * What the benchmarks of the read side need of a library: consumers and read models, on a log that is written before
 * the clock starts. A library that lacks one of them leaves it out, and is not compared there.
 */
import type { Contender } from "./contender.ts";

/** An event as every contender takes it. */
export interface AnyEvent {
  readonly type: string;
  readonly data: object;
}

/** A library under test, opened on a fresh file or database of its own. */
export interface ReaderContender extends Pick<Contender, "configuration" | "isConcurrent" | "close"> {
  append(stream: string, events: readonly AnyEvent[]): Promise<void>;
  /**
   * Hands all `count` events of the log to a new consumer whose handler does nothing, and resolves with the number of
   * events handled when its place in the log is stored behind them.
   */
  readonly consume?: ((count: number) => Promise<number>) | undefined;
  /**
   * Makes the documents of orders anew from all `count` events of the log, and resolves with the number of documents
   * when they and the place in the log are stored.
   */
  readonly project?: ((count: number) => Promise<number>) | undefined;
  /** Makes all read models of the shop anew, and resolves with the number of documents in all of them. */
  readonly rebuild?: (() => Promise<number>) | undefined;
  /** Reads the document of an order that {@link project} has made. */
  readonly find?: ((id: string) => Promise<unknown>) | undefined;
}

/** Opens a contender on a file that does not exist yet, or on an empty database by its URL. */
export type OpenReader = (location: string) => Promise<ReaderContender>;
