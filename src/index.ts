// The public face of `hitherto`: named re-exports only. What a browser can use too is in `hitherto/core`.
export { changes, deepEqual } from "./core/changes.ts";
export type { Change } from "./core/changes.ts";
export { decide, normaliseDecision } from "./core/decide.ts";
export type { Command } from "./core/decide.ts";
export { decider, streamOf } from "./core/decider.ts";
export type { DeciderOptions } from "./core/decider.ts";
export type { AnyHandlers, Checked, CommandsOf, Problem } from "./core/decider-inference.ts";
export type {
  AnyDecider,
  CommandOf,
  CommandType,
  Decide,
  DecideContext,
  Decider,
  Decision,
  EventsOf,
  NewEventOf,
  PayloadOf,
  ReasonOf,
  StateCodec,
  StateOf,
} from "./core/decider-types.ts";
export { composeModels, decisionModel } from "./core/decision-model.ts";
export type {
  ComposedState,
  DecisionModel,
  DecisionModelOptions,
  ModelStateOf,
} from "./core/decision-model.ts";
export { errorCodes, HithertoError, isHithertoError } from "./core/errors.ts";
export type {
  BlockingEvent,
  ErrorActor,
  ErrorCode,
  ErrorDetails,
  ErrorDetailsByCode,
} from "./core/errors.ts";
export { categoryOf } from "./core/event.ts";
export type { EventMetadata, JsonValue, NewEvent, StoredEvent } from "./core/event.ts";
export { completeEvent, eventType, upcast } from "./core/event-type.ts";
export type {
  AnyEventTypes,
  DataIn,
  EventsIn,
  EventType,
  EventTypeOptions,
  EventTypes,
  ListedTypes,
  StoredEventOf,
  Upcaster,
} from "./core/event-type.ts";
export { fold } from "./core/fold.ts";
export type {
  Evolve,
  Foldable,
  FoldOptions,
  InferredEvolve,
  InferredPartialEvolve,
  InferredStep,
} from "./core/fold.ts";
export { defaultStream, limits } from "./core/limits.ts";
export { metadataCausedBy, metadataOf } from "./core/metadata.ts";
export type { CommandContext } from "./core/metadata.ts";
export { compositeKey, compositeKeyParts, projection, sqlProjection } from "./core/projection.ts";
export type {
  AnyProjection,
  DocumentOf,
  DocumentStep,
  FieldOf,
  Projection,
  ProjectionOptions,
  SqlProjection,
  SqlProjectionOptions,
  SqlStep,
} from "./core/projection.ts";
export type {
  CheckedSqlSteps,
  CheckedSteps,
  FieldPath,
  DataListed,
  InferredSteps,
  InferredSqlSteps,
  KeyedEvent,
} from "./core/projection-inference.ts";
export { documentJson, eventFor, evolveDocument, filterOf, keysOf } from "./core/projection-step.ts";
export { matchesFilter, matchesQuery } from "./core/query.ts";
export type { AppendCondition, EventFilter, FilterableEvent, Query, QueryItem } from "./core/query.ts";
export { isRejection, reject } from "./core/rejection.ts";
export type { Rejection } from "./core/rejection.ts";
export type { SqlRow, SqlTransaction, SqlValue } from "./core/sql.ts";
export type {
  ConsumeOptions,
  Consumer,
  ConsumerMember,
  DeliveryContext,
  DeliveryHandler,
  DeliveryPolicy,
  ErrorClass,
  InboxTransaction,
} from "./runtime/consumers/consumer.ts";
export { consumer } from "./runtime/consumers/define-consumer.ts";
export type { ConsumerOptions } from "./runtime/consumers/define-consumer.ts";
export type {
  CheckedTypes,
  HandledEvent,
  InferredHandlers,
  PartitionedEvent,
} from "./runtime/consumers/consumer-inference.ts";
export type { InferredMaps, PublicEvent, PublicEventOf } from "./runtime/consumers/public-event.ts";
export { createHitherto } from "./runtime/create-hitherto.ts";
export type {
  Accepted,
  DecideOnModel,
  DecideOptions,
  ExecuteOptions,
  ExecuteResult,
  HistoryEntry,
  HandleVerifyOptions,
  HistoryRange,
  Hitherto,
  LastRevision,
  Loaded,
  LoadedModel,
  LoadOptions,
  ModelContext,
  Rejected,
} from "./runtime/hitherto.ts";
export type { JoinedHitherto, JoinedReadModel } from "./runtime/joined-hitherto.ts";
export { open } from "./runtime/open.ts";
export type { OpenOptions } from "./runtime/open.ts";
export type { ProjectionRunner, ProjectionRunnerOptions } from "./runtime/projections/projection-runner.ts";
export type {
  Condition,
  Entry,
  Filter,
  FindOptions,
  Found,
  LiveChange,
  LiveOptions,
  QueryOptions,
  QueryResult,
  ReadModel,
  ReadModelOptions,
  Stamped,
  WaitOptions,
} from "./runtime/projections/read-model.ts";
export type { RetryPolicy } from "./runtime/retry-policy.ts";
export type { RuntimeOptions, SnapshotPolicy } from "./runtime/runtime-options.ts";
export type { Diagnostic } from "./store/diagnostic.ts";
export type {
  ConsumerAdmin,
  ParkedAdmin,
  ParkedEvent,
  ParkedOwner,
  ParkedSelection,
  ProjectionAdmin,
} from "./runtime/work-admin.ts";
export type {
  ConsumerStatus,
  Lag,
  PartitionStatus,
  ProjectionStatus,
  RebuildStatus,
  WorkError,
  WorkEvent,
  WorkProgress,
  WorkState,
} from "./runtime/work-status.ts";
export { restore } from "./runtime/restore.ts";
export type { RestoreOptions } from "./sqlite/backup.ts";
export { openSqliteStore } from "./sqlite/sqlite-store.ts";
export type { SqliteStoreOptions } from "./sqlite/sqlite-store.ts";
export type { SqliteDurability } from "./sqlite/schema.ts";
export type { PostgresClient, PostgresStoreOptions, PostgresTlsOptions } from "./postgres/options.ts";
export { openMemoryStore } from "./store/memory-store.ts";
export type { MemoryStoreOptions } from "./store/memory-store.ts";
export type {
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
  StreamAppendResult,
  StreamInfo,
  StreamPolicy,
  SubscribeOptions,
  Subscription,
  VerifyOptions,
  VerifyProblem,
  VerifyReport,
} from "./store/event-store.ts";
export type { JoinedReadSide, JoinedStore } from "./store/joined-store.ts";
export type { IndexValue, ReadSide } from "./store/read-side.ts";
