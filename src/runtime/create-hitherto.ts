/**
 * Puts the parts of the runtime around a store. What the store does itself is handed through unchanged.
 */
import type { AnyDecider, StateOf } from "../core/decider-types.ts";
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import type { PostgresClient } from "../postgres/options.ts";
import type { EventStore, ReclaimOptions, ReclaimResult, VerifyReport } from "../store/event-store.ts";
import { checkOptions, checkStore, planReclaim } from "../store/read-options.ts";
import { checkDeciders, checkFunction, checkRange } from "./check-calls.ts";
import type { ConsumerMember } from "./consumers/consumer.ts";
import { createConsumers } from "./consumers/consumers.ts";
import type { Consumers } from "./consumers/consumers.ts";
import { Definitions } from "./definitions.ts";
import type { Runtime } from "./execute.ts";
import { bisect, history } from "./history.ts";
import type { HistorySource } from "./history.ts";
import type { HandleVerifyOptions, HistoryEntry, HistoryRange, Hitherto, LastRevision } from "./hitherto.ts";
import { joinHitherto } from "./joined-hitherto.ts";
import type { JoinedHitherto } from "./joined-hitherto.ts";
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
import type { Snapshotter } from "./snapshotter.ts";
import { createStateLoader } from "./state-loader.ts";
import { createStreamQueue } from "./stream-queue.ts";
import { checkpointProblems, withProblems } from "./verify-checkpoints.ts";
import { snapshotProblems } from "./verify-snapshots.ts";
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
  checkStore(bareStore);
  const plan = planRuntime(options);
  const work = createWork(bareStore, plan);
  const projections = createProjections(work);
  const store = projections.inlineStore;
  const loader = createStateLoader(store, plan);
  const snapshotter = createSnapshotter(store, loader, plan);
  const runtime = { store, plan, loader, snapshotter, queue: createStreamQueue() };
  return new StoreWithRuntime(runtime, work, projections, createConsumers(work));
}

/** The runtime of a handle, whose store is a whole one. */
interface HandleRuntime extends Runtime {
  readonly store: EventStore;
  readonly snapshotter: Snapshotter;
}

class StoreWithRuntime implements Hitherto {
  readonly url: string;
  readonly snapshots: EventStore["snapshots"];
  readonly #store: EventStore;
  readonly #runtime: HandleRuntime;
  readonly #definitions: Definitions;
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

  constructor(runtime: HandleRuntime, work: Work, projections: Projections, consumers: Consumers) {
    this.#runtime = runtime;
    this.#definitions = new Definitions(runtime, () => this.#checkOpen());
    this.#store = runtime.store;
    this.url = runtime.store.url;
    this.snapshots = runtime.store.snapshots;
    this.readSide = runtime.store.readSide;
    this.#work = work;
    this.#projections = projections;
    this.#consumers = consumers;
    this.#readModels = createReadModels(work.store);
    this.projections = projections.admin;
    this.consumers = consumers.admin;
    this.parked = createParkedAdmin(work);
  }

  execute: Hitherto["execute"] = (...given) => this.#track(this.#definitions.execute(...given));
  load: Hitherto["load"] = (...given) => this.#definitions.load(...given);
  decide: Hitherto["decide"] = (...given) => this.#track(this.#definitions.decide(...given));
  loadModel: Hitherto["loadModel"] = (...given) => this.#definitions.loadModel(...given);

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
    return this.#track(this.#snapshot(decider, this.#definitions.streamOf(decider, id)));
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

  async verify(given: HandleVerifyOptions = {}): Promise<VerifyReport> {
    checkOptions(given);
    const { snapshotsOf = [], ...options } = given;
    checkDeciders("snapshotsOf", snapshotsOf);
    const report = await this.#store.verify(options);
    const { store, loader } = this.#runtime;
    const withCheckpoints = await withProblems(report, checkpointProblems(store));
    const verification = { store, loader, deciders: snapshotsOf, signal: options.signal };
    return withProblems(withCheckpoints, snapshotProblems(verification));
  }

  async join(client: PostgresClient): Promise<JoinedHitherto> {
    this.#checkOpen();
    const { plan } = this.#runtime;
    const checkOpen = (): void => this.#checkOpen();
    return joinHitherto({ store: this.#work.store, plan, projections: this.#projections, checkOpen }, client);
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
  reclaim: EventStore["reclaim"] = (options) => this.#reclaim(options);
  stats: EventStore["stats"] = () => this.#store.stats();
  backup: EventStore["backup"] = (...given) => this.#store.backup(...given);

  /** What a snapshot under way, or a state in memory, holds of hidden events is erased as well. */
  async #reclaim(options: ReclaimOptions | undefined): Promise<ReclaimResult> {
    const { erase } = planReclaim(options);
    if (erase) await this.#runtime.snapshotter.idle();
    const result = await this.#store.reclaim(options);
    if (erase) this.#runtime.loader.forget();
    return result;
  }

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

  #historySource<D extends AnyDecider>(decider: D, id: string, range: HistoryRange = {}): HistorySource<D> {
    const stream = this.#definitions.streamOf(decider, id);
    checkRange(range);
    const { store, loader } = this.#runtime;
    return { store, loader, decider, stream, range };
  }
}
