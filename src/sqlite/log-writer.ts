/**
 * Applies groups of writes, each group in one transaction. It runs in the writer thread, but knows nothing of threads.
 *
 * Invariants
 * - A group begins with the write lock (`BEGIN IMMEDIATE`), so its view of the log is the newest there is and stays so.
 * - Within a group, each write is decided against everything before it in the group. A write that is refused
 *   (a conflict, say) has written nothing, since all checks precede the first insert; the others go on.
 * - What is remembered between groups (head, last revisions, block marks) is valid only while no other connection has
 *   written, which `PRAGMA data_version` tells, and is forgotten after every failure.
 * - When the transaction fails as a whole, nothing of the group is stored and every write of it fails alike.
 * - Nothing is answered as stored unless, after the commit, the file was still the one that the path leads to.
 */
import { getRandomValues } from "node:crypto";
import { HithertoError } from "../core/errors.ts";
import type { BlockingEvent, ErrorCode, ErrorDetails } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { categoryOf } from "../core/event.ts";
import type { EncodedAppend, EncodedStream } from "../store/encode-append.ts";
import type {
  AppendResult,
  Expectation,
  Snapshot,
  StreamAppendResult,
  StreamPolicy,
} from "../store/event-store.ts";
import { checkSnapshotReached } from "../store/read-options.ts";
import type { CommitPlan } from "../store/read-side-options.ts";
import { checksumOf } from "./commit-row.ts";
import { readCounter, writeCounter } from "./counters.ts";
import type { Database, Statement } from "./driver.ts";
import { LogReader } from "./log-reader.ts";
import { ReadSideWriter } from "./read-side/read-side-writer.ts";
import { Reclaimer } from "./reclaimer.ts";
import { Statements } from "./row-source.ts";
import { syncSwitch } from "./schema.ts";
import type { SqliteDurability } from "./schema.ts";
import { saveSnapshot } from "./snapshot-rows.ts";
import { msSince, toStoreError, tryExec } from "./sql-errors.ts";
import type { StoreFile } from "./store-file.ts";
import { firstKeptRevision, noPolicy } from "./stream-policies.ts";
import type { PolicyRow } from "./stream-policies.ts";
import { blockOf, idMark, termMark, termOf } from "./terms.ts";
import { whenUnlocked, writeLock } from "./write-lock.ts";

/** One write of a group. */
export type Write =
  | { readonly kind: "append"; readonly append: EncodedAppend }
  | { readonly kind: "policy"; readonly stream: string; readonly policy: StreamPolicy }
  | {
      readonly kind: "remove";
      readonly stream: string;
      readonly expect: Expectation;
      readonly isTombstone: boolean;
    }
  /** `erases` takes every hidden event, and the snapshots of streams that hide some. */
  | { readonly kind: "reclaim"; readonly erases: boolean }
  /** Writes the file anew, where `isWhole`, and empties the write-ahead log. No transaction can hold it. */
  | { readonly kind: "rewrite"; readonly isWhole: boolean }
  | { readonly kind: "snapshot"; readonly snapshot: Snapshot; readonly keep: number }
  | { readonly kind: "clearSnapshots"; readonly stream: string }
  | { readonly kind: "commit"; readonly plan: CommitPlan; readonly isDurable: boolean };

/** A refusal, in a form that passes between threads. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly details: ErrorDetails<ErrorCode>;
  readonly cause?: unknown;
}

/** What became of a write. */
export type WriteOutcome =
  | { readonly kind: "appended"; readonly result: AppendResult }
  | { readonly kind: "done"; readonly events: number }
  | { readonly kind: "committed"; readonly version: number }
  /** Whether the write-ahead log is empty; readers may hold it back. */
  | { readonly kind: "rewritten"; readonly isComplete: boolean }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** What a writer must know besides its connection. */
export interface LogWriterOptions {
  /** Its path names the store in errors. */
  readonly file: StoreFile;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** 42 random bits, as an integer: with time and position they make the ids of this writer's events. */
  readonly idRandom: number;
  /** How long a group waits for the write lock. */
  readonly busyTimeoutMs: number;
  readonly durability: SqliteDurability;
}

const rememberedMax = 200_000;

