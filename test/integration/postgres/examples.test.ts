/**
 * The examples as they are, with another URL.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { open } from "hitherto";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { tellStory } from "../../../examples/bank/src/story.ts";
import { madeUpData } from "../../../examples/shop/test/support/retail-data.ts";
import { buildPackage, runShop, startShop } from "../../../examples/shop/test/support/shop-process.ts";
import { root } from "../../../scripts/lib/workspace.ts";
import { freshSchema, runSql } from "../../support/postgres.ts";

beforeAll(buildPackage, 120_000);

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-examples-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("the bank tells on a server the story that it tells in memory", async () => {
  await using schema = freshSchema();
  await using memory = await open("memory:");
  const lines: string[] = [];
  await tellStory(memory, (line) => lines.push(line));
  const bank = join(root, "examples/bank/src/main.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [bank, schema.url], { encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toBe(`${lines.join("\n")}\n`);
  expect(await runSql(`SELECT count(*)::int AS events FROM ${schema.name}.events`)).toEqual([{ events: 6 }]);
});

test("the shop's demonstration takes on a server the orders that it takes in a file", async () => {
  await using schema = freshSchema();
  const [onServer, inFile] = [schema.url, join(tempFolder(), "shop.db")].map((store) => {
    const { status, stdout, stderr } = runShop(["demo", "--store", store]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    // The rest depends on who came first.
    return /^net revenue[\s\S]*?^days .*$/m.exec(stdout)?.[0];
  });
  expect(onServer).toMatch(/^orders and invoices +24$/m);
  expect(onServer).toBe(inFile);
});

test("the shop's import is killed, run again, and reported to the last digit; read models are listed and rebuilt", async () => {
  await using schema = freshSchema();
  const data = madeUpData(tempFolder(), 700);
  const shop = (...args: string[]): string => {
    const { status, stdout, stderr } = runShop([...args, "--store", schema.url]);
    expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: "" });
    return stdout;
  };
  await killAfterAppends(["import", data.path, "--store", schema.url], schema.name);
  const { rows, invoices, alreadyStored, events } = JSON.parse(
    shop("import", data.path, "--json"),
  ) as Imported;
  expect(alreadyStored).toBeGreaterThan(0);

  const report = shop("report", "--json").trim();
  expect(report).toBe(data.expected);
  expect(JSON.parse(report)).toMatchObject({ rows, invoices });
  expect(JSON.parse(shop("orders", "--limit", "3", "--json"))).toMatchObject({ count: invoices });
  const [best] = (JSON.parse(shop("top-products", "--limit", "1", "--json")) as { products: unknown[] })
    .products;
  expect(best).toMatchObject({ sku: expect.any(String) as unknown });
  expect(shop("rebuild", "products", "sales")).toMatch(/^products +[\d,]+ documents, up to position/m);
  expect(shop("report", "--json").trim()).toBe(data.expected);
  await using store = await open(schema.url, { mode: "read" });
  expect(await store.verify()).toMatchObject({ isSound: true, events });
}, 120_000);

interface Imported {
  readonly rows: number;
  readonly invoices: number;
  readonly alreadyStored: number;
  readonly events: number;
}

/** Starts the shop, and kills it without warning when it has stored something and not yet begun with its read models. */
async function killAfterAppends(args: readonly string[], schema: string): Promise<void> {
  const child = startShop(args);
  const ended = once(child, "exit");
  const [meta, events] = [`to_regclass('${schema}.meta')`, `to_regclass('${schema}.events')`];
  while (child.exitCode === null) {
    const [made] = await runSql<{ isMade: boolean }>(
      `SELECT ${meta} IS NOT NULL AND ${events} IS NOT NULL AS "isMade"`,
    );
    if (made!.isMade && (await runSql(`SELECT FROM ${schema}.events LIMIT 1`)).length > 0) break;
    await delay(2);
  }
  child.kill("SIGKILL");
  await ended;
}
