/**
 * Kills processes that run projections or take part in consumers, on embedded stores, over and over.
 */
import { killMembers } from "../../src/testing/conformance/consumers/processes.ts";
import { killRunners } from "../../src/testing/conformance/projections/processes.ts";
import { withWorkLab } from "../../src/testing/conformance/work/work-kit.ts";
import { embedded } from "../integration/sqlite/embedded.ts";

/** What is killed: runners; members with effects elsewhere; members with effects in the store. */
export const workPlans = ["projections", "consumers", "consumers-once"] as const;

/** One of {@link workPlans}. */
export type WorkPlan = (typeof workPlans)[number];

/** How to run. */
export interface WorkRun {
  readonly plan: WorkPlan;
  readonly kills: number;
  readonly seed: number;
  /** After so many kills a fresh file is begun. Default 20. */
  readonly killsPerFile?: number;
  readonly onKill?: (killed: number) => void;
}

/** What came of it. */
export interface WorkSummary {
  readonly kills: number;
  readonly events: number;
  /** Deliveries whose effect took place again. */
  readonly repeated: number;
}

/** Kills so many processes. Fails at the first event that was lost, or counted twice, naming the seed. */
export async function runWorkKills(run: WorkRun): Promise<WorkSummary> {
  const { kills, seed, killsPerFile = 20, onKill } = run;
  const sum = { kills: 0, events: 0, repeated: 0 };
  for (let file = 0; sum.kills < kills; file++) {
    const count = Math.min(killsPerFile, kills - sum.kills);
    const before = sum.kills;
    const result = await killInOneFile(run.plan, count, seed + file, (killed) => onKill?.(before + killed));
    sum.kills += count;
    sum.events += result.events;
    sum.repeated += result.repeated;
  }
  return sum;
}

async function killInOneFile(
  plan: WorkPlan,
  kills: number,
  seed: number,
  onKill: (killed: number) => void,
): Promise<Omit<WorkSummary, "kills">> {
  let result = { events: 0, repeated: 0 };
  await withWorkLab({ ...embedded, seed }, async (lab) => {
    if (plan === "projections") result = { ...(await killRunners(lab, kills, onKill)), repeated: 0 };
    else result = await killMembers(lab, plan === "consumers" ? "consume" : "consume-once", kills, onKill);
  });
  return result;
}
