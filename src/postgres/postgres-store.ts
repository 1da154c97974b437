/**
 * The store on a PostgreSQL server: an event store in one schema of a database, for any number of processes.
 *
 * Reads take any connection of the pool, a page at a time. Writes of a handle wait for each other (`write-queue.ts`) and go
 * to functions in the database, appends in groups (`log-writer.ts`). `log-tables.ts` says why nobody ever skips an event.
 */
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { categoryOf } from "../core/event.ts";
import { checkedClock, machineNowMs } from "../store/clock.ts";
import type { Report } from "../store/diagnostic.ts";
import { eventSequence } from "../store/event-sequence.ts";
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
import type { JoinedStore } from "../store/joined-store.ts";
import {
  checkBackupOptions,
  checkFilePath,
  checkId,
  checkListener,
  checkOptions,
  checkSignal,
  checkStreamName,
  checkVerifyOptions,
  planList,
  planPolicy,
  planRead,
  planReclaim,
  planRemoval,
  throwIfAborted,
  unbounded,
} from "../store/read-options.ts";
import type { ListPlan, ReadPlan } from "../store/read-options.ts";
import { openSubscription } from "../store/subscription.ts";
import { Announcer } from "./announcer.ts";
import { nameAppend } from "./append-group.ts";
import { planConnection } from "./connection-plan.ts";
import type { ConnectionPlan } from "./connection-plan.ts";
import { eraseDeleted } from "./erase.ts";
import { readModelsSchema } from "./identifiers.ts";
import { Listener } from "./listener.ts";
import { headOfLog } from "./log-expressions.ts";
import { LogReader } from "./log-reader.ts";
import { LogWriter } from "./log-writer.ts";
import { findLastInSchema, formatVersion, migrate } from "./migrations.ts";
import type { PostgresClient, PostgresStoreOptions } from "./options.ts";
import { mayPass } from "./postgres-errors.ts";
import { readAhead } from "./read-ahead.ts";
import { PostgresReadSide } from "./read-side/postgres-read-side.ts";
import { Database } from "./session.ts";
import type { Session } from "./session.ts";
import type { SharedStore } from "./shared-store.ts";
import { SnapshotRows } from "./snapshot-rows.ts";
import { givenText, storedText } from "./stored-text.ts";
import { listNamesSql, statsSql } from "./stream-functions.ts";
import { verifyStore } from "./verify.ts";
import { WriteQueue } from "./write-queue.ts";

/** A store on a PostgreSQL server. */
export interface PostgresEventStore extends EventStore {
  /**
   * Takes part in a transaction that has been begun on a client of `pg`, so that events and read models are committed or
   * undone together with the application's own tables. What is refused or fails leaves that transaction usable.
   *
   * From the first write on, others who write to the store wait until the transaction ends: write last, and end soon.
   *
   * @throws `ARGUMENT_INVALID` when no transaction has been begun, or one of another isolation than READ COMMITTED;
   * `STORE_CLOSED`, `STORE_READ_ONLY`
   * @example
   * ```ts
   * import { openPostgresStore } from "hitherto/postgres";
   * import pg from "pg";
   * const url = "postgres://ada@localhost/bank";
   * await using store = await openPostgresStore(url);
   * const client = new pg.Client(url);
   * await client.connect();
   * await client.query("BEGIN");
   * await client.query("UPDATE accounts SET balance = balance + 100 WHERE id = 42");
   * const joined = await store.join(client);
   * await joined.append({ stream: "account-42", events: [{ type: "MoneyDeposited", data: { amount: 100 } }] });
   * await client.query("COMMIT");
   * ```
   */
  join(client: PostgresClient): Promise<JoinedStore>;
}

/**
 * Opens a store on a PostgreSQL server, version 14 or later. Any number of handles, in any number of processes, may have
 * the same store open and all may write.
 *
 * @throws `ARGUMENT_INVALID`, `STORE_DRIVER_MISSING`, `STORE_UNREACHABLE`, `STORE_LOGIN_REFUSED`, `STORE_NOT_FOUND`,
 * `STORE_RIGHTS_MISSING`, `STORE_SERVER_UNSUPPORTED`, `STORE_NOT_A_STORE`, `STORE_FORMAT_NEWER`, `STORE_FORMAT_OLDER`
 * @example
 * ```ts
 * import { openPostgresStore } from "hitherto/postgres";
 * await using store = await openPostgresStore("postgres://ada@localhost/bank", { schema: "bank_events" });
 * await store.append({ stream: "account-42", events: [{ type: "AccountOpened", data: { owner: "Ada" } }] });
 * ```
 */
