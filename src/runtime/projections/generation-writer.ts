/**
 * Works events into a generation: what its two kinds have in common.
 */
import type { StoredEvent } from "../../core/event.ts";
import type { ReadSide, ReadSideCommit, ReadSideTransaction } from "../../store/read-side.ts";
import type { Batch } from "./batches.ts";
import type { EventFailure } from "./event-failure.ts";
import type { OwnedGeneration } from "./owned-generation.ts";
import type { RunParking } from "./run-parking.ts";

/** What a writer works with. */
export interface WriterSurroundings {
  readonly readSide: ReadSide;
  readonly owned: OwnedGeneration;
  readonly parking: RunParking;
}

/** The event to be replayed, under which key, and what the commit does besides. */
export interface Replay {
  readonly event: StoredEvent;
  readonly key: string;
  readonly changes: ReadSideCommit;
}

/** Works events into one generation, for its owner. After an error, `reset` it. */
export interface GenerationWriter {
  /** The position up to which everything has been taken in, even if it is not committed yet. */
  readonly reached: number;
  /**
   * Takes a batch that follows what has been taken in; the commit may go on in the background. Where an event fails,
   * what comes before it is taken in, and `reached` lies before the event.
   */
  write(batch: Batch): Promise<EventFailure | undefined>;
  /** Waits for what goes on in the background. */
  settle(): Promise<void>;
  /** Takes the last batch within a transaction; nothing may go on in the background. @throws {@link EventFailed} */
  writeIn(transaction: ReadSideTransaction, batch: Batch): Promise<void>;
  /** Takes in one event once more, under one key, with one commit. Nothing may go on in the background. */
  replay(replay: Replay): Promise<EventFailure | undefined>;
  /** Forgets what it knows: the generation is at this position, with whatever documents. */
  reset(position: number): void;
}
