/**
 * The projections of one handle: those that run inline with its appends, and those that run beside. Of each name there is
 * one {@link ProjectionKeeper} at most; inline projections have one too, for what is not their handle's appends.
 */
import { HithertoError } from "../../core/errors.ts";
import type { AnyProjection } from "../../core/projection.ts";
import type { EventStore } from "../../store/event-store.ts";
import { checkOptions } from "../../store/read-options.ts";
import type { ReadSide } from "../../store/read-side.ts";
import type { ProjectionAdmin } from "../work-admin.ts";
import type { Work } from "../work.ts";
import { untilCaughtUp } from "./caught-up.ts";
import { InlineAppends } from "./inline-appends.ts";
import { createInlineStore } from "./inline-store.ts";
import { createProjectionAdmin } from "./projection-admin.ts";
import { ProjectionKeeper } from "./projection-keeper.ts";
import type { ProjectionRunner, ProjectionRunnerOptions } from "./projection-runner.ts";
import { checkProjections, planRunner } from "./runner-plan.ts";
import type { RunnerPlan } from "./runner-plan.ts";

/** What a handle does about projections. */
export interface Projections {
  /** The store, whose appends also bring inline read models up to date; the bare store when there are none. */
  readonly inlineStore: EventStore;
  readonly admin: ProjectionAdmin;
  /** Resolves when the inline projections have been looked for; never rejects. */
  started(): Promise<void>;
  /** Appends to a store that do the same, such as within a transaction. */
  appendTo(store: InlineTarget): EventStore["append"];
  run(projections: readonly AnyProjection[], options?: ProjectionRunnerOptions): Promise<ProjectionRunner>;
  /** Stops everything that runs. */
  stop(): Promise<void>;
}

/** What inline appends go to. */
export interface InlineTarget extends Pick<EventStore, "append"> {
  readonly readSide: Pick<ReadSide, "transaction">;
}

/** Makes the projections of a handle. @throws `ARGUMENT_INVALID`, `DEFINITION_REPEATED`, `SQL_UNSUPPORTED` */
export function createProjections(work: Work): Projections {
  const inline = checkProjections("inline", work.plan.inline);
  checkEngine(work, inline);
  return new HandleProjections(work, inline);
}

class HandleProjections implements Projections {
  readonly inlineStore: EventStore;
  readonly admin: ProjectionAdmin;
  readonly #work: Work;
  readonly #inline: readonly AnyProjection[];
  readonly #ready: Promise<void>;
  /** By name; from before they start. */
  readonly #taken = new Set<string>();
  readonly #runners = new Set<ProjectionRunner>();
  readonly #starting = new Set<Promise<unknown>>();

  constructor(work: Work, inline: readonly AnyProjection[]) {
    this.#work = work;
    this.admin = createProjectionAdmin(work);
    this.#inline = inline;
    this.#ready = this.#startInline();
    const appends = this.#inlineAppends(work.store);
    this.inlineStore = appends === undefined ? work.store : createInlineStore(work.store, appends);
  }

  started(): Promise<void> {
    return this.#ready;
  }

  appendTo(store: InlineTarget): EventStore["append"] {
    const target = this.#inlineAppends(store) ?? store;
    return (...given) => target.append(...given);
  }

  async run(
    projections: readonly AnyProjection[],
    options?: ProjectionRunnerOptions,
  ): Promise<ProjectionRunner> {
    const plan = planRunner(options);
    const checked = [...checkProjections("projections", projections)];
    checkEngine(this.#work, checked);
    return this.#track(this.#start(checked, plan));
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#starting);
    await Promise.all([...this.#runners].map((runner) => runner.stop()));
  }

  /** Undefined when there are no inline projections. */
  #inlineAppends({ readSide }: InlineTarget): InlineAppends | undefined {
    if (this.#inline.length === 0) return undefined;
    return new InlineAppends({ readSide, projections: this.#inline, ready: this.#ready });
  }

  async #startInline(): Promise<void> {
    const starts = this.#inline.map((projection) => this.#track(this.#start([projection], planRunner())));
    const reports = starts.map((start, index) =>
      start.then(
        () => undefined,
        (error: unknown) => {
          const definition = this.#inline[index]!.name;
          this.#work.plan.report({ operation: "projection", definition, error });
        },
      ),
    );
    await Promise.all(reports);
  }

  async #start(projections: readonly AnyProjection[], plan: RunnerPlan): Promise<ProjectionRunner> {
    const repeated = projections.find(({ name }) => this.#taken.has(name));
    if (repeated !== undefined) {
      throw new HithertoError("DEFINITION_REPEATED", { kind: "projection", name: repeated.name });
    }
    for (const { name } of projections) this.#taken.add(name);
    const work = this.#work;
    const keepers: ProjectionKeeper[] = [];
    try {
      const member = await work.member(plan.leaseMs);
      for (const projection of projections) {
        const keeper = new ProjectionKeeper({ work, member, projection, plan });
        keepers.push(keeper);
        await keeper.start();
      }
      return this.#runnerOf(projections, keepers);
    } catch (error) {
      await this.#end(keepers, projections);
      throw error;
    }
  }

  #runnerOf(projections: readonly AnyProjection[], keepers: readonly ProjectionKeeper[]): ProjectionRunner {
    const work = this.#work;
    let stopping: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopping ??= this.#end(keepers, projections).finally(() => this.#runners.delete(runner));
      return stopping;
    };
    const findObstacle = async (): Promise<unknown> => {
      if (stopping !== undefined) return new HithertoError("ABORTED", { operation: "wait for projections" });
      const halts = await Promise.all(keepers.map((keeper) => keeper.findHalt()));
      return halts.find((halt) => halt !== undefined)?.error;
    };
    const runner: ProjectionRunner = {
      projections,
      caughtUp: async (given = {}) => {
        checkOptions(given);
        await untilCaughtUp({ work, projections, findObstacle, signal: given.signal });
      },
      stop,
      [Symbol.asyncDispose]: stop,
    };
    this.#runners.add(runner);
    return runner;
  }

  async #end(keepers: readonly ProjectionKeeper[], projections: readonly AnyProjection[]): Promise<void> {
    await Promise.all(keepers.map((keeper) => keeper.stop()));
    for (const { name } of projections) this.#taken.delete(name);
  }

  async #track<Result>(start: Promise<Result>): Promise<Result> {
    this.#starting.add(start);
    try {
      return await start;
    } finally {
      this.#starting.delete(start);
    }
  }
}

function checkEngine({ readSide, store }: Work, projections: readonly AnyProjection[]): void {
  const sql = projections.find(({ kind }) => kind === "sql-projection");
  if (sql === undefined || readSide.supportsSql) return;
  throw new HithertoError("SQL_UNSUPPORTED", { store: store.url, operation: `the projection "${sql.name}"` });
}
