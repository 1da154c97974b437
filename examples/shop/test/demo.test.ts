import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { openSqliteStore } from "hitherto/sqlite";
import { beforeAll, expect, test } from "vitest";
import { makeOrders } from "../src/demo-orders.ts";
import { runDemo } from "../src/demo.ts";
import { buildPackage } from "./support/shop-process.ts";
import { tempFolder } from "./support/temp-folder.ts";

async function tell(folder: string): Promise<{ path: string; lines: string[] }> {
  const lines: string[] = [];
  const path = await runDemo((line = "") => lines.push(...stripVTControlCharacters(line).split("\n")), {
    store: join(folder, "shop.db"),
  });
  return { path, lines };
}

test("the demonstration takes less than five seconds and tells what happened", async () => {
  const began = performance.now();
  const { lines, path } = await tell(tempFolder());
  expect(performance.now() - began).toBeLessThan(5_000);
  for (const reason of [
    "order-confirmed",
    "order-not-paid",
    "order-not-shipped",
    "order-delivered",
    "refund-too-high",
    "quantity-not-positive",
  ]) {
    expect(lines.join("\n")).toContain(reason);
  }
  expect(lines.join("\n")).toMatch(/ {2}revision \d {2}OrderCancelled {3}confirmed → cancelled\n/);
  expect(lines).toContain("orders and invoices      24");
  await using store = await openSqliteStore(path, { mode: "read" });
  expect((await store.verify()).isSound).toBe(true);
});

test("the same seed gives the same orders, and every course occurs", () => {
  expect(makeOrders(50, 3)).toEqual(makeOrders(50, 3));
  expect(makeOrders(50, 3)).not.toEqual(makeOrders(50, 4));
  const courses = new Set(makeOrders(6, 1).map(({ course }) => course));
  expect([...courses].sort()).toEqual(["cancelled", "delivered", "draft", "shipped", "unpaid"]);
});

beforeAll(buildPackage, 120_000);

test("the commands that the demonstration recommends do what they say", async () => {
  const { lines } = await tell(tempFolder());
  const commands = lines.filter((line) => line.startsWith("  npx hitherto "));
  expect(commands.length).toBeGreaterThan(1);
  for (const command of commands) {
    const args = command.trim().split(" ").slice(2);
    const { status, stdout } = spawnSync(process.execPath, ["dist/cli/main.js", ...args], {
      encoding: "utf8",
    });
    expect({ command, status }).toEqual({ command, status: 0 });
    expect(stdout).not.toBe("");
  }
});
