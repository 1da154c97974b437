/**
 * What decisions are made on: a store, or one within a transaction of the application's.
 */
import type { EventStore, SnapshotStore } from "../store/event-store.ts";

/** The part of a store that decisions need. */
export interface DecisionStore extends Pick<
  EventStore,
  "append" | "read" | "readStream" | "findEvent" | "findStream"
> {
  readonly snapshots: Pick<SnapshotStore, "find">;
}
