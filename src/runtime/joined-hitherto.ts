/**
 * A handle within a transaction of the application's: what decides, appends and reads there. It keeps no state from one
 * call to the next, since what it has seen may be undone, and it shares none with the handle outside.
 *
 * Decisions are retried as outside, though once suffices: an append that met a conflict holds the right to append by then,
 * so nobody can be faster again.
 */
import type { AnyDecider, CommandOf, PayloadOf, ReasonOf, StateOf } from "../core/decider-types.ts";
import { HithertoError } from "../core/errors.ts";
import type { DocumentOf, FieldOf, Projection } from "../core/projection.ts";
import type { PostgresClient } from "../postgres/options.ts";
import type { EventStore } from "../store/event-store.ts";
import type { JoinedStore } from "../store/joined-store.ts";
import { Definitions } from "./definitions.ts";
import type { Runtime } from "./execute.ts";
import type { ExecuteOptions, ExecuteResult, Hitherto } from "./hitherto.ts";
import type { Projections } from "./projections/projections.ts";
import type { ReadModel, ReadModelOptions } from "./projections/read-model.ts";
import { createReadModels } from "./projections/read-models.ts";
import type { ReadModels } from "./projections/read-models.ts";
import type { RuntimePlan } from "./runtime-options.ts";
import { noSnapshots } from "./snapshotter.ts";
import { createStateLoader } from "./state-loader.ts";
import { createStreamQueue } from "./stream-queue.ts";

/** A read model as a transaction sees it. What there is to wait for, nobody else can see before it is committed. */
export type JoinedReadModel<Document, Field extends string> = Pick<
  ReadModel<Document, Field>,
  "name" | "get" | "getMany" | "find" | "findAll" | "count"
>;

/**
 * A handle within a transaction that the application has begun; made by {@link Hitherto.join}. It sees what the
 * transaction has done; others see it once the transaction is committed, all of it or nothing. Inline projections of
 * the handle run here, too.
 *
 * What is refused or fails has done nothing and leaves the transaction usable. Await one call before the next statement
 * on the client. When the transaction has ended, every call fails with `ARGUMENT_INVALID`.
 */
export interface JoinedHitherto
  extends JoinedStore, Pick<Hitherto, "load" | "decide" | "loadModel" | "query"> {
  /** As {@link Hitherto.execute}. What a transaction leaves is kept as a snapshot later, by those who load it. */
  execute<D extends AnyDecider, Name extends CommandOf<D>>(
    decider: D,
    id: string,
    command: Name,
    payload: PayloadOf<D, Name>,
    options?: Omit<ExecuteOptions, "snapshot">,
  ): Promise<ExecuteResult<StateOf<D>, ReasonOf<D, Name>>>;

  /** As {@link Hitherto.readModel}. Of what is not built inline, it shows what has been built outside. */
  // `any`: a projection both takes and gives its document.
  // oxlint-disable-next-line typescript/no-explicit-any
  readModel<P extends Projection<any, any>>(
    projection: P,
    options?: ReadModelOptions,
  ): JoinedReadModel<DocumentOf<P>, FieldOf<P>>;
}

/** What a handle joins a transaction with. */
export interface Joining {
  /** The store without inline projections. */
  readonly store: EventStore;
  readonly plan: RuntimePlan;
  readonly projections: Projections;
  readonly checkOpen: () => void;
}

/** Takes part in a transaction. @throws `JOIN_UNSUPPORTED`, and what the store throws */
export async function joinHitherto(joining: Joining, client: PostgresClient): Promise<JoinedHitherto> {
  const { store, projections } = joining;
  if (store.join === undefined) throw new HithertoError("JOIN_UNSUPPORTED", { store: store.url });
  // Before the transaction holds a right that starting them needs.
  await projections.started();
  return new Joined(joining, await store.join(client));
}

class Joined implements JoinedHitherto {
  readonly url: string;
  readonly readSide: JoinedStore["readSide"];
  readonly append: JoinedStore["append"];
  readonly #store: JoinedStore;
  readonly #definitions: Definitions;
  readonly #readModels: ReadModels;

  constructor({ store: outside, plan, projections, checkOpen }: Joining, store: JoinedStore) {
    this.url = store.url;
    this.readSide = store.readSide;
    this.append = projections.appendTo(store);
    this.#store = store;
    this.#readModels = createReadModels(store);
    this.#definitions = new Definitions(this.#runtime(outside, plan), checkOpen);
  }

  execute: JoinedHitherto["execute"] = (...given) => this.#definitions.execute(...given);
  load: Hitherto["load"] = (...given) => this.#definitions.load(...given);
  decide: Hitherto["decide"] = (...given) => this.#definitions.decide(...given);
  loadModel: Hitherto["loadModel"] = (...given) => this.#definitions.loadModel(...given);
  readModel: JoinedHitherto["readModel"] = (...given) => this.#readModels.readModel(...given);
  query: Hitherto["query"] = (...given) => this.#readModels.query(...given);

  read: JoinedStore["read"] = (...given) => this.#store.read(...given);
  readStream: JoinedStore["readStream"] = (...given) => this.#store.readStream(...given);
  findEvent: JoinedStore["findEvent"] = (...given) => this.#store.findEvent(...given);
  findStream: JoinedStore["findStream"] = (...given) => this.#store.findStream(...given);
  head: JoinedStore["head"] = () => this.#store.head();

  #runtime({ snapshots }: EventStore, outer: RuntimePlan): Runtime {
    const { append, read, readStream, findEvent, findStream } = this;
    // Snapshots are of what is committed, so they hold here, too.
    const store = { append, read, readStream, findEvent, findStream, snapshots };
    // Others are shut out when it is tried again, so there is nobody to make room for.
    const plan = { ...outer, cacheSize: 0, random: () => 0 };
    const loader = createStateLoader(store, plan);
    return { store, plan, loader, snapshotter: noSnapshots, queue: createStreamQueue() };
  }
}
