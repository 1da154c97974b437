// Public: stores, the port they fill, and what another store needs to fill it.
export { openMemoryStore } from "./memory-store.ts";
export type { MemoryStoreOptions } from "./memory-store.ts";
export type {
  AppendOptions,
  AppendResult,
  EventSequence,
  EventStore,
  Expectation,
  ListStreamsOptions,
  ReadOptions,
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
