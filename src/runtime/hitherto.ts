/**
 * What a user of Hitherto holds: an event store that also runs definitions. Commands go in and events are appended;
 * any state of the past can be looked at. See `docs/explanation/execution.md` for how a command runs.
 */
import type { Change } from "../core/changes.ts";
import type { AnyDecider, CommandOf, PayloadOf, ReasonOf, StateOf } from "../core/decider-types.ts";
import type { DecisionModel } from "../core/decision-model.ts";
import type { EventMetadata, NewEvent, StoredEvent } from "../core/event.ts";
import type { AnyProjection, DocumentOf, FieldOf, Projection } from "../core/projection.ts";
import type { AppendCondition } from "../core/query.ts";
import type { Rejection } from "../core/rejection.ts";
import type { SqlValue } from "../core/sql.ts";
import type { PostgresClient } from "../postgres/options.ts";
import type { EventStore, Expectation, VerifyOptions, VerifyReport } from "../store/event-store.ts";
import type { Consumer, ConsumeOptions, ConsumerMember } from "./consumers/consumer.ts";
import type { JoinedHitherto } from "./joined-hitherto.ts";
import type { ProjectionRunner, ProjectionRunnerOptions } from "./projections/projection-runner.ts";
import type { QueryOptions, QueryResult, ReadModel, ReadModelOptions } from "./projections/read-model.ts";
import type { ConsumerAdmin, ParkedAdmin, ProjectionAdmin } from "./work-admin.ts";

/** Revision of a stream's last event, or `"none"` when it has no events. An append can expect either. */
export type LastRevision = number | "none";

/** What every decision may carry. */
interface CommonOptions {
  /**
   * Makes the decision exactly-once: the first result for this key is returned again, whatever has happened since.
   * 1 to `limits.idempotencyKeyLengthMax` characters. A rejection and a decision of no events store nothing, so they
   * are decided anew.
   */
  readonly idempotencyKey?: string | undefined;
  /** Goes into the metadata of each event; what the decision itself put there wins. */
  readonly metadata?: EventMetadata | undefined;
  /** The id of the command: becomes the `causationId`, and the `correlationId` where `metadata` names none. */
  readonly commandId?: string | undefined;
  /** How often to decide again after a conflict. Default 10. */
  readonly retries?: number | undefined;
  /** Abandons the wait; fails with `ABORTED`. An append that has begun to be written may still take place. */
  readonly signal?: AbortSignal | undefined;
}

/** How a command of a decider is run. The scope of an idempotency key is the decider's name and the id. */
export interface ExecuteOptions extends CommonOptions {
  /**
   * What the caller knows of the stream, such as the revision in an `If-Match` header. Fails with
   * `REVISION_CONFLICT`, before anything is decided and without a retry, when it does not hold. Default `"any"`.
   */
  readonly expect?: Expectation;
  /** `"now"` takes a snapshot after this command, in the background, however few events there are. */
  readonly snapshot?: "now" | undefined;
}

/**
 * How a decision on a decision model is made. The scope of an idempotency key is the stream that takes the events: by
 * default one for the whole log, so keys must be unique in it. A key names one decision by name and key; under another
 * name it is refused.
 */
export interface DecideOptions extends CommonOptions {
  /** The stream that takes the events. Default: the log's default stream. */
  readonly stream?: string;
  /** Names the decision, as a command does. Default `"decision"`. */
  readonly name?: string | undefined;
}

/** What a function that decides on a decision model may know besides the state. */
export interface ModelContext {
  /** The time of the decision, ISO 8601 in UTC. */
  readonly now: string;
  /** What each event of the decision will carry. */
  readonly metadata: EventMetadata;
}

/** Decides on the state of a decision model: events, nothing, or a rejection. May run several times; keep it pure. */
export type DecideOnModel<State, Reason extends string = string> = (
  state: State,
  context: ModelContext,
) => NewEvent | readonly NewEvent[] | Rejection<Reason> | undefined;

