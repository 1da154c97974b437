/**
 * Subscriptions, built on nothing but a store's reads and a signal that the log may have grown.
 *
 * A subscription is in one of five modes; a consumer that pulls moves it from one to the next.
 *
 * - **Idle**: nothing has been pulled yet. Only for `after: "end"` has the end been asked for, at once, so that what is
 *   appended after the call is delivered.
 * - **Reading**: `scanned` is the place up to which everything that matches has been delivered. The head is asked for
 *   and the log is read from `scanned` up to it, however little of it matches; then `scanned` is the head, so nothing
 *   is scanned twice. History and live events are read alike, hence no seam between them: the store promises that
 *   nothing new appears at or below a head once seen. The first time that a head has been reached, the subscription has
 *   caught up.
 * - **Waiting**: the head was `scanned`. The follower that all subscriptions of a handle share (`log-follower.ts`) wakes the
 *   subscription when the log has grown by something that may concern it, and says up to where; that leads back to reading.
 *   The follower knows which signals have come since the head was asked for, so none is missed in between.
 * - **Held up**: a read failed, and the store says that such an error passes by itself. After a pause, which doubles up to
 *   some seconds, it is reading again, from behind the last page that was delivered.
 * - **Ended**: by `close`, by leaving the loop, by the AbortSignal (all silent) or by an error of the store (`STORE_CLOSED`
 *   when it was closed under the subscription) that does not pass by itself, which fails the iteration. A pending read or wait ends at once, what
 *   was read but not delivered is dropped, and nothing leads out of this mode.
 */
import type { Report } from "./diagnostic.ts";
import { EventIterator } from "./event-sequence.ts";
import type { EventPage } from "./event-sequence.ts";
import type { EventStore, SubscribeOptions, Subscription } from "./event-store.ts";
import { LogFollower } from "./log-follower.ts";
import type { Grown, Seen } from "./log-follower.ts";
import { Outage } from "./outage.ts";
import { planSubscription } from "./read-options.ts";
import type { SubscriptionPlan } from "./read-options.ts";

/** What a subscription needs of a store. */
export interface SubscriptionSource extends Pick<
  EventStore,
  "url" | "read" | "readStream" | "head" | "findStream"
> {
  /**
   * Calls `listener` whenever the log may have grown, whoever appended, and when the store closes; until the function
   * that is returned is called.
   */
  watch(listener: () => void): () => void;

  /**
   * Looks before anything takes place that is written later through the same handle. For stores whose reads may overtake
   * their writes.
   */
  inTurn?<Result>(look: () => Promise<Result>): Promise<Result>;

  /** Whether an error passes by itself, so that a subscription outlasts it. Default: none does. */
  outlasts?(error: unknown): boolean;

  /** Told when a subscription is held up, and when it goes on. */
  readonly report?: Report;
}

/** How long subscriptions of a handle wait for a signal before one of them looks for all, in milliseconds. */
export const pollIntervalMsDefault = 1_000;

/** Pauses of a subscription that is held up, in milliseconds: doubled each time up to the most. */
const pausesMs = { first: 20, most: 2_000 } as const;

const followers = new WeakMap<SubscriptionSource, LogFollower>();

/**
 * Opens a subscription on a store. Subscriptions on the same `source` object share what follows the log, so give the handle
 * itself. `pollIntervalMs` is how long they wait for a signal before the store is asked; the first one decides. Default 1,000.
 *
 * @throws `ARGUMENT_INVALID`, `NAME_INVALID`
 */
export function openSubscription(
  source: SubscriptionSource,
  options: SubscribeOptions | undefined,
  pollIntervalMs: number = pollIntervalMsDefault,
): Subscription {
  const plan = planSubscription(options);
  let follower = followers.get(source);
  if (follower === undefined) {
    follower = new LogFollower(source, pollIntervalMs);
    followers.set(source, follower);
  }
  return new LiveSubscription(source, plan, follower);
}

/** Where a subscription begins. */
interface Start {
  readonly scanned: number;
  /** Known only of one that begins at the end of the log. */
  readonly end: Grown | undefined;
}

class LiveSubscription implements Subscription {
  readonly caughtUp: Promise<boolean>;
  readonly #source: SubscriptionSource;
  readonly #plan: SubscriptionPlan;
  readonly #follower: LogFollower;
  readonly #ending = new AbortController();
  readonly #catchingUp: PromiseWithResolvers<boolean> = Promise.withResolvers();
  readonly #start: Promise<Start>;
  readonly #pages: AsyncGenerator<EventPage, undefined>;
  readonly #events: EventIterator;
  readonly #outage: Outage;
  /** Up to here, all that matches has been delivered. */
  #scanned = 0;
  #pauseMs: number = pausesMs.first;
  #stopWaiting: () => void = () => undefined;
  #stopPausing: () => void = () => undefined;

