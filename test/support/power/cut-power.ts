/**
 * Cuts the power at each point of a recording where something new is on the disk or has been acknowledged.
 */
import { randomFrom } from "../../../src/testing/conformance/random.ts";
import { Disk, recordsOf } from "./disk.ts";
import { faultsOf } from "./ledger.ts";
import type { Recording } from "./recorder.ts";

/** What was found, and how much was looked at. */
export interface PowerReport {
  /** With the number of the record before which the power was cut. */
  readonly faults: string[];
  readonly cuts: number;
  readonly acknowledged: number;
}

const billion = 1_000_000_000;

/**
 * What is on the disk changes with syncs alone, so one cut before each and one at the end shows all states. With `every`, it
 * is cut before each so many records as well, and some of what was not synced is on the disk, by the seed.
 */
export function cutPower({ journal, folder }: Recording, { every = 0, seed = 1 } = {}): PowerReport {
  const disk = new Disk();
  const { integer } = randomFrom(seed);
  const random = (): number => integer(billion) / billion;
  const faults: string[] = [];
  let cuts = 0;
  const cut = (at: number, chance?: () => number): void => {
    disk.writeTo(`${folder}-cut`, chance);
    cuts++;
    for (const fault of faultsOf(`${folder}-cut`, disk.textOf("ledger"))) {
      faults.push(`record ${at}${chance === undefined ? "" : ", by chance"}: ${fault}`);
    }
  };
  const records = recordsOf(journal);
  for (const [at, record] of records.entries()) {
    if (record.kind === "S" || record.kind === "D") cut(at);
    if (every > 0 && at % every === 0) cut(at, random);
    disk.apply(record);
  }
  cut(records.length);
  return { faults, cuts, acknowledged: disk.textOf("ledger").split("\n").length - 1 };
}
