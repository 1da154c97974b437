/**
 * What projections and consumers of one handle share: the store, the options, and this handle's membership.
 */
import type { EventStore } from "../store/event-store.ts";
import type { ReadSide } from "../store/read-side.ts";
import type { Member } from "./membership.ts";
import type { RuntimePlan } from "./runtime-options.ts";

/** The common ground of everything that runs in a handle. */
export interface Work {
  /** The store without inline projections. */
  readonly store: EventStore;
  readonly readSide: ReadSide;
  readonly plan: RuntimePlan;
  /** This handle as a member. It joins when first asked; its lease time is the shortest that was asked for. */
  member(leaseMs: number): Promise<Member>;
  /** Leaves, if it ever joined. */
  leave(): Promise<void>;
}

/** Makes the common ground of a handle. */
export function createWork(store: EventStore, plan: RuntimePlan): Work {
  return {
    store,
    readSide: store.readSide,
    plan,
    member: () => Promise.reject(new Error("not built yet")),
    leave: () => Promise.resolve(),
  };
}