/** The decision was carried out. */
export interface Accepted<State> {
  readonly accepted: true;
  /** Revision of the stream's last event after the decision; of a decision model: of the last event appended. */
  readonly revision: LastRevision;
  /** Position of the last event that the state includes: wait for it to read your own writes. 0 if there is none. */
  readonly position: number;
  /**
   * What was appended; empty when the decision was that nothing happens. Should it be stored but not be readable, the result
   * is what was decided: an `id` that was not given is then empty, `recordedAt` the time of the decision, and `onError` is
   * told why.
   */
  readonly events: readonly StoredEvent[];
  /** The state after these events. Frozen, as far as it is made of plain objects and arrays. */
  readonly state: State;
  /** True when this is the result of an earlier decision with the same idempotency key. */
  readonly isDuplicate: boolean;
}

/** A rule of the domain said no: a value, not an error. Nothing was stored. */
export interface Rejected<Reason extends string = string> {
  readonly accepted: false;
  /** Stable code of the rule, such as `"account-not-open"`. */
  readonly reason: Reason;
  /** The same for people. */
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

/** What a decision came to. */
export type ExecuteResult<State, Reason extends string = string> = Accepted<State> | Rejected<Reason>;

/** Which moment of a stream to load. Default: now. */
export interface LoadOptions {
  /** The state after the event of this revision; after the last event if there are fewer. */
  readonly atRevision?: number;
  /** The state that the events recorded at or before this moment lead to. Not together with `atRevision`. */
  readonly at?: Date | string;
  /** Folds every event anew, without cache and snapshots. Default false. */
  readonly fresh?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A state, and up to where it reaches. */
export interface Loaded<State> {
  /** Frozen, as far as it is made of plain objects and arrays. */
  readonly state: State;
  /** Revision of the last event folded in. Fit for `expect`. */
  readonly revision: LastRevision;
  /** Position of the last event folded in; 0 if there is none. */
  readonly position: number;
  /** Whether there was any event. */
  readonly exists: boolean;
}

/** The state of a decision model, and the condition under which a decision on it may be appended. */
export interface LoadedModel<State> {
  readonly state: State;
  /** Holds as long as nothing that the model looks at has happened since. */
  readonly condition: AppendCondition;
  /** Position of the last event folded in; 0 if there is none. */
  readonly position: number;
}

/** Which part of a history to walk, by revisions, both inclusive. Default: all of it. */
export interface HistoryRange {
  readonly from?: number;
  readonly to?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What one event changed. */
export interface HistoryEntry<State> {
  /** As the decider sees it: lifted to the schema version of the code. */
  readonly event: StoredEvent;
  readonly before: State;
  readonly after: State;
  /** What leads from `before` to `after`. */
  readonly changes: readonly Change[];
}

/** How a handle verifies its store. */
export interface HandleVerifyOptions extends VerifyOptions {
  /** Compare the snapshots of these deciders with a fresh fold of their events. Default: none are compared. */
  readonly snapshotsOf?: readonly AnyDecider[] | undefined;
}

/**
 * An event store that runs definitions. Made by `open`, or by `createHitherto` around a store that is open already.
 *
 * What it reads for a definition is lifted to the schema version of the code; `read`, `readStream`, `subscribe` and
 * `findEvent` return events as they were stored (`upcast` in `hitherto/core` lifts them).
 *
 * @example
 * ```ts
 * import { decider, open, reject } from "hitherto";
 * const account = decider("account", {
 *   initial: () => ({ balance: 0 }),
 *   evolve: {
 *     Deposited: (state, data: { amount: number }) => ({ balance: state.balance + data.amount }),
 *     Withdrawn: (state, data: { amount: number }) => ({ balance: state.balance - data.amount }),
 *   },
 *   decide: {
 *     deposit: (_state, payload: { amount: number }) => ({ type: "Deposited", data: payload }),
 *     withdraw: (state, payload: { amount: number }) =>
 *       state.balance < payload.amount
 *         ? reject("balance-too-low", "The balance does not cover the amount.")
 *         : { type: "Withdrawn", data: payload },
 *   },
 * });
 * await using store = await open("memory:");
 * await store.execute(account, "42", "deposit", { amount: 100 });
 * const result = await store.execute(account, "42", "withdraw", { amount: 500 });
 * if (!result.accepted) console.log(result.reason); // "balance-too-low"
 * ```
 */
export interface Hitherto extends EventStore {
  /**
   * Runs a command: loads the state, decides, appends what was decided under the revision it was decided on, and does
   * so again when another writer was faster. Commands on one stream of one handle run one after the other. The payload
   * of a command that takes nothing is `undefined`.
   *
   * @throws `RETRIES_EXHAUSTED`, with the last conflict as its cause; `REVISION_CONFLICT` only with `expect`;
   * `IDEMPOTENCY_KEY_REUSED`, `COMMAND_UNKNOWN`, `DECISION_INVALID`, `SCHEMA_VIOLATION`, `EVOLVE_FAILED`,
   * `ARGUMENT_INVALID`, `QUEUE_FULL`, `ABORTED`; what reading and appending throw; what the `decide` function throws.
   */
  execute<D extends AnyDecider, Name extends CommandOf<D>>(
    decider: D,
    id: string,
    command: Name,
    payload: PayloadOf<D, Name>,
    options?: ExecuteOptions,
  ): Promise<ExecuteResult<StateOf<D>, ReasonOf<D, Name>>>;

