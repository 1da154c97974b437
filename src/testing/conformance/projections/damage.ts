import assert from "node:assert/strict";
import { isHithertoError } from "../../../core/errors.ts";
import type { WorkEvent } from "../../../runtime/work-status.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { appendRandom, run, tallies } from "./tallies.ts";

/** Read models that can not be right. */
export const damageTests: WorkTopic = {
  "a read model that is beyond the end of the log is damage, and is not gone on with": async (lab) => {
    const errors: unknown[] = [];
    const store = await lab.join();
    await appendRandom(store, lab.random, 20);
    {
      await using runner = await run(store, tallies());
      await runner.caughtUp();
    }
    const [model] = await store.readSide.listModels("tallies");
    const { generation, position } = model!;
    await store.readSide.commit({ models: [{ step: "advance", generation, from: position, to: 1_000_000 }] });
    const onEvent = (event: WorkEvent): void => {
      if (event.kind === "failure") errors.push(event.error);
    };
    await using runner = await run(store, tallies(), { onEvent });
    await appendRandom(store, lab.random, 20);
    await eventually(() => assert.ok(errors.some((error) => isHithertoError(error, "STORE_DAMAGED"))));
    await runner.stop();
  },
};
