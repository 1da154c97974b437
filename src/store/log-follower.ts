/**
 * Follows the log of one handle for all of its subscriptions that have caught up, so that what an append costs does not
 * depend on how many there are. A subscription that is behind reads by itself; one that has nothing to read waits here, and
 * is woken when there is something for it.
 *
 * `position` is how far the follower has looked: nobody who waits has anything to read at or below it. What it saw last is
 * remembered, without data, so that a subscription which comes to wait a moment later need not read again.
 *
 * - **Asleep**: nobody waits. The store is watched while any subscription is open, and its signals are counted; nothing is
 *   read, and there is no timer. The first who comes to wait sets `position`, and the number of signals, to what it has
 *   seen itself.
 * - **Waiting**: somebody waits, and no signal has come since the last look began. A signal, or the poll interval passing,
 *   leads to looking. Signals may be spurious, merged or lost: they only shorten the wait.
 * - **Looking**: the head is asked for. If it has moved on and only a few wait, all of them are woken, and read by themselves
 *   what concerns them. If many wait, the follower reads the new events, a page at a time, and wakes those whom an event of
 *   the page concerns; `position` moves to the end of the page, at last to the head. Then it is waiting again, asleep when
 *   nobody is left, or it looks again if a signal has come meanwhile.
 * - **Held up**: a look failed, and the store says that such an error passes by itself. That is told once for all who
 *   wait. After a pause, which doubles up to some seconds, it is looking again, from `position`. After any other error all are
 *   woken, so that those whom it concerns meet it themselves: damage in one stream is no matter of another one. Then it is
 *   asleep.
 *
 * Who comes to wait has seen everything up to a head. Is that below `position`, what was seen in between decides: is there
 * something for them, or is it not known any more, they go on reading at once.
 */
import type { Report } from "./diagnostic.ts";
import type { EventPage } from "./event-sequence.ts";
import type { EventStore } from "./event-store.ts";
import { concerns, Interests } from "./interests.ts";
import type { Interest, Sighting } from "./interests.ts";
import { Outage } from "./outage.ts";

/** What following takes of a store. */
export interface FollowedLog extends Pick<EventStore, "url" | "read" | "head"> {
  /** See `SubscriptionSource.watch`. */
  watch(listener: () => void): () => void;
  /** See `SubscriptionSource.outlasts`. */
  outlasts?(error: unknown): boolean;
  readonly report?: Report;
}

/** How far somebody has seen the log. */
export interface Seen {
  /** Everything at and below this position. */
  readonly head: number;
  /** {@link LogFollower.signals} before the head was asked for. */
  readonly signals: number;
}

/** What ended a wait. */
export interface Grown extends Seen {
  /** Of a stream: the last revision, up to that head, that is of interest; undefined when it is not known. */
  readonly revision: number | undefined;
}

/** A wait for the log. */
export interface Wait {
  /** Undefined when it was ended, or when one has to look at the log oneself. */
  readonly grown: Promise<Grown | undefined>;
  readonly end: () => void;
}

interface Waiter extends Interest {
  readonly wake: (grown: Grown | undefined) => void;
}

/** So many who wait are all woken when the log has grown; for more, its events are looked at. */
const fewWaiters = 4;
/** Events seen last that are remembered. */
const sightingsMax = 1_000;
/** Pauses while it is held up, in milliseconds: doubled each time up to the most. */
const pausesMs = { first: 20, most: 2_000 } as const;

/** Follows one log; see the module's header. */
export class LogFollower {
  readonly #log: FollowedLog;
  readonly #pollIntervalMs: number;
  readonly #outage: Outage;
  readonly #waiters = new Interests<Waiter>();
  /** Subscriptions that are open. */
  #users = 0;
  #unwatch: () => void = () => undefined;
  #signals = 0;
  /** Signals before the last look that came to its end. */
  #seenSignals = 0;
  #position = 0;
  /** What was seen between {@link #rememberedFrom} and the position. */
  #sightings: Sighting[] = [];
  #rememberedFrom = 0;
  #isLooking = false;
  #poll: NodeJS.Timeout | undefined;
  #pauseMs: number = pausesMs.first;
  #stopPausing: () => void = () => undefined;

