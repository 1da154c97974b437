/**
 * The power-loss proof: a process writes to a store with everything that a store can do, and every write and sync of it is
 * recorded. Then the power is cut, in a model of a disk, at each sync and at each of its writes, with nothing of what was
 * not synced on the disk, or with some of it by chance. Whatever was acknowledged as durable before must be there, and the
 * file must be sound. With even seeds, syncs of the log fail now and then.
 *
 * `HITHERTO_POWER_RUNS` says how many runs there are (4), `HITHERTO_SEED` the first seed (1).
 */
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { cutPower } from "../support/power/cut-power.ts";
import { Recorder, whyNoRecorder } from "../support/power/recorder.ts";

const child = fileURLToPath(new URL("../support/power/power-process.ts", import.meta.url));
const runs = Number(process.env["HITHERTO_POWER_RUNS"] ?? 4);
const firstSeed = Number(process.env["HITHERTO_SEED"] ?? 1);
const seeds = Array.from({ length: runs }, (_, index) => firstSeed + index);

const reason = whyNoRecorder();
if (reason !== undefined) process.stderr.write(`\n*** The power-loss proof is left out: ${reason}.\n\n`);

describe.skipIf(reason !== undefined)("when the power fails", () => {
  let recorder: Recorder | undefined;
  afterAll(() => recorder?.[Symbol.dispose]());

  test.each(seeds)("everything that was acknowledged is there (seed %i)", (seed) => {
    recorder ??= new Recorder();
    const recording = recorder.record(child, "mixed", String(seed));
    const { faults, cuts, acknowledged } = cutPower(recording, { every: 4, seed });
    console.log(`seed ${seed}: ${acknowledged} acknowledged, the power cut at ${cuts} points`);
    expect(faults).toEqual([]);
    expect(acknowledged).toBeGreaterThan(50);
  });
});
