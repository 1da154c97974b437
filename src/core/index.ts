/**
 * `hitherto/core`: the pure domain model. It does no I/O, knows no clock and no randomness, and runs anywhere.
 */
export { changes, deepEqual } from "./changes.ts";
export type { Change } from "./changes.ts";
export { decide, normaliseDecision } from "./decide.ts";
export type { Command } from "./decide.ts";
export { decider, streamOf } from "./decider.ts";
export type { DeciderOptions } from "./decider.ts";
export type { AnyHandlers, Checked, CommandsOf, Problem } from "./decider-inference.ts";
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
} from "./decider-types.ts";
export { composeModels, decisionModel } from "./decision-model.ts";
export type { ComposedState, DecisionModel, DecisionModelOptions, ModelStateOf } from "./decision-model.ts";
export { errorCodes, HithertoError, isHithertoError } from "./errors.ts";
export type { BlockingEvent, ErrorActor, ErrorCode, ErrorDetails, ErrorDetailsByCode } from "./errors.ts";
export { categoryOf } from "./event.ts";
export type { EventMetadata, JsonValue, NewEvent, StoredEvent } from "./event.ts";
export { completeEvent, eventType, upcast } from "./event-type.ts";
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
} from "./event-type.ts";
export { fold } from "./fold.ts";
export type {
  Evolve,
  Foldable,
  FoldOptions,
  InferredEvolve,
  InferredPartialEvolve,
  InferredStep,
} from "./fold.ts";
export { defaultStream, limits } from "./limits.ts";
export { metadataCausedBy, metadataOf } from "./metadata.ts";
export type { CommandContext } from "./metadata.ts";
export { compositeKey, compositeKeyParts, projection, sqlProjection } from "./projection.ts";
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
} from "./projection.ts";
export type {
  CheckedSqlSteps,
  CheckedSteps,
  FieldPath,
  DataListed,
  InferredSteps,
  InferredSqlSteps,
  KeyedEvent,
} from "./projection-inference.ts";
export { documentJson, eventFor, evolveDocument, filterOf, keysOf } from "./projection-step.ts";
export { matchesFilter, matchesQuery } from "./query.ts";
export type { AppendCondition, EventFilter, FilterableEvent, Query, QueryItem } from "./query.ts";
export { isRejection, reject } from "./rejection.ts";
export type { Rejection } from "./rejection.ts";
export type { SqlRow, SqlTransaction, SqlValue } from "./sql.ts";
