/**
 * Puts the parts of the runtime around a store. What the store does itself is handed through unchanged.
 */
import type { AnyDecider, CommandOf, PayloadOf, ReasonOf, StateOf } from "../core/decider-types.ts";
import { streamOf } from "../core/decider.ts";
import type { DecisionModel } from "../core/decision-model.ts";
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import type { EventStore } from "../store/event-store.ts";
import {
  checkCommand,
  checkDecider,
  checkDecision,
  checkFunction,
  checkLoad,
  checkModel,
  checkRange,
} from "./check-calls.ts";
import type { ConsumerMember } from "./consumers/consumer.ts";
import { createConsumers } from "./consumers/consumers.ts";
import type { Consumers } from "./consumers/consumers.ts";
import { decideOnModel, foldModel } from "./decide-on-model.ts";
import { execute, loadLatest } from "./execute.ts";
import type { Runtime } from "./execute.ts";
import { bisect, history } from "./history.ts";
import type { HistorySource } from "./history.ts";
import type {
  DecideOnModel,
  DecideOptions,
  ExecuteOptions,
  ExecuteResult,
  HistoryEntry,
  HistoryRange,
  Hitherto,
  LastRevision,
  Loaded,
  LoadedModel,
  LoadOptions,
} from "./hitherto.ts";
import { createParkedAdmin } from "./parked/parked-admin.ts";
import type { ProjectionRunner } from "./projections/projection-runner.ts";
import { createProjections } from "./projections/projections.ts";
import type { Projections } from "./projections/projections.ts";
import { createReadModels } from "./projections/read-models.ts";
import type { ReadModels } from "./projections/read-models.ts";
import { lastRevision } from "./results.ts";
import { planRuntime } from "./runtime-options.ts";
import type { RuntimeOptions } from "./runtime-options.ts";
import { createSnapshotter } from "./snapshotter.ts";
import { createStateLoader } from "./state-loader.ts";
import type { FoldedState } from "./state-loader.ts";
import { createStreamQueue } from "./stream-queue.ts";
import { createWork } from "./work.ts";
import type { Work } from "./work.ts";

/**
 * Makes a handle that runs definitions on a store which is open already, such as one of your own making. Closing the
 * handle closes the store. Several handles may share a store or a file; each has a cache of its own.
 *
 * @throws `ARGUMENT_INVALID`
 *
 * @example
 * ```ts
 * import { createHitherto } from "hitherto";
 * import { openMemoryStore } from "hitherto/store";
 * await using store = createHitherto(openMemoryStore(), { snapshots: { every: 500 } });
 * ```
 */
export function createHitherto(bareStore: EventStore, options?: RuntimeOptions): Hitherto {
  const plan = planRuntime(options);
  const work = createWork(bareStore, plan);
  const projections = createProjections(work);
  const store = projections.inlineStore;
  const loader = createStateLoader(store, plan);
  const snapshotter = createSnapshotter(store, loader, plan);
  const runtime = { store, plan, loader, snapshotter, queue: createStreamQueue() };
  return new StoreWithRuntime(runtime, work, projections, createConsumers(work));
}

