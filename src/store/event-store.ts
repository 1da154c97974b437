/**
 * The port that every store fills: an append-only log of events in streams. What is promised here is tested by the
 * conformance kit (`storeConformance` in `hitherto/testing`), which every adapter passes.
 *
 * The promises in short:
 * - An append is atomic and, when its promise resolves, durable.
 * - Positions grow strictly in commit order. Whoever has read up to position p never later finds an event at or
 *   below p that was not there.
 * - Event ids are unique; repeating an append by its event ids returns the first result.
 * - Reads hold one page in memory, however long the log.
 */
import type { NewEvent, StoredEvent } from "../core/event.ts";
import type { AppendCondition, EventFilter } from "../core/query.ts";
import type { JoinedStore } from "./joined-store.ts";
import type { ReadSide } from "./read-side.ts";

/**
 * What an append expects of a stream before it: anything, no visible events, at least one visible event, or that there
 * are visible events and the last one ever appended has exactly this revision.
 */
export type Expectation = "any" | "none" | "exists" | number;

/** The events of one append that go to one stream. */
export interface StreamAppend {
  /**
   * Name of the stream; 1 to `limits.streamNameLengthMax` characters, no control characters, and a leading `$` only
   * for Hitherto's own streams. Left out: the log's default stream (`defaultStream`), for those who think in tags alone.
   */
  readonly stream?: string;
  /** Default `"any"`. */
  readonly expect?: Expectation;
  /**
   * For import: the revision that the first event had where it comes from. A stream that never had an event begins
   * there, as if what came before were deleted; in any other stream it must be the next revision, or the append is
   * refused with `REVISION_CONFLICT`. 0 to `limits.firstRevisionMax`. Default: the next revision.
   */
  readonly firstRevision?: number;
  /** At least one. */
  readonly events: readonly NewEvent[];
}

/** How an append is made. */
export interface AppendOptions {
  /** Refuse the append when an event matches; see {@link AppendCondition}. */
  readonly condition?: AppendCondition;
  /** Abandons the wait. An append that has begun to be written may still take place. */
  readonly signal?: AbortSignal | undefined;
}

/** Where the events of one stream ended up. */
export interface StreamAppendResult {
  readonly stream: string;
  /** Revision of the first event of this append in the stream. */
  readonly firstRevision: number;
  /** Revision of the last one. */
  readonly revision: number;
}

/** What an append came to. */
export interface AppendResult {
  /** Position of the append's last event: wait for it to read your own writes. */
  readonly position: number;
  /** Position of its first event. The events lie between them in the order given, without gaps, unless repeated. */
  readonly firstPosition: number;
  /** Revision of the last event in the first stream named. */
  readonly revision: number;
  /** One entry for each stream, in the order given. */
  readonly streams: readonly StreamAppendResult[];
  /** True when the events were in the store already and this is the first append's result again. */
  readonly isDuplicate: boolean;
}

