// Public: the port that stores fill, the store that fills it in memory, and what other stores need to fill it.
export { openMemoryStore } from "./memory-store.ts";
export type { MemoryStoreOptions } from "./memory-store.ts";
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
} from "./event-store.ts";
export type { JoinedReadSide, JoinedStore } from "./joined-store.ts";
export type {
  CommitOptions,
  DocumentQuery,
  DocumentWrite,
  FieldCondition,
  IndexValue,
  ListRecordsOptions,
  ReadModelInfo,
  ReadModelRef,
  ReadModelShape,
  ReadModelStep,
  ReadSide,
  ReadSideCommit,
  ReadSideTransaction,
  ReadStamp,
  RecordExpectation,
  RecordRef,
  StoredDocument,
  StoredRecord,
  TransactionOptions,
} from "./read-side.ts";
export { decodeLine } from "./exchange/decode-line.ts";
export type { DecodeLineOptions, ExchangeFormat } from "./exchange/decode-line.ts";
export { encodeEventLine } from "./exchange/event-line.ts";
export type { ExchangedEvent } from "./exchange/exchanged-event.ts";
export { exportEvents } from "./exchange/export-events.ts";
export type { ExportChunk, ExportOptions } from "./exchange/export-events.ts";
export { importEvents } from "./exchange/import-events.ts";
export type { ImportOptions, ImportReport } from "./exchange/import-events.ts";
export { readLines } from "./exchange/lines.ts";
export type { Line } from "./exchange/lines.ts";
export { toCloudEvent } from "./exchange/cloud-event.ts";
export type { CloudEventJson, CloudEventOptions } from "./exchange/cloud-event.ts";

// For those who write a store.
export { checkExpectation, checkName, momentMs, uuidPattern } from "./check-input.ts";
export {
  checkQueryFields,
  compareIndexValues,
  compareText,
  documentOrder,
  indexedFields,
  indexValues,
  matches,
} from "./document-query.ts";
export type { IndexedDocument } from "./document-query.ts";
export { decodeEvents } from "./decode-events.ts";
export type { RecordsPlace } from "./decode-events.ts";
export { encodeAppend, encodeAppendBy } from "./encode-append.ts";
export type {
  EncodedAppend,
  EncodedBody,
  EncodedStream,
  EncodeRecords,
  EventRecord,
} from "./encode-append.ts";
export { eventSequence } from "./event-sequence.ts";
export type { EventPage } from "./event-sequence.ts";
export {
  checkBackupOptions,
  checkFilePath,
  checkId,
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
  throwIfAborted,
  unbounded,
} from "./read-options.ts";
export type { ListPlan, ReadPlan } from "./read-options.ts";
export {
  checkDocumentKeys,
  checkDocuments,
  checkModelRef,
  planCommit,
  planCommitOptions,
  planListRecords,
  planRef,
  planTransaction,
  transactionEnded,
} from "./read-side-options.ts";
export type { CommitPlan, ListRecordsPlan, PlannedRecord } from "./read-side-options.ts";
export type { Diagnostic, Report } from "./diagnostic.ts";
export { openSubscription } from "./subscription.ts";
export type { SubscriptionSource } from "./subscription.ts";
export { uuidV7 } from "./uuid.ts";
