/**
 * A sync of the write-ahead log fails. What is acknowledged afterwards must survive the loss of power, whatever the failed
 * sync has left out (`test/support/power` says how that is shown).
 */
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { cutPower } from "../../support/power/cut-power.ts";
import { Recorder, whyNoRecorder } from "../../support/power/recorder.ts";

const child = fileURLToPath(new URL("../../support/power/power-process.ts", import.meta.url));
const reason = whyNoRecorder();
if (reason !== undefined) {
  process.stderr.write(`\n*** The tests of failed syncs are left out: ${reason}.\n\n`);
}

describe.skipIf(reason !== undefined)("after a failed sync of the log", () => {
  let recorder: Recorder | undefined;
  afterAll(() => recorder?.[Symbol.dispose]());

  test.each([
    ["an append", "fail once", ["STORE_IO", "done", "done"]],
    ["a transaction", "fail transaction", ["STORE_IO", "done"]],
    [
      "everything until it is closed",
      "fail until closed",
      ["STORE_IO", "STORE_IO", "STORE_IO", "STORE_IO", "done"],
    ],
  ])("of %s, what is acknowledged survives the loss of power", (_, script, outcomes) => {
    recorder ??= new Recorder();
    const recording = recorder.record(child, script);
    expect(recording.output.trim().split("\n")).toEqual(outcomes);
    const { faults, acknowledged } = cutPower(recording, { every: 3 });
    expect(faults).toEqual([]);
    expect(acknowledged).toBeGreaterThan(1);
  });
});