/** Bounds, order and filter of a read. All bounds are inclusive. */
export interface ReadOptions extends EventFilter {
  /** Lowest position (of a stream: revision) to return. */
  readonly from?: number;
  /** Highest position (of a stream: revision) to return. */
  readonly to?: number;
  /** Only events recorded at or after this moment. */
  readonly since?: Date | string;
  /** Only events recorded at or before this moment. */
  readonly until?: Date | string;
  /** Newest first. Default false. */
  readonly backwards?: boolean | undefined;
  /** At most this many events; 0 reads none. Default: no limit. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Events being read, page by page. Iterating again reads again from the start.
 *
 * @example
 * ```ts
 * import { openMemoryStore } from "hitherto/store";
 * const store = openMemoryStore();
 * for await (const event of store.read({ types: ["OrderPlaced"] })) console.log(event.position);
 * const newest = await store.readStream("order-1", { backwards: true, limit: 1 }).toArray();
 * ```
 */
export interface EventSequence extends AsyncIterable<StoredEvent> {
  /** The same events in arrays of up to `limits.pageSizeMax`, cheaper where there are many. */
  pages(): AsyncIterable<readonly StoredEvent[]>;
  /** All of them at once; only for results known to be small. */
  toArray(): Promise<StoredEvent[]>;
}

/** Where a subscription starts and what it delivers. */
export interface SubscribeOptions extends EventFilter {
  /** Follow this stream only; `after` is then a revision. */
  readonly stream?: string;
  /**
   * Deliver what comes after this position (of a stream: revision), or only what is appended from now on (`"end"`).
   * Default: everything from the beginning.
   */
  readonly after?: number | "end";
  /** Ends the subscription; iteration then finishes without an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A live sequence of events: history first, then what is appended, by whichever process, without loss or repetition
 * in between. The consumer's pace is the pace: nothing is read ahead beyond one page. Leaving the loop ends the
 * subscription; closing the store under it fails it with `STORE_CLOSED`.
 *
 * A store on a server outlasts what passes by itself: while the server can not be reached, takes no more connections or ends
 * statements, a subscription is held up, and says so by the `onError` of the store, once for all that wait for new events; then
 * it goes on behind the last event delivered, however long it took. Only with `after: "end"` it fails when that end can not be found within seconds. Any other
 * error, such as a missing right or damaged data, fails the iteration.
 *
 * @example
 * ```ts
 * import { openMemoryStore } from "hitherto/store";
 * const store = openMemoryStore();
 * await using subscription = store.subscribe({ categories: ["order"], after: 0 });
 * void subscription.caughtUp.then(() => console.log("live"));
 * setTimeout(() => void subscription.close(), 10);
 * for await (const event of subscription) console.log(event.type);
 * ```
 */
export interface Subscription extends AsyncIterable<StoredEvent>, AsyncDisposable {
  /**
   * Resolves with true when everything that was in the log at some moment after the start has been delivered, and with
   * false when the subscription ends before; never rejects. It is the consumer's pulling that moves a subscription on.
   */
  readonly caughtUp: Promise<boolean>;
  /** The same events in arrays, each as many as were ready. Use either this or the iterator. */
  pages(): AsyncIterable<readonly StoredEvent[]>;
  /** Ends it; a pending iteration finishes. */
  close(): Promise<void>;
}

/**
 * How much of a stream is kept. What is outside is hidden from every read at once and reclaimed later.
 *
 * @example
 * ```ts
 * import type { StreamPolicy } from "hitherto/store";
 * const aDay: StreamPolicy = { maxAgeMs: 24 * 60 * 60 * 1000, maxCount: 10_000 };
 * ```
 */
export interface StreamPolicy {
  /** Keep only the last so many events; at least 1. */
  readonly maxCount?: number;
  /** Keep only events recorded within this many milliseconds before now; at least 1. */
  readonly maxAgeMs?: number;
  /** Keep only events at this revision and above. Never lowered by leaving it out. */
  readonly truncateBefore?: number;
}

/** What is known of a stream. */
export interface StreamInfo {
  readonly stream: string;
  /** `deleted` streams can be begun again and go on counting; `tombstoned` ones never. */
  readonly state: "open" | "deleted" | "tombstoned";
  /** Revision of the last event ever appended. */
  readonly revision: number;
  /** Revision of the first event that reads still return; undefined when they return none. */
  readonly firstRevision: number | undefined;
  readonly policy: StreamPolicy;
}

/** Which streams to list. */
export interface ListStreamsOptions {
  readonly prefix?: string;
  readonly category?: string;
  /** Start after this name, for paging. */
  readonly after?: string | undefined;
  /** At most this many. Default: no limit. */
  readonly limit?: number | undefined;
}

/** Figures of a store, for people and monitors. */
export interface StoreStats {
  /** Such as `memory` or `sqlite`. */
  readonly engine: string;
  /** Where it is. */
  readonly url: string;
  /** Version of the stored format. */
  readonly format: number;
  /** Position of the last event ever; 0 for an empty log. */
  readonly head: number;
  /** Events that are stored, hidden ones included. */
  readonly events: number;
  readonly streams: number;
  readonly snapshots: number;
  /** Bytes on disk, journals included; undefined where there is no file of the store's own. */
  readonly bytes: number | undefined;
  /** What an acknowledged append has survived: `fsync` (power loss), `os` (a killed process), `none` (nothing). */
  readonly durability: "fsync" | "os" | "none";
}

/** A fault that {@link EventStore.verify} found. */
export interface VerifyProblem {
  /** `snapshot` is found only by a handle that is told of deciders: their snapshots are caches, and can be cleared. */
  readonly kind: "checksum" | "revision" | "position" | "index" | "file" | "snapshot";
  readonly message: string;
  readonly stream?: string | undefined;
  readonly position?: number | undefined;
}

/** What a verification looked at and found. */
export interface VerifyReport {
  readonly isSound: boolean;
  readonly events: number;
  readonly streams: number;
  /** At most the first 100; `problemCount` has them all. */
  readonly problems: readonly VerifyProblem[];
  readonly problemCount: number;
}

/** How a verification is made. */
export interface VerifyOptions {
  /** Called now and then with the events looked at so far and the number there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a backup is made. */
export interface BackupOptions {
  /** Replace a file of that name, once the backup is complete. Default false: it is refused. */
  readonly overwrite?: boolean | undefined;
  /**
   * Called now and then with how much has been done, and how much there is: in step `copy` in bytes, then, in step
   * `verify`, in events.
   */
  readonly onProgress?: ((done: number, total: number, step: "copy" | "verify") => void) | undefined;
  /** Ends it; nothing is left under the name of the backup. */
  readonly signal?: AbortSignal | undefined;
}

/** A backup that was made and verified, or a store that was made of one. */
export interface BackupReport {
  /** The file, as an absolute path. */
  readonly path: string;
  /** Position of the last event in it; 0 when there is none. */
  readonly head: number;
  readonly events: number;
  readonly streams: number;
  /** Version of the stored format. */
  readonly format: number;
  readonly bytes: number;
}

/** How hidden events are reclaimed. */
export interface ReclaimOptions {
  /**
   * Also erase them: afterwards no byte of them is left in the files of the store, nor of anything else that was deleted
   * from it before, such as documents and parked events. Default false: their bytes stay until something else is written
   * over them. It rewrites the files, and writers wait meanwhile.
   */
  readonly erase?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What reclaiming came to. */
export interface ReclaimResult {
  /** How many events were reclaimed. */
  readonly events: number;
  /** With `erase` only: whether nothing of them is left. If not, `heldBack` says why; call it again. */
  readonly isErased?: boolean | undefined;
  readonly heldBack?: string | undefined;
}

/** A folded state, kept so that loading need not begin at the first event. */
export interface Snapshot {
  readonly stream: string;
  /** Name of the definition whose state it is. */
  readonly name: string;
  /** Version of the shape of the state; a snapshot of another version is never used. */
  readonly stateVersion: number;
  /** Revision of the last event folded in. */
  readonly revision: number;
  /** ISO 8601, with its time zone. */
  readonly takenAt: string;
  /** The encoded state; the store does not look inside. */
  readonly state: Uint8Array;
}

/** Where snapshots are kept, beside the log. They are a cache: losing them loses nothing. */
export interface SnapshotStore {
  /**
   * Keeps a snapshot and, of the same stream and name, only the `keep` newest (default 3).
   *
   * @throws `ARGUMENT_INVALID`, also for a revision beyond the end of the stream; `NAME_INVALID`
   */
  save(snapshot: Snapshot, options?: { readonly keep?: number | undefined }): Promise<void>;
  /** The newest of this stream, name and state version, at or below `atRevision` if given. */
  find(
    stream: string,
    key: { readonly name: string; readonly stateVersion: number; readonly atRevision?: number },
  ): Promise<Snapshot | undefined>;
  /** All of a stream's snapshots, newest first, without decoding them. */
  list(stream: string): Promise<readonly Snapshot[]>;
  /** Forgets a stream's snapshots. */
  clear(stream: string): Promise<void>;
}

/**
 * An event store. Made by a factory such as `openMemoryStore` or `openSqliteStore`, or by `open`, which picks one by URL.
 *
 * Once closed, every method fails with `STORE_CLOSED`.
 */
export interface EventStore extends AsyncDisposable {
  /** Where it is, in the form that `open` takes. */
  readonly url: string;

