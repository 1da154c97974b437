import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { StoredEvent } from "../../../core/event.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { refuses, upTo } from "../helpers.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import {
  agrees,
  added,
  agreesWithAll,
  appendRandom,
  brisk,
  documentsOf,
  foldPlainly,
  run,
  tallies,
} from "./tallies.ts";
import type { Tallies, Tally } from "./tallies.ts";

/** An answer and what it said of itself. */
interface Answer {
  readonly position: number;
  readonly version: number;
  readonly documents: Map<string, Tally>;
}

/** Reads over and over until told to stop, and keeps every answer. */
function keepReading(store: Hitherto, model: Tallies): { stop(): Promise<Answer[]> } {
  const answers: Answer[] = [];
  const over = new AbortController();
  const read = async (): Promise<void> => {
    answers.push(await documentsOf(store, model));
    await setTimeout(3);
    if (!over.signal.aborted) await read();
  };
  const reading = read();
  reading.catch(() => undefined);
  return {
    stop: async () => {
      over.abort();
      await reading;
      return answers;
    },
  };
}

const isIn =
  ({ position }: Answer) =>
  (event: StoredEvent): boolean =>
    event.position <= position;

/** Expects each answer to be what the version it names makes of the log up to its position, and none to go back. */
async function allAgree(
  store: EventStore,
  answers: readonly Answer[],
  versions: Readonly<Record<number, Tallies>>,
): Promise<void> {
  const log = await store.read().toArray();
  let [position, version] = [0, 0];
  for (const answer of answers) {
    assert.ok(answer.position >= position, `from position ${position} back to ${answer.position}`);
    assert.ok(answer.version >= version, `from version ${version} back to ${answer.version}`);
    ({ position, version } = answer);
    const model = versions[version];
    assert.ok(model !== undefined, `version ${version}`);
    const expected = foldPlainly(model, log.slice(0, log.findLastIndex(isIn(answer)) + 1));
    const entries = (documents: Map<string, Tally>) => [...documents].sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(entries(answer.documents), entries(expected), `version ${version} at ${position}`);
  }
}