/** For {@link LogWriterOptions.idRandom}. */
export function randomBits(): number {
  const random = getRandomValues(new Uint32Array(2));
  return random[0]! * 2 ** 10 + (random[1]! >>> 22);
}

/** Decides and stores groups of writes. */
export class LogWriter {
  /** Reads with the same eyes, within the transaction. */
  readonly reader: LogReader;
  readonly readSide: ReadSideWriter;
  readonly #db: Database;
  readonly #statements: Statements;
  readonly #file: StoreFile;
  readonly #reclaimer: Reclaimer;
  readonly #clock: () => number;

  readonly #busyTimeoutMs: number;
  readonly #begin: () => void;
  readonly #setSync: (isDurable: boolean) => void;
  readonly #commit: Statement;
  readonly #dataVersion: Statement<[number]>;
  readonly #insertCommit: Statement;
  readonly #insertTerm: Statement;
  readonly #insertBlock: Statement;
  readonly #insertId: Statement;

  #seenDataVersion = -1;
  #head = -1;
  #idTime = 0;
  readonly #idRandom: number;
  readonly #lastRevisions = new Map<string, number>();
  /** For each term, the newest block that is known to name it. */
  readonly #blockMarks = new Map<number, number>();
  readonly #terms = new Map<string, number>();

  constructor(db: Database, options: LogWriterOptions) {
    const { file, clock, idRandom, busyTimeoutMs, durability } = options;
    this.#db = db;
    this.#statements = new Statements(db);
    this.#file = file;
    this.#clock = clock;
    this.#idRandom = idRandom;
    this.reader = new LogReader(db, file.path, clock);
    this.#reclaimer = new Reclaimer(db, file.path, this.reader, clock);
    this.readSide = new ReadSideWriter(db, file.path);
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#begin = writeLock(db, busyTimeoutMs);
    this.#setSync = syncSwitch(db, durability);
    this.#commit = db.prepare("COMMIT");
    this.#dataVersion = db.prepare("PRAGMA data_version");
    this.#insertCommit = db.prepare("INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#insertTerm = db.prepare("INSERT OR IGNORE INTO term_commits VALUES (?, ?, ?)");
    this.#insertBlock = db.prepare("INSERT OR IGNORE INTO term_blocks VALUES (?, ?, ?)");
    this.#insertId = db.prepare("INSERT INTO explicit_ids VALUES (?, ?, ?)");
  }

  /** Applies a group; the outcomes are in its order. Never throws: what goes wrong is in the outcomes. */
  apply(group: readonly Write[]): WriteOutcome[] {
    if (group.length === 0) return [];
    const alone = group.findIndex(({ kind }) => kind === "rewrite");
    if (alone < 0) return this.#applyTogether(group);
    const { isWhole } = group[alone] as Extract<Write, { kind: "rewrite" }>;
    const before = this.apply(group.slice(0, alone));
    return [...before, this.#rewrite(isWhole), ...this.apply(group.slice(alone + 1))];
  }

  #applyTogether(group: readonly Write[]): WriteOutcome[] {
    const beganAt = performance.now();
    try {
      this.#setSync(group.some((write) => write.kind !== "commit" || write.isDurable));
      this.#begin();
      this.takeUpChanges();
      const outcomes = group.map((write) => this.attempt(write));
      this.commit();
      return outcomes;
    } catch (error) {
      this.abandon();
      const refusal = this.#refusalOf(error, beganAt);
      return group.map(() => ({ kind: "refused", refusal }));
    }
  }

