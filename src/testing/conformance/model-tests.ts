import type { EventStore } from "../../store/event-store.ts";
import { upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";
import { RandomRun } from "./random-operations.ts";

const roundCount = 12;
const traceShown = 40;

/** Every store behaves as the model does. The runs get longer, so that the first to fail is a short one. */
export const modelTests: Topic = {
  "random operations agree with the model": async ({ openOther, openAgain, canOpenAgain, random }) => {
    const reopen = async (store: EventStore): Promise<EventStore> => {
      await store.close();
      return openAgain(store);
    };
    for (const round of upTo(roundCount)) {
      const run = new RandomRun(await openOther(), random, canOpenAgain ? reopen : undefined);
      await run.run(10 * (round + 1)).catch((error: unknown) => {
        const trace = run.trace.slice(-traceShown).join("\n");
        throw new Error(`round ${round}, after\n${trace}`, { cause: error });
      });
    }
  },
};