  /**
   * The state now, or at a revision or moment of the past. An id that never was has the initial state.
   *
   * @throws `ARGUMENT_INVALID`, `ABORTED`, what reading throws, and what folding throws (`EVENT_TYPE_UNKNOWN`,
   * `EVOLVE_FAILED`, `EVENT_NEWER_THAN_CODE`, `UPCASTER_MISSING`, `UPCASTER_FAILED`).
   */
  load<D extends AnyDecider>(decider: D, id: string, options?: LoadOptions): Promise<Loaded<StateOf<D>>>;

  /**
   * Decides on a decision model: reads the events it looks at, wherever they are in the log, decides, and appends
   * under the condition that no other such event was appended meanwhile; otherwise does so again.
   *
   * @throws as {@link execute} does, without `REVISION_CONFLICT` and `COMMAND_UNKNOWN`.
   *
   * @example
   * ```ts
   * import { composeModels, decisionModel, open, reject } from "hitherto";
   * const isTaken = (name: string) =>
   *   decisionModel({ tags: [`name:${name}`], initial: () => false, evolve: { NameTaken: () => true } });
   * await using store = await open("memory:");
   * await store.decide(composeModels({ isTaken: isTaken("ada") }), (state) =>
   *   state.isTaken
   *     ? reject("name-taken", "Choose another name.")
   *     : { type: "NameTaken", data: { name: "ada" }, tags: ["name:ada"] },
   * );
   * ```
   */
  decide<State, Reason extends string>(
    model: DecisionModel<State>,
    decide: DecideOnModel<State, Reason>,
    options?: DecideOptions,
  ): Promise<ExecuteResult<State, Reason>>;

