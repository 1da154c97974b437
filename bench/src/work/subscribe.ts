/**
 * From the call of `append` to the subscriber's loop, one event at a time, with pauses of random length between them so
 * that no timer of the store falls into step.
 */
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { open } from "hitherto";
import type { Hitherto } from "hitherto";
import { makeEvents } from "../events.ts";
import { seededRandom } from "../random.ts";
import { Samples } from "../statistics.ts";
import type { Slice, Work, WorkOptions } from "./work.ts";
import { locate, sliceOf } from "./work.ts";

const pauseMsMax = 5;
const configuration = "durable before each acknowledgement, defaults";

/** Resolves with the moment at which a subscriber got the event at a position; `process.hrtime` in milliseconds. */
type Arrival = (position: number) => Promise<number>;

/** Prepares a subscriber in the process that appends. */
export async function prepareSubscribe(options: WorkOptions): Promise<Work> {
  const store = await open(locate(options, "subscribe.db"));
  const subscription = store.subscribe({ after: "end" });
  const arrivals = new Arrivals();
  const following = (async () => {
    for await (const event of subscription) arrivals.arrived(event.position, monotonicMs());
  })();
  await subscription.caughtUp;
  return {
    slice: (ms) => measure(ms, store, (position) => arrivals.at(position)),
    configuration,
    close: async () => {
      await subscription.close();
      await following;
      await store.close();
    },
  };
}

/** Prepares a subscriber in another process, on the same store. */
export async function prepareCrossProcess(options: WorkOptions): Promise<Work> {
  const url = locate(options, "subscribe.db");
  const store = await open(url);
  const arrivals = new Arrivals();
  const child = fork(fileURLToPath(new URL("../subscriber-process.ts", import.meta.url)), [url]);
  await once(child, "message");
  child.on("message", ({ position, atMs }: { position: number; atMs: number }) =>
    arrivals.arrived(position, atMs),
  );
  return {
    slice: (ms) => measure(ms, store, (position) => arrivals.at(position)),
    configuration,
    close: async () => {
      await endOf(child);
      await store.close();
    },
  };
}

async function endOf(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit");
  child.disconnect();
  await exit;
}

async function measure(ms: number, store: Hitherto, arrival: Arrival): Promise<Slice> {
  const samples = new Samples();
  const random = seededRandom(5);
  const events = makeEvents(1_000, 6);
  const began = performance.now();
  for (let index = 0; index === 0 || performance.now() - began < ms; index++) {
    const event = events[index % events.length];
    if (event === undefined) continue;
    await sleep(random() * pauseMsMax);
    const before = monotonicMs();
    const { position } = await store.append({ stream: `account-${index % 100}`, events: [event] });
    samples.add((await arrival(position)) - before);
  }
  return sliceOf(samples, samples.count, performance.now() - began);
}

/** The clock that all processes of a machine share. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Brings together who waits for an event and the news of its arrival, whichever comes first. */
class Arrivals {
  readonly #known = new Map<number, number>();
  readonly #waiting = new Map<number, (atMs: number) => void>();

  arrived(position: number, atMs: number): void {
    const resolve = this.#waiting.get(position);
    if (resolve === undefined) this.#known.set(position, atMs);
    this.#waiting.delete(position);
    resolve?.(atMs);
  }

  at(position: number): Promise<number> {
    const known = this.#known.get(position);
    this.#known.delete(position);
    if (known !== undefined) return Promise.resolve(known);
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting.set(position, resolve);
    return promise;
  }
}