class StoreWithRuntime implements Hitherto {
  readonly url: string;
  readonly snapshots: EventStore["snapshots"];
  readonly #store: EventStore;
  readonly #runtime: Runtime;
  /** Decisions and wanted snapshots that have not come to their end. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly readSide: EventStore["readSide"];
  readonly projections: Hitherto["projections"];
  readonly consumers: Hitherto["consumers"];
  readonly parked: Hitherto["parked"];
  readonly #work: Work;
  readonly #projections: Projections;
  readonly #consumers: Consumers;
  readonly #readModels: ReadModels;
  #closing: Promise<void> | undefined;

  constructor(runtime: Runtime, work: Work, projections: Projections, consumers: Consumers) {
    this.#runtime = runtime;
    this.#store = runtime.store;
    this.url = runtime.store.url;
    this.snapshots = runtime.store.snapshots;
    this.readSide = runtime.store.readSide;
    this.#work = work;
    this.#projections = projections;
    this.#consumers = consumers;
    this.#readModels = createReadModels(work);
    this.projections = projections.admin;
    this.consumers = consumers.admin;
    this.parked = createParkedAdmin(work);
  }

  // A command has five parts, and each of them is needed every time but the last.
  // oxlint-disable-next-line eslint/max-params
  async execute<D extends AnyDecider, Name extends CommandOf<D>>(
    decider: D,
    id: string,
    command: Name,
    payload: PayloadOf<D, Name>,
    options: ExecuteOptions = {},
  ): Promise<ExecuteResult<StateOf<D>, ReasonOf<D, Name>>> {
    const stream = this.#streamOf(decider, id);
    checkCommand(command);
    checkDecision(options);
    return this.#track(execute({ runtime: this.#runtime, decider, id, stream, command, payload, options }));
  }

  async load<D extends AnyDecider>(
    decider: D,
    id: string,
    options: LoadOptions = {},
  ): Promise<Loaded<StateOf<D>>> {
    const stream = this.#streamOf(decider, id);
    checkLoad(options);
    const { state, revision, position } = await this.#fold(decider, stream, options);
    return { state, revision: lastRevision(revision), position, exists: revision >= 0 };
  }

  async decide<State, Reason extends string>(
    model: DecisionModel<State>,
    decide: DecideOnModel<State, Reason>,
    options: DecideOptions = {},
  ): Promise<ExecuteResult<State, Reason>> {
    this.#checkOpen();
    checkModel(model);
    checkFunction("decide", decide);
    checkDecision(options);
    return this.#track(decideOnModel({ runtime: this.#runtime, model, decide, options }));
  }

  async loadModel<State>(
    model: DecisionModel<State>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<LoadedModel<State>> {
    this.#checkOpen();
    checkModel(model);
    checkDecision(options);
    return foldModel(this.#store, model, { signal: options.signal });
  }

  history<D extends AnyDecider>(
    decider: D,
    id: string,
    range?: HistoryRange,
  ): AsyncIterable<HistoryEntry<StateOf<D>>> {
    const source = this.#historySource(decider, id, range);
    return { [Symbol.asyncIterator]: () => history(source) };
  }

  async bisect<D extends AnyDecider>(
    decider: D,
    id: string,
    holds: (state: StateOf<D>, event: StoredEvent) => boolean | Promise<boolean>,
    range?: HistoryRange,
  ): Promise<HistoryEntry<StateOf<D>> | undefined> {
    checkFunction("holds", holds);
    return bisect(this.#historySource(decider, id, range), holds);
  }

  async snapshot<D extends AnyDecider>(decider: D, id: string): Promise<LastRevision> {
    return this.#track(this.#snapshot(decider, this.#streamOf(decider, id)));
  }

  readModel: Hitherto["readModel"] = (...given) => this.#readModels.readModel(...given);
  query: Hitherto["query"] = (...given) => this.#readModels.query(...given);

  async runProjections(...given: Parameters<Hitherto["runProjections"]>): Promise<ProjectionRunner> {
    this.#checkOpen();
    return this.#projections.run(...given);
  }

  async consume(...given: Parameters<Hitherto["consume"]>): Promise<ConsumerMember> {
    this.#checkOpen();
    return this.#consumers.consume(...given);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // The store's own methods.

  append: EventStore["append"] = (...given) => this.#store.append(...given);
  read: EventStore["read"] = (...given) => this.#store.read(...given);
  readStream: EventStore["readStream"] = (...given) => this.#store.readStream(...given);
  subscribe: EventStore["subscribe"] = (...given) => this.#store.subscribe(...given);
  findEvent: EventStore["findEvent"] = (...given) => this.#store.findEvent(...given);
  head: EventStore["head"] = () => this.#store.head();
  findStream: EventStore["findStream"] = (...given) => this.#store.findStream(...given);
  listStreams: EventStore["listStreams"] = (...given) => this.#store.listStreams(...given);
  setStreamPolicy: EventStore["setStreamPolicy"] = (...given) => this.#store.setStreamPolicy(...given);
  deleteStream: EventStore["deleteStream"] = (...given) => this.#store.deleteStream(...given);
  tombstoneStream: EventStore["tombstoneStream"] = (...given) => this.#store.tombstoneStream(...given);
  reclaim: EventStore["reclaim"] = (...given) => this.#store.reclaim(...given);
  stats: EventStore["stats"] = () => this.#store.stats();
  verify: EventStore["verify"] = (...given) => this.#store.verify(...given);

  async #close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#runtime.snapshotter.idle();
    await Promise.allSettled([this.#consumers.stop(), this.#projections.stop()]);
    await this.#work.leave();
    await this.#store.close();
  }

  async #snapshot(decider: AnyDecider, stream: string): Promise<LastRevision> {
    const folded = await this.#runtime.loader.load(decider, stream);
    if (folded.revision >= 0) await this.#runtime.snapshotter.save(decider, stream, folded);
    return lastRevision(folded.revision);
  }

  async #track<Result>(task: Promise<Result>): Promise<Result> {
    this.#underWay.add(task);
    try {
      return await task;
    } finally {
      this.#underWay.delete(task);
    }
  }

  /** From the moment that closing begins nothing new is begun, though the store is still open for what is under way. */
  #checkOpen(): void {
    if (this.#closing !== undefined) throw new HithertoError("STORE_CLOSED", { store: this.url });
  }

  #streamOf(decider: AnyDecider, id: string): string {
    this.#checkOpen();
    checkDecider(decider);
    return streamOf(decider, id);
  }

  #fold<D extends AnyDecider>(
    decider: D,
    stream: string,
    { at, atRevision, fresh = false, signal }: LoadOptions,
  ): Promise<FoldedState<StateOf<D>>> {
    const { loader } = this.#runtime;
    // What was recorded by a moment need not be the beginning of the stream: imported events bring their own times.
    const isAnew = at !== undefined || fresh;
    if (isAnew) return loader.rebuild(decider, stream, { to: atRevision, until: at, signal });
    if (atRevision !== undefined) return loader.load(decider, stream, { to: atRevision, signal });
    return loadLatest(this.#runtime, decider, stream, signal);
  }

  #historySource<D extends AnyDecider>(decider: D, id: string, range: HistoryRange = {}): HistorySource<D> {
    const stream = this.#streamOf(decider, id);
    checkRange(range);
    const { store, loader } = this.#runtime;
    return { store, loader, decider, stream, range };
  }
}
