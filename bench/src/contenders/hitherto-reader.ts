/**
 * Hitherto's read side as it comes: `open`, `consume` and `runProjections` with their defaults. Each run is of a new
 * consumer, or of a new version of the projection, so that all of the log is worked off again.
 */
import { consumer, open, projection } from "hitherto";
import type { AnyProjection, Hitherto } from "hitherto";
import { readModels } from "../../../examples/shop/src/read-models.ts";
import type { OrderDocument } from "../shop.ts";
import { evolveOrder, noOrder } from "../shop.ts";
import { configurationOn } from "./hitherto.ts";
import type { ReaderContender } from "./reader.ts";

/** Orders by id, to be found by customer and amount, and by phase. */
const orders = projection("orders", {
  initial: (): OrderDocument => noOrder,
  evolve: evolveOrder,
  indexes: [["customer", "cents"], "phase"],
});

/** Opens a store of ours for reading benchmarks. */
export async function openHithertoReader(location: string): Promise<ReaderContender> {
  const store = await open(location);
  let runs = 0;
  return {
    configuration: configurationOn(location),
    isConcurrent: true,
    append: async (stream, events) => {
      await store.append({ stream, events });
    },
    consume: () => consumeAll(store, `noop-${++runs}`),
    project: () => build(store, [orders], ++runs),
    rebuild: () => build(store, readModels, ++runs),
    find: async (id) => (await store.readModel(orders).get(id)).document,
    close: () => store.close(),
  };
}

/** Opens a store of ours whose appends bring the documents of orders up to date in the same transaction. */
export async function openHithertoInline(path: string): Promise<ReaderContender> {
  const store = await open(path, { inline: [orders] });
  return {
    configuration: `${configurationOn(path)}; documents in the transaction of the append`,
    isConcurrent: true,
    append: async (stream, events) => {
      await store.append({ stream, events });
    },
    close: () => store.close(),
  };
}

async function consumeAll(store: Hitherto, name: string): Promise<number> {
  let count = 0;
  await using member = await store.consume(consumer(name, { handle: () => void count++ }));
  await member.caughtUp();
  await member.stop();
  await store.consumers.remove(name);
  return count;
}

async function build(store: Hitherto, given: readonly AnyProjection[], version: number): Promise<number> {
  await using runner = await store.runProjections(given.map((one) => ({ ...one, version })));
  await runner.caughtUp();
  await runner.stop();
  const counts = given.map(async ({ name }) => (await store.projections.status(name)).documents ?? 0);
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
