/**
 * Small words that the conformance tests are written in.
 */
import assert from "node:assert/strict";
import { isHithertoError } from "../../core/errors.ts";
import type { ErrorCode, HithertoError } from "../../core/errors.ts";
import type { NewEvent, StoredEvent } from "../../core/event.ts";
import type { AppendResult, EventStore, ReadOptions, Subscription } from "../../store/event-store.ts";

/** An event of no importance. */
export function anEvent(fields: Partial<NewEvent> = {}): NewEvent {
  return { type: "ThingHappened", data: { n: 1 }, ...fields };
}

/** So many events; the data of each is its number from 0. */
export function someEvents(count: number, fields: Partial<NewEvent> = {}): NewEvent[] {
  return Array.from({ length: count }, (_, n) => anEvent({ data: n, ...fields }));
}

/** Appends so many events to a stream, one append for each. */
export async function appendOneByOne(store: EventStore, stream: string, count: number): Promise<void> {
  await Promise.all(someEvents(count).map((event) => store.append({ stream, events: [event] })));
}

/** Expects a failure with this code and returns the error. `run` may throw or reject. */
export async function refuses<Code extends ErrorCode>(
  code: Code,
  run: () => unknown,
): Promise<HithertoError<Code>> {
  const error = await failureOf(run);
  if (isHithertoError(error, code)) return error;
  assert.fail(`expected ${code}, found ${error instanceof Error ? error.stack : JSON.stringify(error)}`);
}

/** What `run` fails with; undefined if it does not. */
export async function failureOf(run: () => unknown): Promise<unknown> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** How many of the appends took place; the others must have failed with `code`. */
export async function winnersOf(
  code: ErrorCode,
  appends: ReadonlyArray<Promise<AppendResult>>,
): Promise<AppendResult[]> {
  const settled = await Promise.allSettled(appends);
  for (const one of settled) {
    if (one.status === "rejected" && !isHithertoError(one.reason, code)) throw one.reason;
  }
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** All that an iterable yields. */
export async function listOf<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const list: Value[] = [];
  for await (const value of values) list.push(value);
  return list;
}

/** The whole log. */
export function logOf(store: EventStore, options?: ReadOptions): Promise<StoredEvent[]> {
  return store.read(options).toArray();
}

/** So long may a subscription be silent before a test no longer waits for what has been lost. */
const silenceMaxMs = 8_000;

/** The first so many events that a subscription delivers; it is left then. */
export async function take(subscription: Subscription, count: number): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  const giveUp = setTimeout(() => void subscription.close(), silenceMaxMs);
  for await (const event of subscription) {
    giveUp.refresh();
    events.push(event);
    if (events.length === count) break;
  }
  clearTimeout(giveUp);
  return events;
}

/** The data of all events that a read of the log returns. */
export async function dataOf(store: EventStore, options?: ReadOptions): Promise<unknown[]> {
  return (await logOf(store, options)).map((event) => event.data);
}

/** The data of all events that a read of a stream returns. */
export async function streamDataOf(
  store: EventStore,
  stream: string,
  options?: ReadOptions,
): Promise<unknown[]> {
  return (await store.readStream(stream, options).toArray()).map((event) => event.data);
}

/** 0, 1, … up to `count - 1`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}

/** A UUID that is the same for the same number. */
export function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}
