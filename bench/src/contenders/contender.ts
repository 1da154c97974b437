/**
 * What a benchmark needs of a library under test. Each adapter does the work in the way that its library's own
 * documentation shows, configured to be durable before it acknowledges.
 */
import type { BenchEvent } from "../events.ts";

/** Who runs on SQLite, by the name that commands and results use. */
export type EmbeddedName = "hitherto" | "sqlite" | "emmett-sqlite" | "act-sqlite";

/** Who runs on PostgreSQL. */
export type ServerName = "hitherto" | "postgres" | "emmett-postgresql" | "act-pg";

/** The contenders on either engine. */
export type ContenderName = EmbeddedName | ServerName;

/** A library under test, opened on a fresh file of its own. */
export interface Contender {
  /** How it is configured, durability first; printed with the results. */
  readonly configuration: string;
  /**
   * Whether several appends may be under way at once. Otherwise a benchmark hands them over one at a time, as an
   * application would have to.
   */
  readonly isConcurrent: boolean;
  /** Appends to one stream, whatever its revision; resolves when it is acknowledged. */
  append(stream: string, events: readonly BenchEvent[]): Promise<void>;
  /** Reads a stream from its first event, folds it, and returns how many events there were. */
  rebuild(stream: string): Promise<number>;
  /** Reads the whole log in order and returns how many events there were. */
  readLog(): Promise<number>;
  close(): Promise<void>;
}

/** Opens a contender on a file that does not exist yet. */
export type OpenContender = (path: string) => Promise<Contender>;