  /**
   * Appends events to one or several streams, all or none.
   *
   * Appends called one after the other on one handle, without waiting in between, take place in that order.
   *
   * Repeating an append whose event ids are all stored already, in the same streams and order, returns the first
   * result again, whatever was expected. Events without an `id` can not be recognised so.
   *
   * @throws `REVISION_CONFLICT` or `CONDITION_CONFLICT` when an expectation or the condition does not hold;
   * `EVENT_ID_CONFLICT` when only some ids are stored, or elsewhere; `STREAM_TOMBSTONED`; `APPEND_EMPTY`,
   * `APPEND_TOO_LARGE`, `STREAM_REPEATED`, `NAME_INVALID`, `EVENT_INVALID`, `EVENT_NOT_JSON`, `EVENT_TOO_LARGE`,
   * `ARGUMENT_INVALID` for bad input; `QUEUE_FULL`, `STORE_FULL`, `STORE_BUSY`, `STORE_READ_ONLY`, `STORE_IO`,
   * `STORE_CLOSED`, `ABORTED`. After any of them nothing of the append is stored, save that after `STORE_IO` and
   * `ABORTED` it may be: repeat it with event ids to find out.
   *
   * @example
   * ```ts
   * import { openMemoryStore } from "hitherto/store";
   * await using store = openMemoryStore();
   * await store.append([
   *   { stream: "account-1", expect: "none", events: [{ type: "AccountOpened", data: { owner: "Ada" } }] },
   *   { stream: "owner-ada", events: [{ type: "AccountAdded", data: { account: "1" } }] },
   * ]);
   * ```
   */
  append(batch: StreamAppend | readonly StreamAppend[], options?: AppendOptions): Promise<AppendResult>;