  constructor(source: SubscriptionSource, plan: SubscriptionPlan, follower: LogFollower) {
    this.#source = source;
    this.#plan = plan;
    this.#follower = follower;
    this.caughtUp = this.#catchingUp.promise;
    const { url: definition, report } = source;
    this.#outage = new Outage((error, isOver) =>
      report?.({ operation: "subscription", stream: plan.stream, definition, error, isOver }),
    );
    this.#start = this.#findStart();
    this.#pages = this.#follow();
    const pages = { next: () => this.#pages.next(), return: () => this.#leave() };
    this.#events = new EventIterator(pages, () => !this.#isEnded);
    // Told in the loop; who never iterates need not hear of it.
    this.#start.catch(() => undefined);
    plan.signal?.addEventListener("abort", this.#end, { once: true });
    if (plan.signal?.aborted === true) this.#end();
  }

  [Symbol.asyncIterator](): EventIterator {
    return this.#events;
  }

  pages(): AsyncIterableIterator<EventPage, undefined> {
    const pages: AsyncIterableIterator<EventPage, undefined> = {
      next: () => this.#pages.next(),
      return: () => this.#leave(),
      [Symbol.asyncIterator]: () => pages,
    };
    return pages;
  }

  close(): Promise<void> {
    this.#end();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isEnded(): boolean {
    return this.#ending.signal.aborted;
  }

  readonly #end = (): void => {
    this.#plan.signal?.removeEventListener("abort", this.#end);
    this.#ending.abort();
    this.#stopWaiting();
    this.#stopPausing();
    this.#catchingUp.resolve(false);
  };

  #leave(): Promise<IteratorResult<EventPage, undefined>> {
    this.#end();
    return this.#pages.return(undefined);
  }

  async *#follow(): AsyncGenerator<EventPage, undefined> {
    if (this.#isEnded) return;
    try {
      this.#ending.signal.addEventListener("abort", this.#follower.use(), { once: true });
      const { scanned, end } = await this.#start;
      this.#scanned = scanned;
      yield* this.#readOn(end);
      while (!this.#isEnded) yield* this.#readOn();
    } catch (error) {
      if (this.#isEnded) return;
      throw error;
    } finally {
      this.#end();
    }
  }

  /** Reads until something fails that passes by itself, and waits for a while. */
  async *#readOn(begunAt?: Grown): AsyncGenerator<EventPage, undefined> {
    try {
      yield* this.#read(begunAt);
    } catch (error) {
      if (this.#isEnded || this.#source.outlasts?.(error) !== true) throw error;
      this.#outage.failed(error);
      // Not cut short by signals, which come often from who writes in spite of all.
      await this.#pause(this.#pauseMs);
      this.#pauseMs = Math.min(pausesMs.most, this.#pauseMs * 2);
    }
  }

  async *#read(begunAt: Grown | undefined): AsyncGenerator<EventPage, undefined> {
    const { stream } = this.#plan;
    let grown = begunAt;
    while (!this.#isEnded) {
      const seen: Seen = grown ?? (await this.#look());
      const end =
        stream === undefined ? seen.head : (grown?.revision ?? (await this.#findLastRevision(stream)));
      if (end > this.#scanned) {
        yield* this.#readUpTo(end);
        this.#scanned = end;
      }
      this.#goesOn();
      grown = await this.#wait(seen);
    }
  }

  async *#readUpTo(to: number): AsyncGenerator<EventPage, undefined> {
    const { stream, filter } = this.#plan;
    const options = { ...filter, from: this.#scanned + 1, to, signal: this.#ending.signal };
    const events =
      stream === undefined ? this.#source.read(options) : this.#source.readStream(stream, options);
    for await (const page of events.pages()) {
      const { position, revision } = page.at(-1)!;
      this.#scanned = stream === undefined ? position : revision;
      yield page;
    }
  }

  /** A head has been reached. */
  #goesOn(): void {
    this.#pauseMs = pausesMs.first;
    this.#outage.passed();
    this.#catchingUp.resolve(true);
  }

  async #findStart(): Promise<Start> {
    const { stream, after } = this.#plan;
    // Positions begin at 1 and revisions at 0: nothing has been seen yet.
    if (after !== "end") return { scanned: after ?? (stream === undefined ? 0 : -1), end: undefined };
    if (stream !== undefined) {
      return { scanned: await this.#inTurn(() => this.#findLastRevision(stream)), end: undefined };
    }
    const seen = await this.#inTurn(() => this.#look());
    return { scanned: seen.head, end: { ...seen, revision: undefined } };
  }

  #inTurn<Result>(look: () => Promise<Result>): Promise<Result> {
    return this.#source.inTurn === undefined ? look() : this.#source.inTurn(look);
  }

  async #findLastRevision(stream: string): Promise<number> {
    return (await this.#source.findStream(stream))?.revision ?? -1;
  }

  async #look(): Promise<Seen> {
    const { signals } = this.#follower;
    return { head: await this.#source.head(), signals };
  }

  /** Waits for something to read; undefined when it ends, or has to look by itself. */
  async #wait(seen: Seen): Promise<Grown | undefined> {
    if (this.#isEnded) return undefined;
    const { stream, filter } = this.#plan;
    const wait = this.#follower.wait({ stream, filter, after: this.#scanned }, seen);
    this.#stopWaiting = wait.end;
    return wait.grown;
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isEnded) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.#stopPausing = resolve;
    await promise;
    clearTimeout(timer);
  }
}