  /** The state of a decision model now, and the condition to append under. Throws as {@link load} does. */
  loadModel<State>(
    model: DecisionModel<State>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<LoadedModel<State>>;

  /** What each event changed, first to last, one page in memory at a time. Throws as {@link load} does. */
  history<D extends AnyDecider>(
    decider: D,
    id: string,
    range?: HistoryRange,
  ): AsyncIterable<HistoryEntry<StateOf<D>>>;

  /**
   * The first event after which `holds` is false; undefined if it never is. Exact for any predicate: it is asked after
   * each event, in order, so a failure that heals later is found too. Throws as {@link load} does.
   */
  bisect<D extends AnyDecider>(
    decider: D,
    id: string,
    holds: (state: StateOf<D>, event: StoredEvent) => boolean | Promise<boolean>,
    range?: HistoryRange,
  ): Promise<HistoryEntry<StateOf<D>> | undefined>;

  /**
   * Takes a snapshot of the state now, and returns its revision; `"none"` when there are no events to keep.
   *
   * @throws `SNAPSHOT_NOT_FAITHFUL` when the state is not plain JSON and the decider does not say how to encode it.
   */
  snapshot<D extends AnyDecider>(decider: D, id: string): Promise<LastRevision>;

  /**
   * The read model of a projection, for reading; see {@link ReadModel}. With `mode: "live"`, nothing stored is read: each
   * read folds the events it needs, so it always reflects the end of the log, and takes as long as there are events.
   *
   * @throws `ARGUMENT_INVALID`
   */
  // `any`: a projection both takes and gives its document.
  // oxlint-disable-next-line typescript/no-explicit-any
  readModel<P extends Projection<any, any>>(
    projection: P,
    options?: ReadModelOptions,
  ): ReadModel<DocumentOf<P>, FieldOf<P>>;

  /**
   * Runs an SQL statement that only reads. `{name}` stands for the table of a read model; see {@link ReadSide.query}.
   *
   * @throws `SQL_UNSUPPORTED`, `SQL_FAILED`, `WAIT_TIMEOUT`, `READ_MODEL_NOT_READY`, `ABORTED`
   */
  query(sql: string, values?: readonly SqlValue[], options?: QueryOptions): Promise<QueryResult>;

  /**
   * Runs projections in this process, or stands by for another one that does; see {@link ProjectionRunner}. What runs is
   * stopped when the store is closed.
   *
   * @throws `DEFINITION_REPEATED`, `PROJECTION_OUTDATED`, `SQL_UNSUPPORTED`, `ARGUMENT_INVALID`
   */
  runProjections(
    projections: readonly AnyProjection[],
    options?: ProjectionRunnerOptions,
  ): Promise<ProjectionRunner>;

  /** Takes part in a consumer; see {@link ConsumerMember}. @throws `DEFINITION_REPEATED`, `ARGUMENT_INVALID` */
  consume(consumer: Consumer, options?: ConsumeOptions): Promise<ConsumerMember>;

  /** Looks after projections, whichever process runs them. */
  readonly projections: ProjectionAdmin;
  /** Looks after consumers, whichever process they run in. */
  readonly consumers: ConsumerAdmin;
  /** Looks after events that could not be handled. */
  readonly parked: ParkedAdmin;

  /**
   * Takes part in a transaction that the application has begun, at READ COMMITTED, on a client of `pg`: what is appended
   * and decided by the handle that comes back is committed together with what the application writes on that client, or
   * undone with it. From the first append on, others who write to the store wait until the transaction ends: write last,
   * and end soon.
   *
   * @throws `JOIN_UNSUPPORTED` on other stores than PostgreSQL; `ARGUMENT_INVALID` when the client has begun no
   * transaction, or one of another isolation, or is connected to another database; `STORE_READ_ONLY`, `STORE_CLOSED`.
   *
   * @example
   * ```ts
   * import { open } from "hitherto";
   * import pg from "pg";
   * const url = "postgres://ada@localhost/bank";
   * await using store = await open(url);
   * const client = new pg.Client(url);
   * await client.connect();
   * await client.query("BEGIN");
   * await client.query("UPDATE accounts SET balance = balance + 100 WHERE id = 42");
   * const joined = await store.join(client);
   * await joined.append({ stream: "account-42", events: [{ type: "MoneyDeposited", data: { amount: 100 } }] });
   * await client.query("COMMIT");
   * ```
   */
  join(client: PostgresClient): Promise<JoinedHitherto>;

  /**
   * Reads everything and checks it, as {@link EventStore.verify} does; and, for the deciders given, compares each snapshot
   * with the state that its events lead to. A snapshot that differs, or is damaged, is a problem of kind `snapshot`:
   * `snapshots.clear(stream)` drops it, and the next load folds the events. Snapshots that loading passes over, because
   * some of their events are hidden by now, are not compared. Takes as long as reading the streams once for each snapshot.
   *
   * @throws `ARGUMENT_INVALID`, `ABORTED`, what reading throws
   * @example
   * ```ts
   * import { decider, open } from "hitherto";
   * const account = decider("account", {
   *   initial: () => ({ balance: 0 }),
   *   evolve: { Deposited: (state, data: { amount: number }) => ({ balance: state.balance + data.amount }) },
   *   decide: { deposit: (_state, payload: { amount: number }) => ({ type: "Deposited", data: payload }) },
   * });
   * await using store = await open("memory:");
   * const { problems } = await store.verify({ snapshotsOf: [account] });
   * for (const { kind, stream } of problems) {
   *   if (kind === "snapshot" && stream !== undefined) await store.snapshots.clear(stream);
   * }
   * ```
   */
  verify(options?: HandleVerifyOptions): Promise<VerifyReport>;

  /** Waits for commands and snapshots under way, stops projections and consumers, then closes the store. */
  close(): Promise<void>;
}
