/**
 * What a user of Hitherto holds: an event store that also runs definitions. Commands go in and events are appended;
 * any state of the past can be looked at. See `docs/explanation/execution.md` for how a command runs.
 */
import type { EventMetadata, StoredEvent } from "../core/event.ts";
import type { AppendCondition } from "../core/query.ts";
import type { EventStore, Expectation } from "../store/event-store.ts";

/** Revision of a stream's last event, or `"none"` when it has no events: what an append may expect. */
export type LastRevision = number | "none";

/** What every command may carry. */
export interface DecideOptions {
  /**
   * Makes the command exactly-once: the first result for this key is returned again, whatever has happened since.
   * At most `limits.idempotencyKeyLengthMax` characters. Its scope is one decider and id.
   * A rejection and a decision of no events store nothing, so they are decided anew.
   */
  readonly idempotencyKey?: string | undefined;
  /** Goes into the metadata of each event; what the decision itself put there wins. */
  readonly metadata?: EventMetadata | undefined;
  /** The id of the command; becomes the `causationId`, and the `correlationId` where `metadata` names none. */
  readonly commandId?: string | undefined;
  /** How often to decide again after a conflict. Default 10. */
  readonly retries?: number | undefined;
  /** Abandons the wait; fails with `ABORTED`. An append that has begun to be written may still take place. */
  readonly signal?: AbortSignal | undefined;
}

/** How a command of a decider is run. */
export interface ExecuteOptions extends DecideOptions {
  /**
   * What the caller knows of the stream, such as the revision from an `If-Match` header. Fails with
   * `REVISION_CONFLICT`, before anything is decided and without a retry, when it does not hold. Default `"any"`.
   */
  readonly expect?: Expectation | undefined;
  /** `"now"` takes a snapshot after this command, in the background, however few events there are. */
  readonly snapshot?: "now" | undefined;
}

/** The command was carried out. */
export interface Accepted<State> {
  readonly accepted: true;
  /** Revision of the stream's last event after the command. */
  readonly revision: LastRevision;
  /** Position of the last event that the state includes: wait for it to read your own writes. 0 if there is none. */
  readonly position: number;
  /** What was appended; empty when the decision was that nothing happens. */
  readonly events: readonly StoredEvent[];
  /** The state after these events. Frozen. */
  readonly state: State;
  /** True when this is the result of an earlier command with the same idempotency key. */
  readonly isDuplicate: boolean;
}

