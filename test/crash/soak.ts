/**
 * Hundreds of kills: `npm run soak -- --kills 300 --seed 1`. Prints progress and a summary; the exit code tells.
 */
import { parseArgs } from "node:util";
import { runKills } from "./kill-run.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "300" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    plan: { type: "string", default: "mixed" },
  },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];
const began = performance.now();
const seconds = (): string => ((performance.now() - began) / 1000).toFixed(0);

console.log(`Killing ${kills} writers (plan ${values.plan}, seed ${seed}).`);
const summary = await runKills({
  kills,
  seed,
  plan: values.plan,
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
