/**
 * The frame of the kits for projections and consumers: tests in which several handles, each standing for a process,
 * work on one store.
 */
import { setTimeout } from "node:timers/promises";
import { createHitherto } from "../../../runtime/create-hitherto.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { RuntimeOptions } from "../../../runtime/runtime-options.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { registerTopics, testIn } from "../kit.ts";
import type { Lab, StoreConformance, Topic } from "../kit.ts";
import { stallable } from "./stallable-store.ts";
import type { StallableStore } from "./stallable-store.ts";
import { startWorker } from "./worker-process.ts";
import type { SpawnedProcess, Worker } from "./worker-process.ts";
import type { WorkOrder } from "./worker.ts";

/** What the kits for projections and consumers must know about a store. */
export interface WorkConformance extends StoreConformance {
  /**
   * Starts a process that opens the store at this URL and calls `conformanceWorker` with it; its input, output and errors
   * are pipes. With it, the kit kills processes and makes them stand still.
   */
  readonly spawn?: ((url: string) => SpawnedProcess) | undefined;
}

/** A handle that stands for a process: stalled, it is one that is stopped or, if it is never woken, dead. */
export interface Handle extends Omit<StallableStore, "store"> {
  readonly store: Hitherto;
}

/** What a test works with. */
export interface WorkLab extends Lab {
  /** One more handle on the data of `store`: a store of its own where that is possible. */
  readonly handle: (options?: HandleOptions) => Promise<Handle>;
  /** As `handle`, for those that are never stalled. */
  readonly join: (options?: HandleOptions) => Promise<Hitherto>;
  /** See {@link WorkConformance.spawn}; fails when there is none. */
  readonly spawn: (order: WorkOrder) => Worker;
}

/** How a handle is made. */
export interface HandleOptions extends RuntimeOptions {
  /** Changes the store under the handle. */
  readonly around?: ((store: EventStore) => EventStore) | undefined;
}

/** Tests by name. A name is a fact about projections or consumers on every store. */
export type WorkTopic = Readonly<Record<string, (lab: WorkLab) => Promise<void>>>;

/** Registers topics of tests. @throws an `Error` when `skip` names a test that does not exist. */
export function registerWorkTopics(
  title: string,
  conformance: WorkConformance,
  topics: Readonly<Record<string, WorkTopic>>,
): void {
  const inLab =
    (body: WorkTopic[string]): Topic[string] =>
    (lab) =>
      inWorkLab(lab, conformance, body);
  const withLab = (tests: WorkTopic): Topic =>
    Object.fromEntries(Object.entries(tests).map(([name, body]) => [name, inLab(body)]));
  const all = Object.entries(topics).map(([topic, tests]) => [topic, withLab(tests)] as const);
  registerTopics(title, conformance, Object.fromEntries(all));
}

/** Runs something as a test of these kits runs, outside of any test runner. */
export function withWorkLab(
  conformance: Omit<WorkConformance, "runner">,
  body: (lab: WorkLab) => Promise<void>,
): Promise<void> {
  return testIn(conformance, (lab) => inWorkLab(lab, conformance, body))();
}

/** So long a test waits for what must happen in the end. */
const patienceMs = 20_000;

/** Runs `check` until it neither throws nor rejects, and returns what it returns. */
export async function eventually<Value>(check: () => Value | Promise<Value>): Promise<Value> {
  const giveUpAt = performance.now() + patienceMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > giveUpAt) throw error;
    }
    await setTimeout(10);
  }
}

/** A task that goes on beside the test, which may fail before it waits for it. */
export function begun<Value>(task: Promise<Value>): Promise<Value> {
  task.catch(() => undefined);
  return task;
}

/** Does something over and over until the other thing has ended, at least once. */
export async function during(task: Promise<unknown>, step: () => Promise<unknown>): Promise<void> {
  const state = { isOver: false };
  const watched = begun(
    task.finally(() => {
      state.isOver = true;
    }),
  );
  do {
    await step();
    // A store in memory answers without a pause; without one here, no timer would ever run.
    await setTimeout(1);
  } while (!state.isOver);
  await watched;
}

async function inWorkLab(
  lab: Lab,
  conformance: Omit<WorkConformance, "runner">,
  body: (lab: WorkLab) => Promise<void>,
): Promise<void> {
  const handles: Handle[] = [];
  const workers: Worker[] = [];
  const handle = async ({ around, ...options }: HandleOptions = {}): Promise<Handle> => {
    const made = await makeHandle(lab, around, options);
    handles.push(made);
    return made;
  };
  const spawn = (order: WorkOrder): Worker => {
    if (conformance.spawn === undefined) throw new Error("This store starts no processes.");
    const worker = startWorker(conformance.spawn(lab.store.url), order);
    workers.push(worker);
    return worker;
  };
  const join = async (options?: HandleOptions): Promise<Hitherto> => (await handle(options)).store;
  try {
    await body(Object.assign(Object.create(lab) as Lab, { handle, join, spawn }));
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    for (const made of handles) made.wake();
    await Promise.allSettled(handles.map((made) => made.store.close()));
  }
}

/** Where data can not be opened twice, handles share the one store, and must not close it. */
async function makeHandle(
  lab: Lab,
  around: HandleOptions["around"],
  options: RuntimeOptions,
): Promise<Handle> {
  const shared = { close: () => Promise.resolve() };
  const bare = lab.canOpenAgain ? await lab.openAgain(lab.store) : lab.store;
  const under = stallable(bare, lab.canOpenAgain ? {} : shared);
  const store = around === undefined ? under.store : around(under.store);
  return { ...under, store: createHitherto(store, { onError: () => undefined, ...options }) };
}