export async function openPostgresStore(
  url: string | URL,
  options: PostgresStoreOptions = {},
): Promise<PostgresEventStore> {
  const plan = planConnection(url, options);
  const database = await Database.open(plan);
  try {
    await migrate(database, plan.mode);
    database.lastInSchema = await findLastInSchema(database);
    return new PostgresStore(database, plan);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Hidden events removed in one transaction, so that appends in between wait only briefly. */
const reclaimedAtOnce = 5_000;
/** Names of streams fetched at once. */
const namesAtOnce = 500;

const probeSql = `SELECT ${headOfLog} || ' ' || (SELECT last_value FROM {schema}.record_versions)`;

class PostgresStore implements PostgresEventStore {
  readonly url: string;
  readonly snapshots: SnapshotStore;
  readonly readSide: PostgresReadSide;
  readonly #database: Database;
  readonly #plan: ConnectionPlan;
  readonly #clock: (() => number) | undefined;
  readonly #writer: LogWriter;
  readonly #reader: LogReader;
  readonly #queue: WriteQueue;
  readonly #listener: Listener;
  readonly #announcer: Announcer;
  #closing: Promise<void> | undefined;
  readonly #closingSignal = new AbortController();

  constructor(database: Database, plan: ConnectionPlan) {
    this.url = plan.store;
    this.#database = database;
    this.#plan = plan;
    const { clock, busyTimeoutMs } = plan;
    const date = clock && checkedClock(clock);
    this.#clock = date && (() => date().getTime());
    this.#writer = new LogWriter(database, { clock: this.#clock, busyTimeoutMs });
    this.#reader = this.#readerOn(database);
    this.#listener = new Listener({ database, probe: () => this.#probe() });
    this.#announcer = new Announcer(database, this.#listener);
    this.#queue = new WriteQueue(this.url, async (group) => {
      const outcomes = await this.#writer.writeGroup(group);
      this.#announce();
      return outcomes;
    });
    const shared = this.#shared();
    this.snapshots = new SnapshotRows(shared);
    this.readSide = new PostgresReadSide(shared);
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
    const named = nameAppend(batch, options, this.#clock?.() ?? machineNowMs());
    this.#checkWritable();
    const appending = this.#queue.append(named);
    return signal === undefined ? appending : untilAborted(appending, signal);
  }

  read(options?: ReadOptions): EventSequence {
    const plan = planRead(options);
    return eventSequence(() => this.#pages(plan, undefined), plan);
  }

  readStream(stream: string, options?: ReadOptions): EventSequence {
    checkStreamName(stream);
    const plan = planRead(options);
    return eventSequence(() => this.#pages(plan, stream), plan);
  }

  subscribe(options?: SubscribeOptions): Subscription {
    return openSubscription(this, options);
  }

  /** Calls `listener` whenever the log may have grown and on closing; see `SubscriptionSource.watch`. */
  watch(listener: () => void): () => void {
    this.#checkOpen();
    checkListener(listener);
    return this.#listener.watch(listener);
  }

  /** Reads and writes go over different connections; see `SubscriptionSource.inTurn`. */
  inTurn<Result>(look: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(look);
  }

  /** See `SubscriptionSource.outlasts`. */
  outlasts(error: unknown): boolean {
    return mayPass(error);
  }

  /** See `SubscriptionSource.report`. */
  get report(): Report {
    return this.#database.report;
  }

  join(client: PostgresClient): Promise<JoinedStore> {
    return this.readSide.join(client);
  }

  async findEvent(id: string): Promise<StoredEvent | undefined> {
    this.#checkOpen();
    checkId(id);
    return this.#reader.findEvent(id);
  }

  async head(): Promise<number> {
    this.#checkOpen();
    return this.#reader.head();
  }

  async findStream(stream: string): Promise<StreamInfo | undefined> {
    this.#checkOpen();
    checkStreamName(stream);
    return (await this.#reader.describe([stream]))[0];
  }

  listStreams(options?: ListStreamsOptions): AsyncIterable<StreamInfo> {
    const plan = planList(options);
    return { [Symbol.asyncIterator]: () => this.#listStreams(plan) };
  }

  async setStreamPolicy(stream: string, policy: StreamPolicy): Promise<void> {
    checkStreamName(stream);
    const planned = planPolicy(policy);
    await this.#write(() => this.#writer.setPolicy(stream, planned));
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
      const reclaimed = await this.#write(() => this.#writer.reclaimSome(reclaimedAtOnce));
      events += reclaimed;
      if (reclaimed === 0) return erase ? { events, ...(await this.#erase(signal)) } : { events };
    }
  }

  async #erase(signal: AbortSignal | undefined): Promise<Omit<ReclaimResult, "events">> {
    await this.#write(() => this.#writer.forgetHidingSnapshots());
    const closing = this.#closingSignal.signal;
    const { schema } = this.#database;
    try {
      return await eraseDeleted(this.#database, [schema, readModelsSchema(schema)], {
        waitMs: this.#plan.busyTimeoutMs,
        signal: signal === undefined ? closing : AbortSignal.any([signal, closing]),
      });
    } catch (error) {
      this.#checkOpen();
      throw error;
    }
  }

  async stats(): Promise<StoreStats> {
    this.#checkOpen();
    const { patient } = this.#database;
    const [row] = await patient.query<StatsRow>(this.#database.qualify(statsSql), []);
    const [head, removed, streams, snapshots, bytes, isSynced, isAwaited] = row!;
    return {
      engine: "postgres",
      url: this.url,
      format: formatVersion,
      head,
      events: head - removed,
      streams,
      snapshots,
      bytes,
      durability: durabilityOf(isSynced, isAwaited),
    };
  }

  async verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    this.#checkOpen();
    checkVerifyOptions(options);
    return verifyStore(this.#shared(), options);
  }

  // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
  async backup(path: string, options: BackupOptions = {}): Promise<BackupReport> {
    this.#checkOpen();
    checkFilePath("path", path);
    checkBackupOptions(options, "backup");
    const { schema } = this.#database;
    const schemas = [schema, readModelsSchema(schema)].map(
      (one) => `--schema='"${one.replaceAll('"', '""')}"'`,
    );
    const instead = `run pg_dump --format=custom ${schemas.join(" ")} --file=FILE with the URL of its database`;
    throw new HithertoError("BACKUP_UNSUPPORTED", { store: this.url, instead });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#closingSignal.abort();
    this.#listener.notify();
    await this.#queue.close();
    await Promise.all([this.#listener.close(), this.#announcer.close()]);
    await this.#database.close();
  }

  #shared(): SharedStore {
    return {
      url: this.url,
      database: this.#database,
      queue: this.#queue,
      writer: this.#writer,
      clock: this.#clock,
      busyTimeoutMs: this.#plan.busyTimeoutMs,
      readerOn: (session) => this.#readerOn(session),
      checkOpen: this.#checkOpen,
      checkWritable: () => this.#checkWritable(),
      announce: () => this.#announce(),
      watch: (listener) => this.watch(listener),
    };
  }

  #readerOn(session: Session): LogReader {
    return new LogReader(session, { qualify: (sql) => this.#database.qualify(sql), clock: this.#clock });
  }

  readonly #checkOpen = (): void => {
    if (this.#closing !== undefined) throw new HithertoError("STORE_CLOSED", { store: this.url });
  };

  #checkWritable(): void {
    if (this.#plan.mode === "read") throw new HithertoError("STORE_READ_ONLY", { store: this.url });
  }

  #announce(): void {
    this.#announcer.announce();
  }

  /** Differs whenever an event or a record has been written. */
  async #probe(): Promise<string> {
    const [row] = await this.#database.query<[string]>(this.#database.qualify(probeSql), []);
    return row![0];
  }

  /** Makes a change when its turn has come. */
  async #write<Result>(change: () => Promise<Result>): Promise<Result> {
    this.#checkOpen();
    this.#checkWritable();
    const result = await this.#queue.run(change);
    this.#announce();
    return result;
  }

  async #remove(
    stream: string,
    options: { readonly expect?: Expectation },
    isTombstone: boolean,
  ): Promise<void> {
    checkStreamName(stream);
    const expect = planRemoval(options);
    await this.#write(() => this.#writer.removeStream(stream, expect, isTombstone));
  }

  #pages(plan: ReadPlan, stream: string | undefined): AsyncGenerator<readonly StoredEvent[], undefined> {
    // Whoever says how many events he wants, wants them all.
    const isEager = plan.limit !== unbounded;
    return readAhead(this.#reader.pages(plan, stream, this.#checkOpen), { isEager, guard: this.#checkOpen });
  }

  async *#listStreams({ prefix, category, after = "", limit }: ListPlan): AsyncGenerator<StreamInfo> {
    const sql = this.#database.qualify(listNamesSql);
    let [left, last] = [limit, after];
    while (left > 0) {
      this.#checkOpen();
      const values = [storedText(last), storedText(prefix), namesAtOnce];
      const names = (await this.#database.query<[string]>(sql, values)).map(([name]) => givenText(name));
      if (names.length === 0) return;
      last = names.at(-1)!;
      const wanted = names.filter((name) => (category ?? categoryOf(name)) === categoryOf(name));
      for (const info of await this.#reader.describe(wanted.slice(0, left))) {
        left--;
        yield info;
      }
    }
  }
}

type StatsRow = [
  head: number,
  removed: number,
  streams: number,
  snapshots: number,
  bytes: number,
  isSynced: boolean,
  isAwaited: boolean,
];

/** What the server's settings make of a commit that it acknowledges. */
function durabilityOf(isSynced: boolean, isAwaited: boolean): StoreStats["durability"] {
  if (!isAwaited) return "none";
  return isSynced ? "fsync" : "os";
}

/** Gives up the wait, not the work: what has been sent cannot be called back. */
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