  /** Without what was deleted: free pages, and what is left of deleted rows in others, do not come along. */
  #rewrite(isWhole: boolean): WriteOutcome {
    const beganAt = performance.now();
    try {
      this.#file.check();
      if (isWhole) {
        this.#setSync(true);
        whenUnlocked(() => this.#db.exec("VACUUM"), this.#busyTimeoutMs);
        this.#forget();
      }
      const [isHeldBack] = this.#db
        .prepare<[number, number, number]>("PRAGMA wal_checkpoint(TRUNCATE)")
        .get()!;
      this.#file.check();
      return { kind: "rewritten", isComplete: isHeldBack === 0 };
    } catch (error) {
      this.abandon();
      return { kind: "refused", refusal: this.#refusalOf(error, beganAt) };
    }
  }

  #refusalOf(error: unknown, beganAt: number): Refusal {
    return refusalOf(toStoreError(this.#file.explain(error), this.#file.path, msSince(beganAt)));
  }

  /**
   * Notes how far the log has got, so that the loss of its end can be told from a log that never went further. Only
   * for a moment of leisure: it takes a transaction. Does nothing while another process is writing.
   */
  noteHead(): void {
    try {
      this.#db.exec("BEGIN IMMEDIATE");
      this.takeUpChanges();
      if (readCounter(this.#statements, "head", this.#file.path) < this.#head) {
        writeCounter(this.#statements, "head", this.#head);
      }
      this.#commit.run();
    } catch (error) {
      // Whether the store can be written to, the next write tells.
      this.#file.explain(error);
      this.abandon();
    }
  }

  // The parts of a transaction, for those who begin it by themselves.

  /** To be called first in every transaction. @throws `STORE_REPLACED`, `STORE_HARD_LINKED`, `STORE_IO` */
  takeUpChanges(): void {
    this.#file.checkBeforeWrite();
    this.#file.log.secure();
    const version = this.#dataVersion.get()?.[0] ?? -1;
    if (version !== this.#seenDataVersion) this.#forget();
    this.#seenDataVersion = version;
    this.reader.policies.refresh();
    if (this.#head < 0) this.#head = this.reader.checkedHead();
    this.#idTime = this.#clock();
  }

  /** @throws `STORE_REPLACED` when it was committed into a file that is no longer in place. */
  commit(): void {
    this.readSide.finish();
    this.#commit.run();
    this.#file.checkCommitted();
  }

  /** Rolls back, if there is anything to. */
  abandon(): void {
    this.#forget();
    this.reader.policies.forget();
    tryExec(this.#db, "ROLLBACK");
  }

  #forget(): void {
    this.#seenDataVersion = -1;
    this.#head = -1;
    this.#lastRevisions.clear();
    this.#blockMarks.clear();
    this.readSide.forget();
  }

  /** A refusal is this write's own; any other error is the whole group's. Reclaiming writes while it checks. */
  attempt(write: Write): WriteOutcome {
    try {
      return this.#perform(write);
    } catch (error) {
      if (error instanceof HithertoError && write.kind !== "reclaim") {
        return { kind: "refused", refusal: refusalOf(error) };
      }
      throw error;
    }
  }

  #perform(write: Write): WriteOutcome {
    switch (write.kind) {
      case "append":
        return { kind: "appended", result: this.#append(write.append) };
      case "policy":
        return this.#setPolicy(write.stream, write.policy);
      case "remove":
        return this.#remove(write);
      case "reclaim": {
        const events = this.#reclaimer.reclaimSome(write.erases);
        this.#lastRevisions.clear();
        return { kind: "done", events };
      }
      case "snapshot":
        checkSnapshotReached(write.snapshot, this.#lastRevision(write.snapshot.stream));
        saveSnapshot(this.#db, write.snapshot, write.keep);
        return { kind: "done", events: 0 };
      case "clearSnapshots":
        this.#clearSnapshots(write.stream);
        return { kind: "done", events: 0 };
      case "rewrite":
        throw new TypeError("the file is not written anew in a transaction");
      case "commit":
        return { kind: "committed", version: this.readSide.commit(write.plan) };
    }
  }

  #append(append: EncodedAppend): AppendResult {
    const duplicate = this.#findDuplicate(append);
    if (duplicate !== undefined) return duplicate;
    for (const { stream, expect, firstRevision } of append.streams) {
      if (this.reader.policies.find(stream)?.isTombstoned === true) {
        throw new HithertoError("STREAM_TOMBSTONED", { stream });
      }
      this.#checkExpectation(stream, expect);
      if (firstRevision !== undefined) this.#checkFirstRevision(stream, firstRevision);
      // Asked even when nothing is expected: should the stream be damaged, that must show before the first insert.
      this.#lastRevision(stream);
    }
    this.#checkCondition(append);
    const firstPosition = this.#head + 1;
    const streams = append.streams.map((part) => this.#insert(part));
    return {
      position: this.#head,
      firstPosition,
      revision: streams[0]!.revision,
      streams,
      isDuplicate: false,
    };
  }

  /** The first result, when all events of the append are stored already, in the same streams and order. */
  #findDuplicate(append: EncodedAppend): AppendResult | undefined {
    if (append.streams.every(({ ids }) => ids === undefined)) return undefined;
    const wanted = append.streams.flatMap(({ stream, count, ids }) => {
      return Array.from({ length: count }, (_, index) => ({ stream, id: ids?.[index] }));
    });
    const stored = wanted.map(({ id }) => (id === undefined ? undefined : this.reader.findById(id)));
    const found = stored.filter((event) => event !== undefined);
    if (found[0] === undefined) return undefined;
    if (found.length < wanted.length) {
      throw idConflict(found[0], "it is stored already, but not all events of the append are");
    }
    for (const [index, event] of found.entries()) {
      const problem = repetitionProblem(event, wanted[index]!.stream, found[index - 1]);
      if (problem !== undefined) throw idConflict(event, problem);
    }
    return duplicateResult(append, found);
  }

  #lastRevision(stream: string): number {
    let last = this.#lastRevisions.get(stream);
    if (last === undefined) {
      last = this.reader.lastRevision(stream);
      if (this.#lastRevisions.size >= rememberedMax) this.#lastRevisions.clear();
      this.#lastRevisions.set(stream, last);
    }
    return last;
  }

  #checkExpectation(stream: string, expect: Expectation): void {
    if (expect === "any") return;
    const policy = this.reader.policies.find(stream);
    const last = this.#lastRevision(stream);
    const isEmpty = last < 0 || (policy !== undefined && this.#hidesAll(stream, policy, last));
    if (isEmpty ? expect === "none" : expect === "exists" || expect === last) return;
    const from = typeof expect === "number" ? expect + 1 : 0;
    const event = isEmpty ? undefined : this.reader.firstOfStream(stream, { from });
    throw new HithertoError("REVISION_CONFLICT", {
      stream,
      expected: expect,
      actual: isEmpty ? "none" : last,
      event: event === undefined ? undefined : blockingEvent(event),
    });
  }

  #checkFirstRevision(stream: string, firstRevision: number): void {
    const last = this.#lastRevision(stream);
    if (last < 0 || firstRevision === last + 1) return;
    const expected = firstRevision === 0 ? "none" : firstRevision - 1;
    throw new HithertoError("REVISION_CONFLICT", { stream, expected, actual: last });
  }

  #hidesAll(stream: string, policy: PolicyRow, last: number): boolean {
    if (firstKeptRevision(policy, last) > last) return true;
    return (
      policy.maxAgeMs !== undefined && this.reader.firstOfStream(stream, { backwards: true }) === undefined
    );
  }

  #checkCondition({ condition }: EncodedAppend): void {
    if (condition === undefined) return;
    const event = this.reader.firstMatch(condition.failIfMatch, condition.after ?? 0);
    if (event !== undefined) {
      throw new HithertoError("CONDITION_CONFLICT", { condition, event: blockingEvent(event) });
    }
  }

  #insert(part: EncodedStream): StreamAppendResult {
    const { stream, count, body } = part;
    const position = this.#head + 1;
    if (part.firstRevision !== undefined) this.#beginAt(stream, part.firstRevision);
    const firstRevision = this.#lastRevision(stream) + 1;
    const recordedAt = part.recordedAtMs ?? this.#idTime;
    const [idTime, idRandom] = [this.#idTime, this.#idRandom];
    const checksum = checksumOf([position, stream, firstRevision, count, recordedAt, idTime, idRandom, body]);
    this.#insertCommit.run(
      position,
      stream,
      firstRevision,
      count,
      recordedAt,
      idTime,
      idRandom,
      checksum,
      body,
    );
    this.#index(part, position);
    this.#head += count;
    this.#lastRevisions.set(stream, firstRevision + count - 1);
    return { stream, firstRevision, revision: firstRevision + count - 1 };
  }

  /** Lets a stream that never had an event begin at a later revision, as if it had been deleted up to there. */
  #beginAt(stream: string, firstRevision: number): void {
    if (this.#lastRevision(stream) + 1 === firstRevision) return;
    const before = this.reader.policies.find(stream) ?? noPolicy;
    const last = firstRevision - 1;
    this.reader.policies.save(stream, { ...before, deletedRevision: last, lastRevision: last });
    this.#lastRevisions.set(stream, last);
  }

  #index(part: EncodedStream, position: number): void {
    const block = blockOf(position);
    this.#markBlock(this.#term("category", categoryOf(part.stream)), block);
    for (const type of part.types) this.#markBlock(this.#term("type", type), block);
    for (const tag of part.tags) this.#nameTerm(termOf("tag", tag), position);
    for (const id of part.correlationIds) this.#nameTerm(termOf("correlation", id), position);
    if (part.ids === undefined) return;
    for (const [index, id] of part.ids.entries()) {
      if (id !== undefined) this.#insertId.run(id, position + index, idMark(id, position + index));
    }
  }

  #nameTerm(term: number, position: number): void {
    this.#insertTerm.run(term, position, termMark(term, position));
  }

  #markBlock(term: number, block: number): void {
    if (this.#blockMarks.get(term) === block) return;
    this.#insertBlock.run(term, block, termMark(term, block));
    if (this.#blockMarks.size >= rememberedMax) this.#blockMarks.clear();
    this.#blockMarks.set(term, block);
  }

  /** Types and categories recur, so their hashes are remembered. */
  #term(kind: "type" | "category", text: string): number {
    const key = `${kind} ${text}`;
    let term = this.#terms.get(key);
    if (term === undefined) {
      term = termOf(kind, text);
      if (this.#terms.size >= rememberedMax) this.#terms.clear();
      this.#terms.set(key, term);
    }
    return term;
  }

  #setPolicy(stream: string, policy: StreamPolicy): WriteOutcome {
    const before = this.reader.policies.find(stream) ?? noPolicy;
    this.reader.policies.save(stream, {
      ...before,
      maxCount: policy.maxCount,
      maxAgeMs: policy.maxAgeMs,
      truncateBefore: Math.max(before.truncateBefore, policy.truncateBefore ?? 0),
    });
    return { kind: "done", events: 0 };
  }

  #remove({ stream, expect, isTombstone }: Extract<Write, { kind: "remove" }>): WriteOutcome {
    const before = this.reader.policies.find(stream) ?? noPolicy;
    this.#checkExpectation(stream, expect);
    const last = this.#lastRevision(stream);
    if (!before.isTombstoned && (isTombstone || last >= 0)) {
      const removed = { deletedRevision: last, lastRevision: last, isTombstoned: isTombstone };
      this.reader.policies.save(stream, { ...before, ...removed });
      this.#clearSnapshots(stream);
    }
    return { kind: "done", events: 0 };
  }

