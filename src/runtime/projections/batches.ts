/**
 * Events of the log in batches, and turns of the event loop between them.
 */
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import type { StoredEvent } from "../../core/event.ts";
import type { EventFilter } from "../../core/query.ts";
import type { EventStore } from "../../store/event-store.ts";
import { sizeOf } from "../size-of.ts";

/** Events, and the position that a read model is at with them: nothing else up to there concerns it. */
export interface Batch {
  readonly events: readonly StoredEvent[];
  readonly to: number;
}

/** Which part of the log to read: what comes after one position, up to another. */
export interface BatchRange {
  readonly filter: EventFilter;
  readonly after: number;
  readonly to: number;
  readonly sizeMax: number;
}

/** Pages with events in a batch: a store keeps its pages small in bytes, so this bounds those of a batch of large events. */
const pagesMax = 4;

/** Memory, in bytes, of a batch of large events. */
const batchBytesMax = 4 * 1024 * 1024;

/** A page of more events than this holds small ones. */
const largeEventsPerPage = 64;

/** Reads a part of the log; the last batch ends where the part ends, even if it is empty. */
export async function* readBatches(
  store: Pick<EventStore, "read">,
  { filter, after, to, sizeMax }: BatchRange,
): AsyncGenerator<Batch, undefined> {
  let events: StoredEvent[] = [];
  let [pages, bytes] = [0, 0];
  for await (const page of store.read({ ...filter, from: after + 1, to }).pages()) {
    if (page.length > 0) pages++;
    for (const [index, event] of page.entries()) {
      events.push(event);
      if (page.length <= largeEventsPerPage) bytes += sizeOf(event.data);
      const isEndOfPages = pages >= pagesMax && index === page.length - 1;
      if (events.length < sizeMax && bytes <= batchBytesMax && !isEndOfPages) continue;
      yield { events, to: event.position };
      events = [];
      [pages, bytes] = [0, 0];
    }
  }
  yield { events, to };
}

/** How long a turn of the event loop may be taken, in milliseconds. */
const turnMsMax = 8;

/** Keeps long work from holding up everything else in the process. */
export class Turn {
  #began = performance.now();

  /** Whether it is time to {@link rest}. */
  get isOver(): boolean {
    return performance.now() - this.#began > turnMsMax;
  }

  /** Lets others go first. */
  async rest(): Promise<void> {
    await setImmediate();
    this.#began = performance.now();
  }
}
