import assert from "node:assert/strict";
import { isHithertoError } from "../../../core/errors.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { WorkEvent } from "../../../runtime/work-status.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { added, agreesWithAll, appendRandom, run, tallies } from "./tallies.ts";

async function showsDamage({ projections }: Hitherto): Promise<void> {
  const { state, error } = await projections.status("tallies");
  assert.deepEqual([state, error?.code], ["retrying", "STORE_DAMAGED"]);
}

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
    await eventually(() => showsDamage(store));
    await runner.stop();
  },

  "a document that is not JSON is told in the status, from any process, until it is mended": async (lab) => {
    const store = await lab.join();
    await store.append({ stream: "log", events: [added(1, "k0", "k1")] });
    {
      await using runner = await run(store, tallies());
      await runner.caughtUp();
    }
    const [model] = await store.readSide.listModels("tallies");
    const { generation, position } = model!;
    const { documents } = await store.readSide.getDocuments({ generation }, ["k0"]);
    const sound = documents.find((one) => one !== undefined)!;
    const put = (json: string): Promise<unknown> => {
      const step = { step: "advance", generation, from: position, to: position } as const;
      return store.readSide.commit({ models: [{ ...step, documents: [{ ...sound, json }] }] });
    };
    const isTaken = await put('{"count":').then(
      () => true,
      () => false,
    );
    if (!isTaken) {
      // An engine with a type for JSON does not take such a document at all: the one before must be there.
      assert.equal((await store.readSide.getDocument({ generation }, "k0")).document?.json, sound.json);
      return;
    }
    await using runner = await run(store, tallies());
    await store.append({ stream: "log", events: [added(2, "k0")] });
    const other = await lab.join();
    await eventually(() => showsDamage(other));
    await put(sound.json);
    await runner.caughtUp();
    await eventually(async () => {
      const { state, error } = await other.projections.status("tallies");
      assert.deepEqual([state, error], ["live", undefined]);
    });
    await agreesWithAll(store, tallies());
  },
};
