/**
 * Once an append has been acknowledged, a decision is stored. Nothing that fails afterwards may look as if it were not.
 */
import { describe, expect, test } from "vitest";
import { decisionModel } from "../../../src/core/decision-model.ts";
import { HithertoError } from "../../../src/core/errors.ts";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import type { Diagnostic } from "../../../src/store/diagnostic.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { anAccount, engines } from "./engines.ts";

const damage = new HithertoError("STORE_DAMAGED", { store: "test", problem: "a bit was flipped" });

/** Reads of this store fail from its first append on, until it is repaired. */
function failingAfterAppend(store: EventStore): { readonly store: EventStore; repair(): void } {
  let isBroken = false;
  let isRepaired = false;
  const proxy = new Proxy(store, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if ((key === "read" || key === "readStream") && isBroken && !isRepaired) {
        return () => ({ toArray: () => Promise.reject(damage), pages: failingPages });
      }
      if (key !== "append") return value.bind(target) as unknown;
      return async (...given: Parameters<EventStore["append"]>) => {
        const result = await target.append(...given);
        isBroken = true;
        return result;
      };
    },
  });
  return { store: proxy, repair: () => (isRepaired = true) };
}

// oxlint-disable-next-line eslint/require-yield -- it fails before its first page
async function* failingPages(): AsyncGenerator<never> {
  throw await Promise.resolve(damage);
}

const { account } = anAccount();
const total = decisionModel({
  initial: () => 0,
  evolve: { Deposited: (sum, data: { amount: number }) => sum + data.amount },
});

const decisions: ReadonlyArray<readonly [string, (store: Hitherto, key?: string) => Promise<unknown>]> = [
  [
    "execute",
    (store, idempotencyKey) => store.execute(account, "1", "deposit", { amount: 5 }, { idempotencyKey }),
  ],
  [
    "decide",
    (store, idempotencyKey) =>
      store.decide(total, () => ({ type: "Deposited", data: { amount: 5 } }), {
        stream: "account-1",
        idempotencyKey,
      }),
  ],
];

describe.each(engines)("on the $name store", ({ createLog }) => {
  test.each(decisions)("%s returns what it has stored when that cannot be read back", async (name, run) => {
    for (const key of [undefined, "k"]) {
      await using log = await createLog();
      const broken = failingAfterAppend(await log.open());
      const told: Diagnostic[] = [];
      const store = createHitherto(broken.store, { onError: (diagnostic) => told.push(diagnostic) });
      const state = name === "execute" ? { balance: 5, transactions: 1 } : 5;
      const event = { type: "Deposited", data: { amount: 5 }, stream: "account-1", revision: 0, position: 1 };
      const result = { accepted: true, revision: 0, position: 1, state, isDuplicate: false };
      expect(await run(store, key)).toMatchObject({ ...result, events: [event] });
      expect(told).toMatchObject([{ operation: "decision", error: damage }]);

      broken.repair();
      if (key !== undefined) expect(await run(store, key)).toMatchObject({ ...result, isDuplicate: true });
      expect(await store.head()).toBe(1);
      expect(await store.load(account, "1")).toMatchObject({ state: { balance: 5 }, revision: 0 });
    }
  });

  test("execute succeeds though the clock fails once the events are stored", async () => {
    await using log = await createLog();
    let calls = 0;
    const clock = (): Date => new Date((calls += 1) > 1 ? Number.NaN : 0);
    const bare = await log.open();
    const store = createHitherto(bare, { clock, snapshots: { maxAgeMs: 1 }, onError: () => undefined });
    const result = await store.execute(account, "1", "deposit", { amount: 5 }, { snapshot: "now" });
    expect(result).toMatchObject({ accepted: true, revision: 0, state: { balance: 5 } });
  });
});