  constructor(log: FollowedLog, pollIntervalMs: number) {
    this.#log = log;
    this.#pollIntervalMs = pollIntervalMs;
    const { url: definition, report } = log;
    this.#outage = new Outage((error, isOver) =>
      report?.({ operation: "subscription", definition, error, isOver }),
    );
  }

  /** How many signals have come while anybody was there. */
  get signals(): number {
    return this.#signals;
  }

  /** Watches the store until the function that is returned is called. */
  use(): () => void {
    if (this.#users === 0) {
      this.#unwatch = this.#log.watch(this.#onSignal);
      // Nobody has counted those that came before.
      this.#signals++;
    }
    this.#users++;
    return () => {
      this.#users--;
      if (this.#users === 0) this.#unwatch();
    };
  }

  /** Waits until there is something of interest beyond what has been seen. */
  wait(interest: Interest, seen: Seen): Wait {
    if (this.#waiters.size === 0 && !this.#isLooking) this.#beginAt(seen);
    const grown = this.#grownSince(interest, seen);
    if (grown !== undefined) return { grown: Promise.resolve(grown), end: () => undefined };
    const { promise, resolve } = Promise.withResolvers<Grown | undefined>();
    const waiter: Waiter = { ...interest, wake: resolve };
    this.#add(waiter);
    return { grown: promise, end: () => this.#wake(waiter, undefined) };
  }

  #beginAt({ head, signals }: Seen): void {
    this.#position = head;
    this.#seenSignals = signals;
    this.#forget();
  }

  /** What somebody has missed who has seen less than the follower. */
  #grownSince(interest: Interest, { head }: Seen): Grown | undefined {
    if (head >= this.#position) return undefined;
    const grown = { head: this.#position, signals: this.#seenSignals };
    if (head < this.#rememberedFrom) return { ...grown, revision: undefined };
    const missed = this.#sightings.findLast((event) => concerns(interest, event));
    return missed && { ...grown, revision: missed.revision };
  }

  #add(waiter: Waiter): void {
    this.#waiters.add(waiter);
    this.#poll ??= setInterval(this.#onSignal, this.#pollIntervalMs);
    this.#lookIfDue();
  }

  #wake(waiter: Waiter, grown: Grown | undefined): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.wake(grown);
    if (this.#waiters.size > 0) return;
    clearInterval(this.#poll);
    this.#poll = undefined;
    this.#stopPausing();
  }

  #wakeAll(grown: Grown | undefined): void {
    for (const waiter of this.#waiters) this.#wake(waiter, grown);
  }

  readonly #onSignal = (): void => {
    this.#signals++;
    this.#lookIfDue();
  };

  #lookIfDue(): void {
    if (!this.#isLooking && this.#isDue()) void this.#look();
  }

  #isDue(): boolean {
    return this.#waiters.size > 0 && this.#signals !== this.#seenSignals;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#isDue()) {
      try {
        await this.#lookOnce();
        this.#outage.passed();
        this.#pauseMs = pausesMs.first;
      } catch (error) {
        await this.#onFailure(error);
      }
    }
    this.#isLooking = false;
  }

  async #lookOnce(): Promise<void> {
    // The signal that a store gives on closing comes just before it is closed.
    await Promise.resolve();
    const signals = this.#signals;
    const head = await this.#log.head();
    if (head > this.#position) {
      const isRead = this.#waiters.size > fewWaiters;
      if (isRead && !(await this.#readTo(head, signals))) return;
      this.#position = head;
      if (!isRead) {
        this.#forget();
        this.#wakeAll({ head, signals, revision: undefined });
      }
    }
    this.#seenSignals = signals;
  }

  /** Looks at the new events. False when nobody waits any more. */
  async #readTo(head: number, signals: number): Promise<boolean> {
    for await (const page of this.#log.read({ from: this.#position + 1, to: head }).pages()) {
      this.#take(page, signals);
      if (this.#waiters.size === 0) return false;
    }
    return true;
  }

  #take(page: EventPage, signals: number): void {
    const found = new Map<Waiter, number>();
    for (const event of page) {
      for (const waiter of this.#waiters.find(event)) found.set(waiter, event.revision);
    }
    this.#remember(page);
    const head = this.#position;
    for (const [waiter, revision] of found) this.#wake(waiter, { head, signals, revision });
  }

  #remember(page: EventPage): void {
    for (const { stream, revision, position, type, tags, metadata } of page.slice(-sightingsMax)) {
      // Metadata may be large.
      const { correlationId } = metadata;
      this.#sightings.push({ stream, revision, position, type, tags, metadata: { correlationId } });
    }
    this.#position = page.at(-1)?.position ?? this.#position;
    if (page.length > sightingsMax) this.#rememberedFrom = page.at(-sightingsMax - 1)!.position;
    // Not with each event: an array takes long to give up its first elements.
    if (this.#sightings.length <= 2 * sightingsMax) return;
    const dropped = this.#sightings.splice(0, this.#sightings.length - sightingsMax);
    this.#rememberedFrom = Math.max(this.#rememberedFrom, dropped.at(-1)!.position);
  }

  #forget(): void {
    this.#sightings = [];
    this.#rememberedFrom = this.#position;
  }

  async #onFailure(failure: unknown): Promise<void> {
    if (this.#log.outlasts?.(failure) !== true) return this.#wakeAll(undefined);
    this.#outage.failed(failure);
    // Not cut short by signals, which come often from those who write in spite of all.
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#pauseMs);
    this.#stopPausing = resolve;
    this.#pauseMs = Math.min(pausesMs.most, this.#pauseMs * 2);
    await promise;
    clearTimeout(timer);
  }
}
