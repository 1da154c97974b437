/**
 * What projections and consumers of one handle share: the store, the options, and this handle's membership.
 */
import type { EventStore } from "../store/event-store.ts";
import type { ReadSide } from "../store/read-side.ts";
import { MemberWatch } from "./member-watch.ts";
import type { Liveness } from "./member-watch.ts";
import { join } from "./membership.ts";
import type { Member } from "./membership.ts";
import type { RuntimePlan } from "./runtime-options.ts";
import type { ParkedOwner } from "./work-admin.ts";

/** The common ground of everything that runs in a handle. */
export interface Work {
  /** The store without inline projections. */
  readonly store: EventStore;
  readonly readSide: ReadSide;
  readonly plan: RuntimePlan;
  /**
   * This handle as a member. It joins when first asked; its lease time is the shortest that was asked for. When joining
   * fails, with what the store throws, the next call tries again.
   */
  member(leaseMs: number): Promise<Member>;
  /**
   * Looks who is alive, without becoming a member. One look tells of processes of this machine; that one elsewhere is
   * gone shows only in looks over its lease time.
   */
  look(): Promise<Liveness>;
  /** Leaves, if it ever joined. */
  leave(): Promise<void>;
}

/** What a member takes part in, by kind and name: `projection/orders`, `consumer/emails`. */
export function workOf({ kind, name }: ParkedOwner): string {
  return `${kind}/${name}`;
}

/** Makes the common ground of a handle. */
export function createWork(store: EventStore, plan: RuntimePlan): Work {
  const { readSide } = store;
  const watch = new MemberWatch(readSide);
  const onError = (error: unknown): void =>
    plan.report({ operation: "member", definition: "membership", error });
  let joining: Promise<Member> | undefined;

  return {
    store,
    readSide,
    plan,
    member: async (leaseMs) => {
      joining ??= join(readSide, watch, { leaseMs, onError });
      const attempt = joining;
      try {
        const member = await attempt;
        member.shortenLease(leaseMs);
        return member;
      } catch (error) {
        if (joining === attempt) joining = undefined;
        throw error;
      }
    },
    look: async () => {
      await watch.look();
      return watch;
    },
    leave: async () => {
      const member = await joining?.catch(() => undefined);
      await member?.leave();
    },
  };
}