  /** Reads the whole log in order of position. @throws `ARGUMENT_INVALID`, `STORE_DAMAGED`, `ABORTED`. */
  read(options?: ReadOptions): EventSequence;

  /** Reads one stream in order of revision; a stream that never was reads as empty. Throws as {@link read} does. */
  readStream(stream: string, options?: ReadOptions): EventSequence;

  /** Follows the log, a query or a stream; see {@link Subscription}. */
  subscribe(options?: SubscribeOptions): Subscription;

  /** The event with this id, if it is stored and visible. */
  findEvent(id: string): Promise<StoredEvent | undefined>;

  /** Position of the last event in the log; 0 when it is empty. Never goes back. */
  head(): Promise<number>;

  /** What is known of a stream; undefined if nothing was ever appended to it. */
  findStream(stream: string): Promise<StreamInfo | undefined>;

  /** Lists streams by name, tombstoned and deleted ones too. */
  listStreams(options?: ListStreamsOptions): AsyncIterable<StreamInfo>;

  /**
   * Replaces a stream's policy; parts left out are lifted, save `truncateBefore`, which never goes down.
   * Policies can be set before a stream has events.
   */
  setStreamPolicy(stream: string, policy: StreamPolicy): Promise<void>;

  /**
   * Hides all of a stream's events. It can be begun again (`expect: "none"` holds) and its revisions go on counting.
   * With `expect`, refused with `REVISION_CONFLICT` when it does not hold. Deleting a stream without events does nothing.
   */
  deleteStream(stream: string, options?: { readonly expect?: Expectation }): Promise<void>;

  /** Hides all of a stream's events and refuses every later append to it. Can not be undone. */
  tombstoneStream(stream: string, options?: { readonly expect?: Expectation }): Promise<void>;

  /**
   * Frees the space of hidden events, as far as the store can, and says how many there were. They are gone for good,
   * their ids are forgotten; their positions and revisions are never used again.
   *
   * With `erase` that holds for every hidden event, and no byte of them is left in the files of the store. Snapshots of
   * streams that hide events go, too. Names of streams stay known, and so does what read models and parked events hold
   * until it is deleted there. The guide `erase-a-person.md` has the whole list.
   *
   * @throws `STORE_FULL` where there is no room to rewrite the files, `STORE_RIGHTS_MISSING`, `STORE_BUSY`, `STORE_READ_ONLY`,
   * `STORE_IO`, `STORE_CLOSED`, `ARGUMENT_INVALID`, `ABORTED`
   * @example
   * ```ts
   * import { openMemoryStore } from "hitherto/store";
   * await using store = openMemoryStore();
   * await store.append({ stream: "person-7", events: [{ type: "PersonRegistered", data: { name: "Ada" } }] });
   * await store.deleteStream("person-7");
   * const { isErased, heldBack } = await store.reclaim({ erase: true });
   * if (isErased !== true) console.log(heldBack);
   * ```
   */
  reclaim(options?: ReclaimOptions): Promise<ReclaimResult>;

  readonly snapshots: SnapshotStore;

  /** What projections, read models and consumers keep beside the log. */
  readonly readSide: ReadSide;

  /**
   * Takes part in a transaction that the caller has begun on a connection of its own, `client`, so that events are
   * committed together with what the caller writes there. Only for stores in a database that others write to as well;
   * stores of another kind leave it out.
   *
   * @throws `ARGUMENT_INVALID` for what is no connection, or none in a transaction; `STORE_READ_ONLY`, `STORE_CLOSED`
   */
  join?(client: unknown): Promise<JoinedStore>;

  stats(): Promise<StoreStats>;

  /** Reads everything and checks checksums, revisions, positions and indexes. Changes nothing. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;

  /**
   * Copies the store into one file while it is in use, and verifies the copy before it gets its name. In it is everything
   * of one moment after the call: events, read models, checkpoints, snapshots. `restore` makes a store of it.
   *
   * Until the backup is complete, the file has another name next to its own. One that was interrupted is made again from
   * the beginning.
   *
   * @throws `BACKUP_UNSUPPORTED` where a store is not a file, and what to do instead; `FILE_UNWRITABLE`, also when a file
   * of that name exists; `STORE_DAMAGED` when the copy does not verify; `STORE_IO`, `STORE_CLOSED`, `ARGUMENT_INVALID`,
   * `ABORTED`
   */
  backup(path: string, options?: BackupOptions): Promise<BackupReport>;

  /** Waits for appends under way, then releases everything. Closing twice is harmless. */
  close(): Promise<void>;
}
