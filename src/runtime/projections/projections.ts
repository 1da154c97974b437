/**
 * The projections of one handle: those that run inline with its appends, and those that run beside.
 */
import type { AnyProjection } from "../../core/projection.ts";
import type { EventStore } from "../../store/event-store.ts";
import type { ProjectionAdmin } from "../work-admin.ts";
import type { Work } from "../work.ts";
import type { ProjectionRunner, ProjectionRunnerOptions } from "./projection-runner.ts";

/** What a handle does about projections. */
export interface Projections {
  /** The store, whose appends also bring inline read models up to date; the bare store when there are none. */
  readonly inlineStore: EventStore;
  readonly admin: ProjectionAdmin;
  run(projections: readonly AnyProjection[], options?: ProjectionRunnerOptions): Promise<ProjectionRunner>;
  /** Stops everything that runs. */
  stop(): Promise<void>;
}

/** Makes the projections of a handle. */
export function createProjections(work: Work): Projections {
  const unbuilt = (): never => {
    throw new Error("not built yet");
  };
  return {
    inlineStore: work.store,
    admin: {} as ProjectionAdmin,
    run: unbuilt,
    stop: () => Promise.resolve(),
  };
}
