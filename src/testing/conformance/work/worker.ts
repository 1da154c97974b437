/**
 * What a process does that a kit has started, to be killed or to stand still: one of a few kinds of work, until its end.
 */
import { createInterface } from "node:readline/promises";
import type { StoredEvent } from "../../../core/event.ts";
import type { DeliveryContext } from "../../../runtime/consumers/consumer.ts";
import { createHitherto } from "../../../runtime/create-hitherto.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { notes } from "../consumers/cases.ts";
import type { Note } from "../consumers/cases.ts";
import { somethingRandom, tallies } from "../projections/tallies.ts";
import { totals } from "../projections/totals.ts";
import { randomFrom } from "../random.ts";

/** What a process is to do. */
export interface WorkOrder {
  /**
   * - `run`: run the projections beside the log.
   * - `inline`: append with an inline projection, over and over.
   * - `consume`: take part in a consumer whose effects are elsewhere: appends outside of any transaction.
   * - `consume-once`: the same with effects in the transaction of `once`.
   */
  readonly work: "run" | "inline" | "consume" | "consume-once";
  /** Of the projection. Default 1. */
  readonly version?: number;
  /** Default 3,000. */
  readonly leaseMs?: number;
  /** Default 20. */
  readonly batchSizeMax?: number;
  /** Of what it appends. */
  readonly seed?: number;
}

/** The stream of the effects of a key. */
export function effectsOf(key: string): string {
  return `effect-${key}`;
}

/**
 * The main function of the process that the kits for projections and consumers start; see `spawn` of
 * {@link WorkConformance}. It takes its order from the standard input, and ends with it.
 *
 * @example
 * ```ts
 * import { openMemoryStore } from "hitherto/store";
 * import { conformanceWorker } from "hitherto/testing";
 * const main = () => conformanceWorker(openMemoryStore());
 * ```
 */
export async function conformanceWorker(store: EventStore): Promise<void> {
  const lines = createInterface({ input: process.stdin });
  const order = await new Promise<WorkOrder>((resolve) => {
    lines.once("line", (line) => resolve(JSON.parse(line) as WorkOrder));
  });
  // Whoever started it is gone: nobody else would end it.
  lines.once("close", () => process.kill(process.pid, "SIGKILL"));
  const { work, version = 1 } = order;
  const model = tallies({ version });
  const hitherto = createHitherto(store, work === "inline" ? { inline: [model] } : {});
  await begin[work](hitherto, order);
  process.stdout.write("ready\n");
  if (work === "inline") await keepAppending(hitherto, order);
}

const begin: Readonly<Record<WorkOrder["work"], (store: Hitherto, order: WorkOrder) => Promise<unknown>>> = {
  run: (store, { version = 1, leaseMs = 3_000, batchSizeMax = 20 }) => {
    const projections = [tallies({ version }), ...(store.readSide.supportsSql ? [totals({ version })] : [])];
    return store.runProjections(projections, { leaseMs, batchSizeMax });
  },
  inline: (store) => store.head(),
  consume: (store, { leaseMs = 3_000 }) => {
    const work = async ({ n }: Note, { key }: DeliveryContext): Promise<void> => {
      await store.append({ stream: effectsOf(key), events: [{ type: "Effect", data: n }] });
    };
    return store.consume(notes({ work }), { leaseMs });
  },
  "consume-once": (store, { leaseMs = 3_000 }) => {
    const work = async ({ n }: Note, { key, once }: DeliveryContext, _event: StoredEvent): Promise<void> => {
      await once(async (transaction) => {
        await transaction.append({ stream: effectsOf(key), events: [{ type: "Effect", data: n }] });
      });
    };
    return store.consume(notes({ work }), { leaseMs });
  },
};

async function keepAppending(store: Hitherto, { seed = 1 }: WorkOrder): Promise<never> {
  const random = randomFrom(seed);
  for (;;) {
    const appends = Array.from({ length: 1 + random.integer(4) }, () =>
      store.append({ stream: `log-${random.integer(5)}`, events: [somethingRandom(random)] }),
    );
    await Promise.all(appends);
  }
}
