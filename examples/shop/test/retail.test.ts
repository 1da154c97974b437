// The import and the report as a user runs them, on the real data where there is any.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openSqliteStore } from "hitherto/sqlite";
import { openMemoryStore } from "hitherto/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCsv } from "../src/csv-reader.ts";
import { importTransactions, surveyTransactions } from "../src/import.ts";
import { foldReport } from "../src/report-command.ts";
import { decodeTransaction, type Transaction } from "../src/transaction.ts";
import { findRetailData, type RetailData } from "./support/retail-data.ts";
import { buildPackage, runShop, startShop } from "./support/shop-process.ts";
import { csvOf, recoverRows, rowsInOrder, writeCsv } from "./support/transactions.ts";

const folder = mkdtempSync(join(tmpdir(), "hitherto-retail-"));
let data: RetailData;
let rows: Transaction[];

beforeAll(async () => {
  buildPackage();
  data = findRetailData(folder);
  rows = [];
  for await (const page of readCsv(data.path, decodeTransaction)) {
    for (const row of page.rows) if (row !== "header") rows.push(row);
  }
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function sizeOf(path: string): number {
  return [path, `${path}-wal`].reduce(
    (sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}

/** Kills the process without warning as soon as the store has grown by so many bytes; false if it ended before. */
async function killAfterGrowth(child: ChildProcess, path: string, bytes: number): Promise<boolean> {
  const before = sizeOf(path);
  while (child.exitCode === null) {
    if (sizeOf(path) - before >= bytes) return child.kill("SIGKILL");
    await sleep(2);
  }
  return false;
}

test("imports everything within 15 seconds, and the report is the expected one to the last digit", async () => {
  const path = join(folder, "whole.db");
  const began = performance.now();
  const imported = runShop(["import", data.path, "--store", path, "--json"]);
  const seconds = (performance.now() - began) / 1_000;
  expect(imported).toMatchObject({ status: 0, stderr: "" });
  expect(JSON.parse(imported.stdout)).toMatchObject({ rows: rows.length, alreadyStored: 0, skippedLines: 0 });
  // Who shares the machine with others waits for them too.
  const crowd = Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
  expect(seconds / crowd).toBeLessThan(15);
  expect(runShop(["report", "--store", path, "--json"]).stdout.trim()).toBe(data.expected);
}, 60_000);

test("every row of the file can be had back from the events", async () => {
  await using store = await openSqliteStore(join(folder, "whole.db"), { mode: "read" });
  const recovered = await recoverRows(store);
  const expected = rowsInOrder(rows);
  expect(recovered.length).toBe(expected.length);
  expect(recovered.findIndex((row, index) => row !== expected[index])).toBe(-1);
}, 60_000);

test("an import that is killed again and again ends as if nothing had happened", async () => {
  const path = join(folder, "killed.db");
  const args = ["import", data.path, "--store", path];
  const whole = sizeOf(join(folder, "whole.db"));
  let interrupted = 0;
  for (const share of [0.001, 0.2, 0.3]) {
    const child = startShop(args);
    const ended = once(child, "exit");
    const isKilled = await killAfterGrowth(child, path, whole * share);
    await ended;
    if (!isKilled) continue;
    await using store = await openSqliteStore(path);
    const { isSound, events } = await store.verify();
    expect(isSound).toBe(true);
    if (events > 0 && events < rows.length) interrupted += 1;
  }
  expect(interrupted).toBeGreaterThan(0);
  const finished = runShop([...args, "--json"]);
  expect(finished.status).toBe(0);
  expect(JSON.parse(finished.stdout)).toMatchObject({ rows: rows.length });
  expect(runShop(["report", "--store", path, "--json"]).stdout.trim()).toBe(data.expected);
}, 120_000);

test("a rebuild that is killed again and again ends as if nothing had happened, and is read meanwhile", async () => {
  const path = join(folder, "whole.db");
  for (const ms of [300, 800, 1_500]) {
    const child = startShop(["rebuild", "--store", path]);
    const ended = once(child, "exit");
    await sleep(ms);
    child.kill("SIGKILL");
    await ended;
    expect(runShop(["report", "--store", path, "--json"]).stdout.trim()).toBe(data.expected);
  }
  expect(runShop(["rebuild", "--store", path])).toMatchObject({ status: 0 });
  expect(runShop(["report", "--store", path, "--json"]).stdout.trim()).toBe(data.expected);
}, 120_000);

test("the report as of a day is that of an import of the earlier rows", async () => {
  const earlier = rows.filter((row) => row.at <= "2011-01-04T12:00:00.000Z");
  expect(earlier.length).toBeGreaterThan(0);
  await using store = openMemoryStore();
  const file = writeCsv(folder, "earlier.csv", csvOf(earlier));
  await importTransactions(store, file, await surveyTransactions(file));
  const expected = (await foldReport(store)).build();
  const { stdout } = runShop([
    "report",
    "--store",
    join(folder, "whole.db"),
    "--as-of",
    "2011-01-04T12:00Z",
    "--json",
  ]);
  expect(JSON.parse(stdout)).toEqual(expected);
}, 60_000);