  /** Snapshots hold what deleted events said. */
  #clearSnapshots(stream: string): void {
    this.#db.prepare("DELETE FROM snapshots WHERE stream = ?").run(stream);
  }
}

function duplicateResult(append: EncodedAppend, stored: readonly StoredEvent[]): AppendResult {
  let index = 0;
  const streams = append.streams.map(({ stream, count }) => {
    const [first, last] = [stored[index]!, stored[index + count - 1]!];
    index += count;
    return { stream, firstRevision: first.revision, revision: last.revision };
  });
  return {
    position: stored.at(-1)!.position,
    firstPosition: stored[0]!.position,
    revision: streams[0]!.revision,
    streams,
    isDuplicate: true,
  };
}

function repetitionProblem(
  event: StoredEvent,
  stream: string,
  before: StoredEvent | undefined,
): string | undefined {
  if (event.stream !== stream) return `it is stored in stream "${event.stream}"`;
  return event.position > (before?.position ?? 0) ? undefined : "it is stored in another order";
}

function idConflict(event: StoredEvent, problem: string): HithertoError {
  return new HithertoError("EVENT_ID_CONFLICT", { id: event.id, problem, event: blockingEvent(event) });
}

function blockingEvent({ id, type, stream, revision, position }: StoredEvent): BlockingEvent {
  return { id, type, stream, revision, position };
}

function refusalOf(error: Error): Refusal {
  const { code, details, cause } = error as HithertoError;
  return { code, details, cause };
}