/** A definition is changed, and its read model built anew beside the one that is read. */
export const rebuildingTests: WorkTopic = {
  "a bug is mended by a new version while commands come and readers read, without a wrong answer": async (
    lab,
  ) => {
    const [reader, writer, random] = [await lab.join(), await lab.join(), lab.random];
    const versions = { 1: tallies({ weight: 2 }), 2: tallies({ version: 2 }) };
    await appendRandom(writer, random, 300);
    const first = await run(writer, versions[1], { batchSizeMax: 40 });
    await first.caughtUp();
    const reading = keepReading(reader, versions[1]);
    await appendRandom(writer, random, 50);
    await first.stop();
    const [second] = await Promise.all([
      run(writer, versions[2], { batchSizeMax: 40 }),
      appendRandom(writer, random, 100),
    ]);
    await second.caughtUp();
    await appendRandom(writer, random, 30);
    await reader.readModel(versions[1]).waitFor(await writer.head());
    await setTimeout(20);
    const answers = await reading.stop();
    await allAgree(writer, answers, versions);
    assert.deepEqual([...new Set(answers.map((answer) => answer.version))], [1, 2]);
    await second.stop();
  },

  "the old version goes on being run while the new one is built by another handle": async (lab) => {
    const [old, fresh, random] = [await lab.join(), await lab.join(), lab.random];
    const versions = { 1: tallies({ weight: 2 }), 2: tallies({ version: 2 }) };
    await appendRandom(old, random, 200);
    await using first = await run(old, versions[1]);
    await first.caughtUp();
    const reading = keepReading(old, versions[1]);
    await using second = await run(fresh, versions[2], { batchSizeMax: 10 });
    for (const _ of upTo(10)) await appendRandom(old, random, 20);
    await second.caughtUp();
    await setTimeout(20);
    await allAgree(old, await reading.stop(), versions);
    await appendRandom(old, random, 20);
    assert.equal((await agreesWithAll(fresh, versions[2])).version, 2);
  },

  "a rebuild that was asked for builds anew, and the old read model is dropped": async ({ join, random }) => {
    const steps = { count: 0 };
    const [store, other] = [await join(), await join()];
    await appendRandom(store, random, 100);
    await using runner = await run(store, tallies({ before: () => void steps.count++ }));
    await runner.caughtUp();
    const [before] = await store.readSide.listModels("tallies");
    const stepsOfOne = steps.count;
    const reading = keepReading(other, tallies());
    await other.projections.rebuild("tallies");
    await eventually(async () => {
      const models = await other.readSide.listModels("tallies");
      assert.deepEqual([models.length, models[0]?.state], [1, "active"]);
      assert.ok(models[0]!.generation > before!.generation);
    });
    await allAgree(other, await reading.stop(), { 1: tallies() });
    assert.equal(steps.count, 2 * stepsOfOne);
    await agreesWithAll(store, tallies());
    assert.equal((await store.projections.status("tallies")).rebuild, undefined);
  },

  "a rebuild that is interrupted goes on where it was": async ({ handle, join, random }) => {
    const store = await join();
    const events = 400;
    await appendRandom(store, random, events);
    const first = await run(store, tallies());
    await first.caughtUp();
    await first.stop();
    const steps = { taken: 0, needed: 0 };
    const slow = { batchSizeMax: 10, leaseMs: 150 };
    let [victim, stallAt] = [await handle(), 0];
    const next = tallies({
      version: 2,
      before: () => {
        if (++steps.taken === stallAt) victim.stall();
      },
    });
    const isStalled = (): void => assert.ok(steps.taken >= stallAt, "it goes on");
    for (const _ of upTo(4)) {
      stallAt = steps.taken + 50 + random.integer(60);
      await run(victim.store, next, slow);
      await eventually(isStalled);
      victim = await handle();
    }
    stallAt = Infinity;
    await using runner = await run(store, next, slow);
    await runner.caughtUp();
    const plain = tallies({ version: 2, before: () => void steps.needed++ });
    assert.equal((await agreesWithAll(store, plain)).version, 2);
    // Each of the four lost two batches at most, of which each event may concern three documents.
    assert.ok(steps.taken <= steps.needed + 4 * 2 * 10 * 3, `${steps.taken} steps of ${steps.needed}`);
  },

  "a definition older than what is stored is refused": async ({ join, random }) => {
    const [store, other] = [await join(), await join()];
    await appendRandom(store, random, 20);
    await using runner = await run(store, tallies({ version: 3 }));
    await runner.caughtUp();
    const error = await refuses("PROJECTION_OUTDATED", () => run(other, tallies({ version: 2 })));
    assert.deepEqual([error.details.version, error.details.stored], [2, 3]);
    await agreesWithAll(other, tallies({ version: 3 }));
  },

  "two definitions of one name are refused in one runner, and in two of one handle": async ({ join }) => {
    const store = await join();
    await refuses("DEFINITION_REPEATED", () => store.runProjections([tallies(), tallies({ version: 2 })]));
    await using _runner = await run(store, tallies());
    const error = await refuses("DEFINITION_REPEATED", () => run(store, tallies({ version: 2 })));
    assert.equal(error.details.name, "tallies");
  },

  "a runner that was stopped makes room for the next one of its name": async ({ join, random }) => {
    const store = await join();
    await appendRandom(store, random, 30);
    for (const version of [1, 2, 3]) {
      const model = tallies({ version });
      const runner = await run(store, model);
      await runner.caughtUp();
      assert.equal((await agrees(store, model)).version, version);
      await runner.stop();
    }
    assert.equal((await store.readSide.listModels("tallies")).length, 1);
  },

  "a reset empties what is read, and builds it again": async ({ join, random }) => {
    const [store, other, model] = [await join(), await join(), tallies()];
    await appendRandom(store, random, 100);
    await using runner = await store.runProjections([model], brisk);
    await runner.caughtUp();
    await runner.stop();
    await other.projections.reset("tallies");
    assert.equal((await documentsOf(store, model)).documents.size, 0);
    await using again = await run(store, model);
    await again.caughtUp();
    await agreesWithAll(other, model);
  },

  "a reset while it runs is carried out as well": async ({ join, random }) => {
    const [store, other] = [await join(), await join()];
    const steps = { count: 0 };
    await appendRandom(store, random, 100);
    await using runner = await run(store, tallies({ before: () => void steps.count++ }));
    await runner.caughtUp();
    const stepsOfOne = steps.count;
    await other.projections.reset("tallies");
    await eventually(() => assert.equal(steps.count, 2 * stepsOfOne));
    await agreesWithAll(other, tallies());
  },

  "a reset is seen at once by a runner that has long had nothing to do": async ({ join }) => {
    const [store, other] = [await join(), await join()];
    await store.append({ stream: "s", events: [added(1, "a")] });
    await using runner = await run(store, tallies());
    await runner.caughtUp();
    await eventually(async () => {
      const { state, ratePerSecond } = await other.projections.status("tallies");
      assert.deepEqual([state, ratePerSecond], ["live", 0]);
    });
    const head = await other.head();
    await other.projections.reset("tallies");
    await other.readModel(tallies()).get("a", { waitFor: head, timeoutMs: 5_000 });
  },
};
