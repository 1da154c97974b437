/**
 * Pages of events handed out as an {@link EventSequence}.
 *
 * A store reads pages; most callers want events. Walking a page event by event costs one settled promise for each,
 * not a turn of an async generator, which is several times dearer.
 */
import type { StoredEvent } from "../core/event.ts";
import { yieldIfDue } from "./event-loop.ts";
import type { EventSequence } from "./event-store.ts";
import { throwIfAborted } from "./read-options.ts";

/** Some events, in order. */
export type EventPage = readonly StoredEvent[];

/**
 * Makes a sequence of what `readPages` yields; it is called anew for each iteration.
 *
 * The sequence ends after `limit` events, whatever more the pages hold; empty pages are left out; an aborted `signal`
 * ends it with `ABORTED`, even within a page; other errors of the pages pass through.
 */
export function eventSequence(
  readPages: () => AsyncIterable<EventPage> | Iterable<EventPage>,
  bounds: { readonly limit: number; readonly signal: AbortSignal | undefined },
): EventSequence {
  const pages = (): AsyncGenerator<EventPage, undefined> =>
    boundedPages(readPages(), bounds.limit, bounds.signal);
  const goesOn = (): boolean => {
    throwIfAborted(bounds.signal, "read");
    return true;
  };
  return {
    pages,
    [Symbol.asyncIterator]: () => new EventIterator(pages(), goesOn),
    toArray: async () => {
      const events: StoredEvent[] = [];
      for await (const page of pages()) {
        for (const event of page) events.push(event);
      }
      return events;
    },
  };
}

async function* boundedPages(
  pages: AsyncIterable<EventPage> | Iterable<EventPage>,
  limit: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventPage, undefined> {
  let left = limit;
  throwIfAborted(signal, "read");
  let turn = yieldIfDue();
  if (turn !== undefined) await turn;
  for await (const page of pages) {
    throwIfAborted(signal, "read");
    if (page.length > 0 && left > 0) yield page.length <= left ? page : page.slice(0, left);
    left -= page.length;
    if (left <= 0) return;
    // After empty pages too: a long read may match nothing.
    turn = yieldIfDue();
    if (turn !== undefined) await turn;
  }
}

/**
 * Walks pages event by event. Calls of `next` may overlap: those that need a page wait for each other in a row.
 */
export class EventIterator implements AsyncIterableIterator<StoredEvent, undefined> {
  readonly #pages: AsyncIterator<EventPage, undefined>;
  /** Asked before each event: false ends the iteration, and an error fails it. */
  readonly #goesOn: () => boolean;
  #page: EventPage = [];
  #index = 0;
  /** Calls that wait for a page, and the last of them. */
  #turning = 0;
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(pages: AsyncIterator<EventPage, undefined>, goesOn: () => boolean) {
    this.#pages = pages;
    this.#goesOn = goesOn;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<StoredEvent, undefined>> {
    return this.#turning === 0 && this.#index < this.#page.length ? this.#take() : this.#turn();
  }

  async return(): Promise<IteratorResult<StoredEvent, undefined>> {
    this.#page = [];
    await this.#pages.return?.();
    return { value: undefined, done: true };
  }

  #take(): Promise<IteratorResult<StoredEvent, undefined>> {
    try {
      if (!this.#goesOn()) return this.return();
    } catch (error) {
      return this.#fail(error);
    }
    const value = this.#page[this.#index++] as StoredEvent;
    return Promise.resolve({ value, done: false });
  }

  #turn(): Promise<IteratorResult<StoredEvent, undefined>> {
    this.#turning++;
    const turn = this.#lastTurn.then(() => this.#turnPage());
    const over = (): void => void this.#turning--;
    this.#lastTurn = turn.then(over, over);
    return turn;
  }

  async #turnPage(): Promise<IteratorResult<StoredEvent, undefined>> {
    while (this.#index >= this.#page.length) {
      const next = await this.#pages.next();
      if (next.done === true) return next;
      this.#page = next.value;
      this.#index = 0;
    }
    return this.#take();
  }

  async #fail(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }
}
