// The commands as a user types them: what they print, and what they end with.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { buildPackage, runShop } from "./support/shop-process.ts";
import { tempFolder } from "./support/temp-folder.ts";
import { aTransaction, csvOf, writeCsv } from "./support/transactions.ts";

beforeAll(buildPackage, 120_000);

const good = [
  aTransaction(),
  aTransaction({ invoice: "C536379", quantity: -1, at: "2010-12-02T09:41:00.000Z" }),
  aTransaction({ invoice: "3", at: "2010-12-03T10:00:00.000Z", customer: undefined }),
];

test("import says what is in the store now, and report what it adds up to", () => {
  const folder = tempFolder();
  const store = join(folder, "shop.db");
  const file = writeCsv(folder, "rows.csv", csvOf(good));
  const first = runShop(["import", file, "--store", store]);
  expect(first).toMatchObject({ status: 0, stderr: "" });
  expect(first.stdout).toMatch(/^3 lines of 3 invoices are in the store, as 5 events \(\d+\.\d s\)\./);
  const again = runShop(["import", file, "--store", store, "--json"]);
  expect(JSON.parse(again.stdout)).toEqual({
    source: file,
    rows: 3,
    invoices: 3,
    alreadyStored: 3,
    events: 5,
    skippedLines: 0,
    skippedInvoices: [],
  });
  const report = runShop(["report", "--store", store]);
  expect(report.stdout).toContain("net revenue              28.05\n");
  expect(report.stdout).toContain("2010-12-02  -2.55");
  const past = runShop(["report", "--store", store, "--as-of", "2010-12-02"]);
  expect(past.stdout).toContain("As of 2010-12-02T00:00:00.000Z\n");
  expect(past.stdout).toContain("net revenue              15.30\n");
});

test("orders are listed newest first, a page at a time, and shown one by one", () => {
  const folder = tempFolder();
  const store = join(folder, "shop.db");
  runShop(["import", writeCsv(folder, "rows.csv", csvOf(good)), "--store", store]);
  const all = runShop(["orders", "--customer", "17850.0", "--limit", "1", "--store", store]);
  expect(all.stdout).toContain("2 orders of 17850.0, newest first");
  expect(all.stdout).toMatch(/│ C536379 │ 2010-12-02 09:41 │ credited │/);
  const [, after = ""] = /--after (\S+)/.exec(all.stdout) ?? [];
  const next = runShop(["orders", "--customer", "17850.0", "--after", after, "--store", store, "--json"]);
  expect(JSON.parse(next.stdout)).toMatchObject({ orders: [{ number: "536365", total: "15.30" }], count: 2 });
  expect(runShop(["orders", "--status", "shipped", "--store", store]).stdout).toBe(
    "There is no such order.\n",
  );
  expect(runShop(["order", "3", "--store", store]).stdout).toMatch(/^Order 3\nstatus +confirmed\n/);
  expect(runShop(["order", "4", "--store", store])).toMatchObject({
    status: 1,
    stdout: "",
    stderr: "There is no order 4.\n",
  });
});

test("products are listed by what they bring in, or by pieces", () => {
  const folder = tempFolder();
  const store = join(folder, "shop.db");
  const rows = [...good, aTransaction({ invoice: "4", sku: "POST", quantity: 1, unitPrice: "99.00" })];
  runShop(["import", writeCsv(folder, "rows.csv", csvOf(rows)), "--store", store]);
  const skusBy = (measure: string): string[] => {
    const { stdout } = runShop(["top-products", "--by", measure, "--store", store, "--json"]);
    return (JSON.parse(stdout) as { products: Array<{ sku: string }> }).products.map(({ sku }) => sku);
  };
  expect(skusBy("revenue")).toEqual(["POST", "85123A"]);
  expect(skusBy("pieces")).toEqual(["85123A", "POST"]);
});

test("a rebuild says what it has built, and the report stays the same", () => {
  const folder = tempFolder();
  const store = join(folder, "shop.db");
  runShop(["import", writeCsv(folder, "rows.csv", csvOf(good)), "--store", store]);
  const before = runShop(["report", "--store", store, "--json"]).stdout;
  const rebuilt = runShop(["rebuild", "--store", store]);
  expect(rebuilt).toMatchObject({ status: 0, stderr: "" });
  expect(rebuilt.stdout).toMatch(/^Built anew in \d+\.\d s:\norders +3 documents, up to position 5\n/);
  expect(runShop(["report", "--store", store, "--json"]).stdout).toBe(before);
});

test("invalid lines stop an import before anything is stored, each with its line number", () => {
  const folder = tempFolder();
  const store = join(folder, "shop.db");
  const text = `${csvOf(good)}4,X,,one,2010-12-01 08:26:00,1.00,,France\n5,X\n`;
  const file = writeCsv(folder, "rows.csv", text);
  const { status, stdout, stderr } = runShop(["import", file, "--store", store]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain(`${file}:5: Quantity is "one", not a whole number`);
  expect(stderr).toContain(`${file}:6: it has 2 fields instead of 8`);
  expect(stderr).toContain(`Line 5 of ${file} is not valid`);
  expect(stderr).toContain("[LINE_INVALID]");
  expect(existsSync(store)).toBe(false);
});

test("--skip-invalid leaves invalid lines out with their invoices, and counts them", () => {
  const folder = tempFolder();
  const store = join(folder, "shop.db");
  const text = `${csvOf(good)}536365,X,,one,2010-12-01 08:26:00,1.00,,France\n5,X\n`;
  const file = writeCsv(folder, "rows.csv", text);
  const { status, stdout } = runShop(["import", file, "--store", store, "--skip-invalid", "--json"]);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    rows: 2,
    invoices: 2,
    skippedLines: 2,
    skippedInvoices: ["536365", "5"],
  });
});

test.each([
  ["an unknown command", ["sell"], 2, "unknown command"],
  ["a store left out", ["report"], 2, "--store"],
  ["a moment that is none", ["report", "--store", "shop.db", "--as-of", "2011-02-30"], 1, "ARGUMENT_INVALID"],
  ["a store that is not there", ["report", "--store", "/nowhere/shop.db"], 1, "STORE_NOT_FOUND"],
  ["orders of a store that is not there", ["orders", "--store", "/nowhere/shop.db"], 1, "STORE_NOT_FOUND"],
  ["an unknown status", ["orders", "--store", "shop.db", "--status", "lost"], 2, "Allowed choices"],
  ["an unknown read model", ["rebuild", "stock", "--store", "shop.db"], 2, "Allowed choices"],
  ["a file that is not there", ["import", "/nowhere.csv", "--store", "shop.db"], 1, "FILE_UNREADABLE"],
  ["a sample of no days", ["report", "--store", "shop.db", "--sample-every", "0"], 2, "whole number"],
])("%s ends in a clear error", (_, args, status, text) => {
  const run = runShop(args);
  expect(run.status).toBe(status);
  expect(run.stderr).toContain(text);
  expect(run.stderr).not.toContain("    at ");
});

test("--help of every command has an example", () => {
  expect(runShop(["--help"])).toMatchObject({ status: 0, stderr: "" });
  for (const command of ["import", "report", "orders", "order", "top-products", "rebuild"]) {
    const { status, stdout } = runShop([command, "--help"]);
    expect(status).toBe(0);
    expect(stdout).toContain("Example:\n  $ npm run shop -- ");
  }
});
