/**
 * What the runtime reads: a loop of it must let the event loop turn, as the store's own reads do.
 */
import { test } from "vitest";
import { decisionModel } from "../../../src/core/decision-model.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { expectTurns } from "../../../src/testing/conformance/event-loop.ts";
import { failureOf, listOf } from "../../../src/testing/conformance/helpers.ts";
import { anAccount, engines } from "./engines.ts";
import { anOrder, buildModel, orders } from "./stored-model.ts";

const { account } = anAccount();
const deposits = decisionModel({
  initial: () => 0,
  evolve: { Deposited: (count: number) => count + 1 },
});

const reads: Readonly<Record<string, (store: Hitherto) => Promise<unknown>>> = {
  load: (store) => store.load(account, "1"),
  "load, of nothing": (store) => store.load(account, "new"),
  "load, fresh": (store) => store.load(account, "1", { fresh: true }),
  loadModel: (store) => store.loadModel(deposits),
  "execute, deciding that nothing happens": (store) => store.execute(account, "1", "audit", undefined),
  "execute, refused": (store) => store.execute(account, "1", "withdraw", { amount: 1_000 }),
  history: (store) => listOf(store.history(account, "1")),
  bisect: (store) => store.bisect(account, "1", () => true),
  get: (store) => store.readModel(orders).get("1"),
  getMany: (store) => store.readModel(orders).getMany(["1", "2"]),
  find: (store) => store.readModel(orders).find({ where: { status: "placed" } }),
  count: (store) => store.readModel(orders).count(),
  waitFor: (store) => store.readModel(orders).waitFor(1),
  "get, live": (store) => store.readModel(orders, { mode: "live" }).get("1"),
  "projections.list": (store) => store.projections.list(),
  "projections.status": (store) => store.projections.status("orders"),
  "consumers.list": (store) => store.consumers.list(),
  "consumers.status, of none": (store) => failureOf(() => store.consumers.status("none")),
  "parked.count": (store) => store.parked.count(),
  "parked.list": (store) => listOf(store.parked.list()),
};

test.for(engines.flatMap((engine) => Object.keys(reads).map((name) => ({ engine, name }))))(
  "a loop of $name on the $engine.name store lets the event loop turn",
  async ({ engine, name }) => {
    await using log = await engine.createLog();
    const store = await log.open();
    await store.execute(account, "1", "deposit", { amount: 1 });
    await buildModel(store.readSide, orders, { position: 1, documents: { "1": anOrder() } });
    await expectTurns(() => reads[name]!(store));
    await store.close();
  },
);
