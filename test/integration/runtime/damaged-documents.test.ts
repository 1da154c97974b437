/**
 * Documents that are stored, but are not JSON: damage that a store without checksums returns.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { DocumentFold } from "../../../src/runtime/projections/document-fold.ts";
import { engines } from "./engines.ts";
import type { Log } from "./engines.ts";
import { buildModel, orders } from "./stored-model.ts";

async function all(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe.each(engines)("a document that is not JSON, on the $name store,", ({ createLog }) => {
  let log: Log;
  let store: Hitherto;

  beforeEach(async () => {
    log = await createLog();
    store = await log.open();
    const generation = await buildModel(store.readSide, orders);
    const documents = [{ key: "7", json: '{"customer":', indexed: ["placed", "ada", 1], position: 0 }];
    await store.readSide.commit({ models: [{ step: "advance", generation, from: 0, to: 0, documents }] });
  });

  afterEach(() => log[Symbol.asyncDispose]());

  const damage = {
    code: "STORE_DAMAGED",
    details: { problem: 'the document "7" is not JSON; rebuild the read model' },
  };

  test.each([
    ["get", () => store.readModel(orders).get("7")],
    ["getMany", () => store.readModel(orders).getMany(["7"])],
    ["find", () => store.readModel(orders).find()],
    ["findAll", () => all(store.readModel(orders).findAll())],
    ["live", () => all(store.readModel(orders).live())],
  ])("is damage to %s", async (_, read) => {
    await expect(read()).rejects.toMatchObject(damage);
  });

  test("is damage to the projection that goes on with it", async () => {
    await store.append({ stream: "7", events: [{ type: "OrderPaid", data: {} }] });
    const [{ generation } = { generation: 0 }] = await store.readSide.listModels("orders");
    const fold = new DocumentFold(orders).fold(await store.read().toArray(), {
      load: async (keys) => (await store.readSide.getDocuments({ generation }, keys)).documents,
    });
    await expect(fold).rejects.toMatchObject(damage);
  });
});
