/**
 * The embedded store: an event store in one SQLite file, for any number of processes of one machine.
 *
 * Reads happen on the caller's thread, through a read-only connection, a page at a time. Writes go to a thread of
 * their own (`write-queue.ts`, `writer-thread.ts`), where everything that is waiting is committed and synced at once
 * (`log-writer.ts`). `docs/adr/0002-on-disk-format.md` describes the file, `docs/adr/0003-writer-thread.md` the thread.
 */
import { statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { machineNowMs } from "../store/clock.ts";
import { encodeAppend } from "../store/encode-append.ts";
import { answer, yieldIfDue } from "../store/event-loop.ts";
import { eventSequence } from "../store/event-sequence.ts";
import type { EventPage } from "../store/event-sequence.ts";
import type {
  AppendOptions,
  AppendResult,
  BackupOptions,
  BackupReport,
  EventSequence,
  EventStore,
  Expectation,
  ListStreamsOptions,
  ReadOptions,
  ReclaimOptions,
  ReclaimResult,
  Snapshot,
  SnapshotStore,
  StoreStats,
  StreamAppend,
  StreamInfo,
  StreamPolicy,
  SubscribeOptions,
  Subscription,
  VerifyOptions,
  VerifyReport,
} from "../store/event-store.ts";
import {
  checkFilePath,
  checkId,
  checkListener,
  checkOptions,
  checkSignal,
  checkSnapshot,
  checkSnapshotKey,
  checkStreamName,
  checkVerifyOptions,
  planList,
  planPolicy,
  planRead,
  planReclaim,
  planRemoval,
  throwIfAborted,
} from "../store/read-options.ts";
import type { ReadPlan } from "../store/read-options.ts";
import type { ReadSide } from "../store/read-side.ts";
import { openSubscription } from "../store/subscription.ts";
import { backupStore } from "./backup.ts";
import { ChangeWatcher } from "./change-watcher.ts";
import type { Database } from "./driver.ts";
import { LogReader } from "./log-reader.ts";
import type { PageReader } from "./log-reader.ts";
import type { Write, WriteOutcome } from "./log-writer.ts";
import { inOneState } from "./one-state.ts";
import { SqliteReadSide } from "./read-side/sqlite-read-side.ts";
import { Transactions } from "./read-side/transactions.ts";
import { Statements } from "./row-source.ts";
import { checkPath, connect, formatVersion, secureLog } from "./schema.ts";
import type { ConnectOptions, SqliteDurability } from "./schema.ts";
import { findSnapshot, listSnapshots } from "./snapshot-rows.ts";
import { msSince, toStoreError } from "./sql-errors.ts";
import { checkSqlite } from "./sqlite-version.ts";
import { identify, resolvePath, StoreFile } from "./store-file.ts";
import { describeStream, listNames } from "./stream-list.ts";
import { verifyInThread } from "./verify.ts";
import { shareSyncs } from "./wal-trust.ts";
import { WriteQueue } from "./write-queue.ts";

/** How an embedded store is opened. */
export interface SqliteStoreOptions {
  /**
   * `create` (default) makes the file if there is none; `write` needs it; `read` needs it and refuses every write with
   * `STORE_READ_ONLY`. A store that was closed cleanly can also be read in a folder that cannot be written to.
   */
  readonly mode?: "create" | "write" | "read" | undefined;
  /**
   * What an acknowledged append has survived: `fsync` (default) the loss of power, `os` only the death of the process;
   * with `os`, a power cut may take the last acknowledged appends, but never leaves a half-written one.
   */
  readonly durability?: SqliteDurability | undefined;
  /** How long a write waits while other processes hold the write lock, in milliseconds. Default 30,000. */
  readonly busyTimeoutMs?: number | undefined;
  /** Memory for cached pages of the file, in bytes, for each of the two connections. Default 32 MiB. */
  readonly cacheBytes?: number | undefined;
  /**
   * Who may read and write the files of a store that is made, as a number such as `0o600` (the owner alone) or `0o640` (a group
   * may read). They are never open to more. Default: as the umask of the process says, often readable for everybody. The files of
   * a store that is there keep theirs. Without effect on Windows, where a file has the rights of its folder.
   */
  readonly filePermissions?: number | undefined;
}

/**
 * Opens a store in a file. Several handles, in one process or in many, may have the same file open and all may write.
 *
 * @throws `STORE_NOT_FOUND`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`, `STORE_READ_ONLY`, `STORE_BUSY`, `STORE_DAMAGED`,
 * `STORE_HARD_LINKED`, `STORE_REPLACED`, `STORE_IO`, `SQLITE_UNSOUND`, `THREAD_NOT_STARTED`, `ARGUMENT_INVALID`
 * @example
 * ```ts
 * import { openSqliteStore } from "hitherto/sqlite";
 * await using store = await openSqliteStore("bank.db");
 * await store.append({ stream: "account-42", events: [{ type: "AccountOpened", data: { owner: "Ada" } }] });
 * ```
 */
export async function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<EventStore> {
  const connectOptions = planConnection(path, options);
  checkSqlite(connectOptions.path);
  await StoreFile.checkOthers(connectOptions.path);
  checkPath(connectOptions.path, connectOptions.mode);
  secureLog(connectOptions);
  // Makes the file and checks it on the calling thread, so that errors belong to the one who opens.
  const first = connect(connectOptions);
  try {
    // As long as it is open, SQLite leaves these files in place; every other connection must have the same ones.
    const files = identify(connectOptions.path, first.isImmutable);
    const store = openBeside({ ...connectOptions, files, syncs: shareSyncs() });
    await store.started();
    return store;
  } finally {
    // Not the last connection any more, so that closing it does not empty the write-ahead log on this thread.
    first.close();
  }
}

function openBeside(options: ConnectOptions): SqliteStore {
  const db = connect({ ...options, mode: "read" });
  const file = new StoreFile(options.path, options.files, options.syncs);
  try {
    file.enter();
    return new SqliteStore(db, file, options);
  } catch (error) {
    file.leave();
    db.close();
    throw toStoreError(error, options.path);
  }
}

const mebibyte = 1024 * 1024;

function planConnection(path: unknown, options: SqliteStoreOptions): ConnectOptions {
  checkFilePath("path", path);
  checkOptions(options);
  const {
    mode = "create",
    durability = "fsync",
    busyTimeoutMs = 30_000,
    cacheBytes = 32 * mebibyte,
    filePermissions,
  } = options;
  checkChoice("mode", mode, ["create", "write", "read"]);
  checkChoice("durability", durability, ["fsync", "os"]);
  checkCount("busyTimeoutMs", busyTimeoutMs, 0, 2 ** 31 - 1);
  checkCount("cacheBytes", cacheBytes, mebibyte, 2 ** 40);
  if (filePermissions !== undefined) checkPermissions(filePermissions);
  return { path: resolvePath(path), mode, durability, busyTimeoutMs, cacheBytes, filePermissions };
}

function checkPermissions(permissions: number): void {
  const isPossible = Number.isInteger(permissions) && permissions >= 0 && permissions <= 0o666;
  if (isPossible && (permissions & 0o600) === 0o600 && (permissions & 0o111) === 0) return;
  throw new HithertoError("ARGUMENT_INVALID", {
    argument: "filePermissions",
    problem: "it must let the owner read and write, and nobody execute, such as 0o600 or 0o640",
  });
}

function checkChoice(argument: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw new HithertoError("ARGUMENT_INVALID", {
    argument,
    problem: `it must be one of ${choices.join(", ")}`,
  });
}

function checkCount(argument: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new HithertoError("ARGUMENT_INVALID", {
    argument,
    problem: `it must be an integer from ${least} to ${most}`,
  });
}

/** Between two attempts to empty the write-ahead log, in milliseconds; writes go on meanwhile. */
const rewritePauseMs = 20;
const heldBack =
  "a process has been reading the file all the time (a backup, a verification, an open transaction of another program), " +
  "so that the write-ahead log cannot be emptied";

class SqliteStore implements EventStore {
  readonly url: string;
  readonly snapshots: SnapshotStore;
  readonly readSide: ReadSide;
  readonly #options: ConnectOptions;
  readonly #db: Database;
  readonly #file: StoreFile;
  readonly #statements: Statements;
  readonly #reader: LogReader;
  readonly #watcher: ChangeWatcher;
  /** Undefined for a store that is only read. */
  readonly #queue: WriteQueue | undefined;
  readonly #transactions: Transactions | undefined;
  #closing: Promise<void> | undefined;

  constructor(db: Database, file: StoreFile, options: ConnectOptions) {
    this.url = `sqlite:${options.path}`;
    this.#options = options;
    this.#db = db;
    this.#file = file;
    this.#statements = new Statements(db);
    this.#reader = new LogReader(db, options.path, machineNowMs);
    this.#watcher = new ChangeWatcher(db, () => file.checkNowAndThen());
    if (options.mode !== "read") {
      const queue = new WriteQueue(options, () => this.#watcher.notify());
      this.#queue = queue;
      this.#transactions = new Transactions(options, file, {
        url: this.url,
        hold: () => queue.hold(),
        onCommit: () => {
          queue.noteCommit();
          this.#watcher.notify();
        },
      });
    }
    this.snapshots = this.#openSnapshots();
    this.readSide = new SqliteReadSide({
      url: this.url,
      path: options.path,
      db,
      checkOpen: () => this.#checkOpen(),
      answer: (body) => answer(() => this.#attempt(body)),
      write: (write) => this.#write(write),
      watch: (listener) => this.watch(listener),
      transactions: this.#transactions,
    });
  }

  /** Waits until the store can write; closes it when it never will. */
  async started(): Promise<void> {
    try {
      await this.#queue?.started();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async append(
    batch: StreamAppend | readonly StreamAppend[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    this.#checkOpen();
    checkOptions(options);
    const { signal } = options;
    checkSignal(signal);
    throwIfAborted(signal, "append");
    const write = this.#write({ kind: "append", append: encodeAppend(batch, options) });
    const outcome = await (signal === undefined ? write : untilAborted(write, signal));
    if (outcome.kind !== "appended") throw new TypeError("an append is answered as an append");
    return outcome.result;
  }

  read(options?: ReadOptions): EventSequence {
    const plan = planRead(options);
    return eventSequence(() => this.#pages(() => this.#reader.log(plan)), plan);
  }

  readStream(stream: string, options?: ReadOptions): EventSequence {
    checkStreamName(stream);
    const plan = planRead(options);
    return eventSequence(() => this.#pages(() => this.#streamPages(stream, plan)), plan);
  }

  subscribe(options?: SubscribeOptions): Subscription {
    return openSubscription(this, options);
  }

  /** Calls `listener` whenever the log may have grown and on closing; see `SubscriptionSource.watch`. */
  watch(listener: () => void): () => void {
    this.#checkOpen();
    checkListener(listener);
    return this.#watcher.watch(listener);
  }

  findEvent(id: string): Promise<StoredEvent | undefined> {
    return this.#answer(() => {
      checkId(id);
      const event = this.#reader.findById(id.toLowerCase());
      return event !== undefined && this.#reader.isVisible(event) ? event : undefined;
    });
  }

  head(): Promise<number> {
    return this.#answer(() => this.#reader.head());
  }

  findStream(stream: string): Promise<StreamInfo | undefined> {
    return this.#answer(() => {
      checkStreamName(stream);
      return describeStream(this.#reader, stream);
    });
  }

  listStreams(options?: ListStreamsOptions): AsyncIterable<StreamInfo> {
    const plan = planList(options);
    const look = <Result>(body: () => Result): Result => this.#look(body);
    const [statements, reader] = [this.#statements, this.#reader];
    return {
      async *[Symbol.asyncIterator]() {
        const pages = listNames(statements, reader, plan);
        await yieldIfDue();
        for (let page = look(() => pages.next()); page.done !== true; page = look(() => pages.next())) {
          const names = page.value;
          for (const info of look(() => names.map((name) => describeStream(reader, name)))) {
            if (info !== undefined) yield info;
          }
          await yieldIfDue();
        }
      },
    };
  }

  async setStreamPolicy(stream: string, policy: StreamPolicy): Promise<void> {
    checkStreamName(stream);
    await this.#write({ kind: "policy", stream, policy: planPolicy(policy) });
  }

  async deleteStream(stream: string, options: { readonly expect?: Expectation } = {}): Promise<void> {
    await this.#remove(stream, options, false);
  }

  async tombstoneStream(stream: string, options: { readonly expect?: Expectation } = {}): Promise<void> {
    await this.#remove(stream, options, true);
  }

  async reclaim(options?: ReclaimOptions): Promise<ReclaimResult> {
    const { erase, signal } = planReclaim(options);
    for (let events = 0; ;) {
      throwIfAborted(signal, "reclaim");
      const outcome = await this.#write({ kind: "reclaim", erases: erase });
      if (outcome.kind === "done" && outcome.events > 0) events += outcome.events;
      else return erase ? { events, ...(await this.#rewrite(signal)) } : { events };
    }
  }

  /** A reader that is in the middle of a page, or of a backup, keeps the write-ahead log from being emptied. */
  async #rewrite(signal: AbortSignal | undefined): Promise<Omit<ReclaimResult, "events">> {
    const deadline = performance.now() + this.#options.busyTimeoutMs;
    for (let isWhole = true; ; isWhole = false) {
      const outcome = await this.#write({ kind: "rewrite", isWhole });
      if (outcome.kind === "rewritten" && outcome.isComplete) return { isErased: true };
      throwIfAborted(signal, "reclaim");
      if (performance.now() >= deadline) return { isErased: false, heldBack };
      await setTimeout(rewritePauseMs);
    }
  }

  stats(): Promise<StoreStats> {
    return this.#answer(() => {
      this.#file.check();
      const count = (sql: string): number => this.#statements.prepare<[number]>(sql).get()?.[0] ?? 0;
      const head = this.#reader.head();
      let streams = 0;
      for (const names of listNames(this.#statements, this.#reader, planList())) streams += names.length;
      return {
        engine: "sqlite",
        url: this.url,
        format: formatVersion,
        head,
        events: head - this.#reader.reclaimedEvents(),
        streams,
        snapshots: count("SELECT count(*) FROM snapshots"),
        bytes: sizeOf(this.#options.path),
        durability: this.#options.durability,
      };
    });
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.#checkOpen();
    checkVerifyOptions(options);
    return this.#whileOpen(verifyInThread({ ...this.#options, mode: "read" }, options));
  }

  async backup(path: string, options: BackupOptions = {}): Promise<BackupReport> {
    this.#checkOpen();
    const { path: source, files, busyTimeoutMs, cacheBytes } = this.#options;
    return this.#whileOpen(backupStore({ source, files, busyTimeoutMs, cacheBytes }, path, options));
  }

  /** Once this handle is closed, the write-ahead log of the file may be gone, and others there: that is no fault. */
  async #whileOpen<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      if (isHithertoError(error, "STORE_REPLACED")) this.#checkOpen();
      throw error;
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.leaveAfter(this.#close());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#watcher.stop();
    this.#watcher.notify();
    await this.#transactions?.close();
    await this.#closeFile();
  }

  async #closeFile(): Promise<void> {
    if (this.#mayCheckpoint()) {
      // The writer's connection must be the last one: SQLite then empties and removes the write-ahead log.
      this.#db.close();
      await this.#queue?.close();
    } else {
      // It must not be the last one: it would move its log, which is not to be trusted, into a database that others may have
      // written to since. A connection that only reads cannot do that.
      await this.#queue?.close();
      this.#db.close();
    }
  }

  #mayCheckpoint(): boolean {
    try {
      this.#file.check();
      return !this.#file.log.isSuspect;
    } catch {
      return false;
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new HithertoError("STORE_CLOSED", { store: this.url });
    this.#file.checkKnown();
  }

  /** Runs a short read of the log, with fresh policies: what it finds and what policies hide are of one moment. */
  #look<Result>(body: () => Result): Result {
    return this.#attempt(() =>
      inOneState(this.#db, () => {
        this.#reader.policies.refresh();
        return body();
      }),
    );
  }

  /** Runs a short read and translates what the driver throws. */
  #attempt<Result>(body: () => Result): Result {
    this.#checkOpen();
    const beganAt = performance.now();
    try {
      this.#file.checkNowAndThen();
      return body();
    } catch (error) {
      throw toStoreError(this.#file.explain(error), this.#options.path, msSince(beganAt));
    }
  }

  /** What {@link #look} finds or throws, as a promise. */
  #answer<Result>(body: () => Result): Promise<Result> {
    return answer(() => this.#look(body));
  }

  async #write(write: Write): Promise<Exclude<WriteOutcome, { kind: "refused" }>> {
    this.#checkOpen();
    if (this.#queue === undefined) throw new HithertoError("STORE_READ_ONLY", { store: this.url });
    try {
      return await this.#queue.write(write);
    } catch (error) {
      throw this.#file.explain(error);
    }
  }

  async #remove(
    stream: string,
    options: { readonly expect?: Expectation },
    isTombstone: boolean,
  ): Promise<void> {
    checkStreamName(stream);
    const expect = planRemoval(options);
    await this.#write({ kind: "remove", stream, expect, isTombstone });
  }

  /** A stream is read up to its last revision when the reading begins. */
  #streamPages(stream: string, plan: ReadPlan): PageReader {
    const isOpenEnded = !plan.backwards && plan.limit > 1;
    const to = isOpenEnded ? Math.min(plan.to, this.#reader.uncheckedLastRevision(stream)) : plan.to;
    return this.#reader.stream(stream, { ...plan, to });
  }

  *#pages(open: () => PageReader): Generator<EventPage, undefined> {
    const pages = this.#look(open);
    for (;;) {
      const page = this.#look(() => pages.next());
      if (page === undefined) return;
      // Empty ones too: between two pages the reader is asked whether it still goes on.
      if (page.length <= limits.pageSizeMax) yield page;
      else yield* slicesOf(page);
    }
  }

  #openSnapshots(): SnapshotStore {
    return {
      save: async (snapshot: Snapshot, options: { readonly keep?: number | undefined } = {}) => {
        const keep = checkSnapshot(snapshot, options);
        const { stream, name, stateVersion, revision, takenAt } = snapshot;
        const copy = { stream, name, stateVersion, revision, takenAt, state: snapshot.state.slice() };
        await this.#write({ kind: "snapshot", snapshot: copy, keep });
      },
      find: (stream, key) => {
        return this.#answer(() => {
          checkStreamName(stream);
          checkSnapshotKey(key);
          return findSnapshot(this.#statements, stream, key);
        });
      },
      list: (stream) => {
        return this.#answer(() => {
          checkStreamName(stream);
          return listSnapshots(this.#statements, stream);
        });
      },
      clear: async (stream) => {
        checkStreamName(stream);
        await this.#write({ kind: "clearSnapshots", stream });
      },
    };
  }
}

function* slicesOf(page: EventPage): Generator<EventPage, undefined> {
  for (let start = 0; start < page.length; start += limits.pageSizeMax) {
    yield page.slice(start, start + limits.pageSizeMax);
  }
}

/** Bytes of the database and of its journals. */
function sizeOf(path: string): number {
  return ["", "-wal", "-shm"]
    .map((suffix) => statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}

/** Gives up the wait, not the work: what has been handed to the writer cannot be called back. */
async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void =>
    reject(new HithertoError("ABORTED", { operation: "append" }, { cause: signal.reason }));
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
