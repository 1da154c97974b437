import assert from "node:assert/strict";
import { HithertoError } from "../../../core/errors.ts";
import type { StoredEvent } from "../../../core/event.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import { refuses, upTo } from "../helpers.ts";
import { losingSight } from "../work/odd-stores.ts";
import { begun, eventually } from "../work/work-kit.ts";
import type { WorkLab, WorkTopic } from "../work/work-kit.ts";
import { added, appendRandom, brisk } from "./tallies.ts";
import type { Added } from "./tallies.ts";
import { rowsAgree, totals } from "./totals.ts";

async function runTotals(store: Hitherto, projection = totals()) {
  return store.runProjections([projection], { ...brisk, batchSizeMax: 25 });
}

/** Projections by SQL, where the engine runs it. */
const supported: WorkTopic = {
  "rows are the fold of the log, and the effect is one with the position": async ({ join, random }) => {
    const [store, writer] = [await join(), await join()];
    await appendRandom(writer, random, 150);
    await using _runner = await runTotals(store);
    for (const _ of upTo(10)) {
      const [position] = await Promise.all([appendRandom(writer, random, 20), rowsAgree(store, 1)]);
      await rowsAgree(store, position);
    }
  },

  "a handler that throws now and then leaves no effect behind": async ({ join, random }) => {
    const store = await join();
    const after = (): void => {
      if (random.once(30)) throw new Error("now and then");
    };
    const head = await appendRandom(store, random, 150);
    const retry = { max: 1_000, delayMs: 1, delayMsMax: 1, jitter: 0 };
    await using _runner = await store.runProjections([totals({ after })], { retry, batchSizeMax: 20 });
    await rowsAgree(store, head);
  },

  "an event that fails while the store is in trouble is tried again": async ({ join, random }) => {
    const trouble = { left: 0 };
    const store = await join({ around: (inner) => losingSight(inner, trouble) });
    let hasFailed = false;
    const after = (): void => {
      if (hasFailed) return;
      hasFailed = true;
      trouble.left = 3;
      throw new Error("not now");
    };
    const head = await appendRandom(store, random, 20);
    await using _runner = await runTotals(store, totals({ after }));
    await rowsAgree(store, head);
    assert.equal(trouble.left, 0);
  },

  "with `park`, the event that fails is parked alone, and has no effect": async ({ join }) => {
    const store = await join();
    const fault = { isMended: false };
    const after = ({ data }: StoredEvent): void => {
      if ((data as Added).n === 13 && !fault.isMended) throw new Error("thirteen!");
    };
    await store.append({ stream: "s", events: [added(1, "a"), added(13, "a"), added(2, "a")] });
    const options = { ...brisk, onError: "park" } as const;
    await using runner = await store.runProjections([totals({ after })], options);
    await runner.caughtUp();
    const total = async (): Promise<unknown> =>
      (await store.query("SELECT total FROM {totals}")).rows[0]?.["total"];
    assert.equal(await total(), 3);
    const owner = { kind: "projection", name: "totals" } as const;
    assert.equal(await store.parked.count(owner), 1);
    fault.isMended = true;
    await store.parked.replay(owner);
    await eventually(async () => assert.equal(await total(), 16));
    assert.equal(await store.parked.count(owner), 0);
  },

  "with `park`, an event that fails with the error of another store is parked too": async ({ join }) => {
    const store = await join();
    const after = ({ data }: StoredEvent): void => {
      if ((data as Added).n !== 13) return;
      throw new HithertoError("STORE_UNREACHABLE", { store: "another", problem: "it is not there" });
    };
    await store.append({ stream: "s", events: [added(1, "a"), added(13, "a"), added(2, "a")] });
    const options = { ...brisk, onError: "park" } as const;
    await using runner = await store.runProjections([totals({ after })], options);
    await runner.caughtUp();
    assert.equal(await store.parked.count({ kind: "projection", name: "totals" }), 1);
    assert.equal((await store.query("SELECT total FROM {totals}")).rows[0]?.["total"], 3);
  },

  "inline, the rows are there with the append, and a failure refuses it": async ({ join }) => {
    const after = ({ data }: StoredEvent): void => {
      if ((data as Added).n === 13) throw new Error("thirteen!");
    };
    const store = await join({ inline: [totals({ after })] });
    for (const n of upTo(5)) {
      const { position } = await store.append({ stream: `s-${n}`, events: [added(n, "a", "b")] });
      assert.ok((await rowsAgree(store, 0)) >= position);
    }
    await refuses("PROJECTION_FAILED", () => store.append({ stream: "s", events: [added(13, "a")] }));
    assert.equal(await rowsAgree(store, 0), await store.head());
    assert.equal(await store.head(), 5);
  },

  "an owner that is overtaken has no effect": async ({ handle, join, random }) => {
    const [frozen, store] = [await handle(), await join()];
    const first = await runTotals(frozen.store);
    await first.caughtUp();
    await using _second = await runTotals(store);
    for (const _ of upTo(3)) {
      const appending = begun(appendRandom(store, random, 60));
      frozen.stall();
      await rowsAgree(store, await appending);
      frozen.wake();
      await rowsAgree(store, await appendRandom(store, random, 60));
    }
  },

  "a new version is built beside the old one, with tables of its own": async ({ join, random }) => {
    const store = await join();
    const head = await appendRandom(store, random, 100);
    const first = await runTotals(store);
    await rowsAgree(store, head);
    await first.stop();
    const second = await runTotals(store, totals({ version: 2 }));
    const version = async (): Promise<unknown> =>
      (await store.query("SELECT 1", [], { model: "totals" })).version;
    await eventually(async () => {
      await rowsAgree(store, head);
      assert.equal(await version(), 2);
    });
    await rowsAgree(store, await appendRandom(store, random, 20));
    await second.stop();
  },

  "a statement that fails, or would write, is an error": async ({ join }) => {
    const store = await join();
    await using runner = await runTotals(store);
    await runner.caughtUp();
    for (const sql of [
      "SELECT nothing FROM {totals}",
      "DELETE FROM {totals}",
      "SELECT * FROM {unknown}",
      "no sql",
    ]) {
      await refuses("SQL_FAILED", () => store.query(sql));
    }
    await rowsAgree(store, 0);
  },
};

const unsupported: WorkTopic = {
  "an engine without SQL says so": async ({ join }) => {
    const store = await join();
    await refuses("SQL_UNSUPPORTED", () => store.runProjections([totals()]));
    await refuses("SQL_UNSUPPORTED", () => store.query("SELECT 1"));
  },
};

/** Whether the engine runs SQL shows only once a store is open: each test looks, and those that do not fit end. */
export const sqlTests: WorkTopic = Object.fromEntries([
  ...Object.entries(supported).map(([name, body]) => [name, onlyIf(true, body)] as const),
  ...Object.entries(unsupported).map(([name, body]) => [name, onlyIf(false, body)] as const),
]);

function onlyIf(
  supportsSql: boolean,
  body: (lab: WorkLab) => Promise<void>,
): (lab: WorkLab) => Promise<void> {
  return async (lab) => {
    if (lab.store.readSide.supportsSql === supportsSql) await body(lab);
  };
}