/** A rule of the domain said no: a value, not an error. Nothing was stored. */
export interface Rejected {
  readonly accepted: false;
  /** Stable code of the rule, such as `"account-not-open"`. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
  readonly details: unknown;
}

/** What a command came to. */
export type ExecuteResult<State> = Accepted<State> | Rejected;

/** Which moment of a stream to load. `atRevision` and `at` exclude each other. */
export interface LoadOptions {
  /** The state after the event of this revision; after the last event if there are fewer. */
  readonly atRevision?: number | undefined;
  /** The state from the events recorded at or before this moment. */
  readonly at?: Date | string | undefined;
  /** Folds every event anew, without cache and snapshots. Default false. */
  readonly fresh?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A state, and up to where it reaches. */
export interface Loaded<State> {
  /** Frozen, as deep as there are plain objects and arrays. */
  readonly state: State;
  /** Revision of the last event folded in. */
  readonly revision: LastRevision;
  /** Position of the last event folded in; 0 if there is none. */
  readonly position: number;
  /** Whether there was any event. */
  readonly exists: boolean;
}

/** The state of decision models, and the condition under which a decision on it may be appended. */
export interface LoadedModel<State> {
  readonly state: State;
  /** Holds as long as nothing that the models look at has happened since. */
  readonly condition: AppendCondition;
  /** Position up to which the log was read. */
  readonly position: number;
}

/** Which part of a history to walk: revisions, inclusive. */
export interface HistoryRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Something that went wrong in the background: no caller waits for it, and no result depends on it. */
export interface Diagnostic {
  readonly operation: "snapshot.save" | "snapshot.load";
  readonly stream: string;
  readonly definition: string;
  /** Such as `SNAPSHOT_NOT_FAITHFUL` or `SNAPSHOT_DAMAGED`. */
  readonly error: unknown;
}

/** When snapshots are taken, and how many are kept. */
export interface SnapshotPolicy {
  /** Events between two snapshots of a stream. Default 100. */
  readonly every?: number | undefined;
  /** Snapshots kept of each stream and definition. Default 3. */
  readonly keep?: number | undefined;
  /** A snapshot older than this is taken again when there are newer events. Default: age does not matter. */
  readonly maxAgeMs?: number | undefined;
}

/** How definitions are run. */
export interface RuntimeOptions {
  /** `false` neither takes nor uses snapshots, save by {@link Hitherto.snapshot}. */
  readonly snapshots?: SnapshotPolicy | false | undefined;
  /** States kept in memory, the most recently used ones. 0 keeps none. Default 1,000. */
  readonly cacheSize?: number | undefined;
  /** The time now. Default: the machine's clock. */
  readonly clock?: (() => Date) | undefined;
  /** A number from 0 up to 1, for the jitter between retries. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
  /** Told of what goes wrong in the background. Default: a process warning. */
  readonly onError?: ((diagnostic: Diagnostic) => void) | undefined;
}

/** What an event changed. */
export interface HistoryEntry<State> {
  /** As the decider sees it: lifted to the newest schema version. */
  readonly event: StoredEvent;
  readonly before: State;
  readonly after: State;
  /** From `before` to `after`. */
  readonly changes: readonly unknown[];
}

/** What the runtime asks of a decider; `decider` in `hitherto/core` makes them. */
export interface RunnableDecider<State, Commands> {
  readonly name: string;
  readonly initial: () => State;
  /** Only for inference: the payload of each command. */
  readonly commands?: Commands | undefined;
}

/**
 * An event store that runs definitions. Made by `open`.
 *
 * @example
 * ```ts
 * import { open } from "hitherto";
 * await using store = await open("memory:");
 * await store.append({ stream: "account-42", events: [{ type: "AccountOpened", data: { owner: "Ada" } }] });
 * ```
 */
export interface Hitherto extends EventStore {
  /**
   * Runs a command: loads the state, decides, appends what was decided under the revision it was decided on, and
   * does so again when another writer was faster. Commands on one stream of one handle run one after the other.
   *
   * @throws `RETRIES_EXHAUSTED`, `REVISION_CONFLICT` (only with `expect`), `IDEMPOTENCY_KEY_REUSED`,
   * `COMMAND_UNKNOWN`, `DECISION_INVALID`, `ABORTED`, `ARGUMENT_INVALID`, and whatever reading and appending throw.
   */
  execute<State, Commands extends object, Name extends keyof Commands & string>(
    decider: RunnableDecider<State, Commands>,
    id: string,
    command: Name,
    payload: Commands[Name],
    options?: ExecuteOptions,
  ): Promise<ExecuteResult<State>>;

  /** The state now, or at a revision or moment of the past. An id that never was has the initial state. */
  load<State>(
    decider: RunnableDecider<State, object>,
    id: string,
    options?: LoadOptions,
  ): Promise<Loaded<State>>;

  /** What each event changed, first to last, one page in memory at a time. */
  history<State>(
    decider: RunnableDecider<State, object>,
    id: string,
    range?: HistoryRange,
  ): AsyncIterable<HistoryEntry<State>>;

  /**
   * The first event after which `predicate` no longer holds; undefined if it holds to the end. Exact for any
   * predicate: it is asked once after each event, in order, so the first failure is found even if it heals later.
   */
  bisect<State>(
    decider: RunnableDecider<State, object>,
    id: string,
    predicate: (state: State, event: StoredEvent) => boolean | Promise<boolean>,
    range?: HistoryRange,
  ): Promise<HistoryEntry<State> | undefined>;

  /** Takes a snapshot of the state now; returns its revision, or `"none"` when there is nothing to keep. */
  snapshot<State>(decider: RunnableDecider<State, object>, id: string): Promise<LastRevision>;
}
