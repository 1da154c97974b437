/**
 * Hundreds of kills: `npm run soak -- --kills 300 --seed 1`. Prints progress and a summary; the exit code tells.
 *
 * `--plan` says who is killed: writers (`mixed`, `reclaim`, `import`, `big`), or those that work on a log (`projections`,
 * `consumers`, `consumers-once`). `--plan memory --events 5000000` kills nobody, and prints how much memory a long log takes.
 */
import { parseArgs } from "node:util";
import { runKills } from "./kill-run.ts";
import { runLongLog } from "./long-log.ts";
import { runWorkKills, workPlans } from "./work-run.ts";
import type { WorkPlan } from "./work-run.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "300" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    plan: { type: "string", default: "mixed" },
    events: { type: "string", default: "5000000" },
  },
});
const [kills, seed, { plan }] = [Number(values.kills), Number(values.seed), values];
const began = performance.now();
const seconds = (): string => ((performance.now() - began) / 1000).toFixed(0);

if (plan === "memory") await runLongLog(Number(values.events), console.log);
else if (isWorkPlan(plan)) await soakWork(plan);
else await soakWriters();

async function soakWriters(): Promise<void> {
  console.log(`Killing ${kills} writers (plan ${plan}, seed ${seed}).`);
  const summary = await runKills({
    kills,
    seed,
    plan,
    onKill: (killed, { events, acknowledged, unheard }) => {
      if (killed % 10 !== 0) return;
      console.log(
        `${killed}/${kills} kills, ${seconds()} s; in this file: ${events} events, ` +
          `${acknowledged} appends acknowledged, ${unheard} stored unheard`,
      );
    },
  });
  console.log(
    `${summary.kills} kills (${summary.earlyKills} while opening) in ${seconds()} s: ` +
      `${summary.acknowledged} acknowledged appends, ${summary.events} events visible, none lost, none doubled, ` +
      `every file sound. ${summary.unheard} appends were stored though their writer died before it heard of them.`,
  );
}

async function soakWork(workPlan: WorkPlan): Promise<void> {
  console.log(`Killing ${kills} processes at work on ${workPlan} (seed ${seed}).`);
  const onKill = (killed: number): void => {
    if (killed % 10 === 0) console.log(`${killed}/${kills} kills, ${seconds()} s`);
  };
  const summary = await runWorkKills({ plan: workPlan, kills, seed, onKill });
  const effects =
    workPlan === "consumers" ? `${summary.repeated} effects again` : "every effect exactly once";
  console.log(
    `${summary.kills} kills in ${seconds()} s: ${summary.events} events, none lost, in order within keys; ${effects}.`,
  );
}

function isWorkPlan(name: string): name is WorkPlan {
  return workPlans.some((known) => known === name);
}
