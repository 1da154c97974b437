import type { ConsumerStatus, ProjectionStatus, RebuildStatus } from "../../../src/runtime/work-status.ts";

const common = {
  state: "live",
  position: 1_000,
  lag: { events: 0, ms: 0, isTooMuch: false },
  ratePerSecond: 0,
  error: undefined,
  parked: 0,
} as const;

/** A projection that has nothing to do. */
export function aProjection(differing: Partial<ProjectionStatus> = {}): ProjectionStatus {
  return {
    ...common,
    name: "orders",
    version: 1,
    owner: "host/7",
    rebuild: undefined,
    documents: 12,
    ...differing,
  };
}

/** A consumer that has nothing to do. */
export function aConsumer(differing: Partial<ConsumerStatus> = {}): ConsumerStatus {
  const partitions = [{ partition: 0, owner: "host/7", position: 1_000, state: "live" }] as const;
  return { ...common, name: "emails", members: ["host/7"], partitions, ...differing };
}

/** A rebuild that is half done. */
export function aRebuild(differing: Partial<RebuildStatus> = {}): RebuildStatus {
  return {
    version: 2,
    state: "building",
    position: 500,
    head: 1_000,
    ratePerSecond: 250,
    etaMs: 2_000,
    ...differing,
  };
}
