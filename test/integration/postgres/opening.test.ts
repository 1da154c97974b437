/**
 * Opening a store by its URL: what is made, and what each thing that can be wrong is called.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { open } from "hitherto";
import { openPostgresStore } from "hitherto/postgres";
import type { EventStore } from "hitherto/store";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

const event = { type: "Noted", data: { text: "hello" }, tags: ["note:1"] };

let schema: TestSchema;
beforeEach(() => {
  schema = freshSchema();
});
afterEach(() => schema[Symbol.asyncDispose]());

/** The URL of the server with other parts. */
function changed(change: (url: URL) => void): string {
  const url = new URL(schema.url);
  change(url);
  return url.href;
}

async function schemaExists(): Promise<boolean> {
  return (await runSql("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema.name])).length > 0;
}

/** Uses each part of a store once. */
async function useAll(store: EventStore): Promise<void> {
  await store.append({ stream: "note-1", events: [event] });
  await store.append(
    { stream: "note-2", events: [event], expect: "none" },
    { condition: { failIfMatch: [{ tags: ["note:2"] }] } },
  );
  expect(await store.head()).toBe(2);
  expect(await store.read({ tags: ["note:1"] }).toArray()).toHaveLength(2);
  expect((await store.verify()).problems).toEqual([]);
}

test.each(["postgres:", "postgresql:", "POSTGRES:"])("opens the same store by %s", async (scheme) => {
  const url = schema.url.replace(/^postgres:/, scheme);
  await using store = await open(url);
  await store.append({ stream: "note-1", events: [event] });
  await using again = await open(new URL(schema.url));
  expect(await again.head()).toBe(1);
});

test("names the store without its password", async () => {
  await using store = await openPostgresStore(schema.url);
  expect(store.url).toContain(`schema=${schema.name}`);
  expect(new URL(store.url)).toMatchObject({ username: new URL(schema.url).username, password: "" });
});

test("makes one store when many open it at once", async () => {
  const stores = await Promise.all(Array.from({ length: 8 }, () => openPostgresStore(schema.url)));
  await Promise.all(stores.map((store, n) => store.append({ stream: `note-${n}`, events: [event] })));
  expect(await stores[0]!.head()).toBe(8);
  await Promise.all(stores.map((store) => store.close()));
});

describe("a schema", () => {
  test.each([
    'we"ird',
    "it's",
    "a$$b",
    "a$body$b",
    "{schema}",
    "back\\slash",
    "%s %I $1 ?",
    "-- comment /*",
    "Ünï 😀",
    "x".repeat(63),
    "select",
    'a";DROP SCHEMA public;--',
  ])("may be called %s", async (name) => {
    await using named = freshSchema(name);
    await using store = await openPostgresStore(postgresUrl(), { schema: named.name });
    await useAll(store);
    await using again = await openPostgresStore(named.url, { mode: "write" });
    expect(await again.head()).toBe(2);
    const tables = await runSql("SELECT 1 FROM pg_tables WHERE schemaname = $1", [name]);
    expect(tables.length).toBeGreaterThan(0);
  });

  test.each([
    ["", "it is empty"],
    ["y".repeat(64), "longer than 63 bytes"],
    ["pg_toast", "belongs to PostgreSQL"],
  ])("may not be called %j", async (name, problem) => {
    await expect(open(postgresUrl(), { schema: name })).rejects.toMatchObject({
      code: "ARGUMENT_INVALID",
      message: expect.stringContaining(problem) as unknown,
    });
  });

  test("that holds something else is left alone with STORE_NOT_A_STORE", async () => {
    await runSql(`CREATE SCHEMA ${schema.name}; CREATE TABLE ${schema.name}.events (id int)`);
    await expect(open(schema.url)).rejects.toMatchObject({ code: "STORE_NOT_A_STORE" });
    const tables = await runSql("SELECT tablename FROM pg_tables WHERE schemaname = $1", [schema.name]);
    expect(tables).toEqual([{ tablename: "events" }]);
  });

  test("of a newer format is refused with STORE_FORMAT_NEWER", async () => {
    await (await openPostgresStore(schema.url)).close();
    await runSql(`UPDATE ${schema.name}.meta SET format = 99`);
    await expect(open(schema.url)).rejects.toMatchObject({
      code: "STORE_FORMAT_NEWER",
      details: { format: 99 },
    });
  });

  test.each(["read", "write"] as const)("without a store is left so by mode %s", async (mode) => {
    await expect(open(schema.url, { mode })).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
    expect(await schemaExists()).toBe(false);
  });

  test("that is opened for reading refuses writes with STORE_READ_ONLY", async () => {
    await (await openPostgresStore(schema.url)).close();
    await using store = await open(schema.url, { mode: "read" });
    await expect(store.append({ stream: "note-1", events: [event] })).rejects.toMatchObject({
      code: "STORE_READ_ONLY",
    });
    expect(await store.read().toArray()).toEqual([]);
  });
});

describe("a server", () => {
  test.each<[string, (url: URL) => void, string]>([
    ["a port where nobody listens", (url) => void (url.port = "1"), "ECONNREFUSED"],
    [
      "a host that nobody knows",
      (url) => void (url.hostname = "no-such-host.invalid"),
      "no-such-host.invalid",
    ],
    ["TLS where there is none", (url) => url.searchParams.set("sslmode", "verify-full"), "SSL"],
  ])("is not reached by %s: STORE_UNREACHABLE", async (_, change, problem) => {
    await expect(open(changed(change))).rejects.toMatchObject({
      code: "STORE_UNREACHABLE",
      message: expect.stringContaining(problem) as unknown,
      isRetryable: true,
    });
  });

  test.each<[string, (url: URL) => void]>([
    ["a wrong password", (url) => void (url.password = "wrong-s3cret")],
    ["no password", (url) => void (url.password = "")],
    ["an unknown user", (url) => void (url.username = "nobody_here")],
  ])("refuses %s with STORE_LOGIN_REFUSED, which does not repeat it", async (_, change) => {
    const error: unknown = await open(changed(change)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "STORE_LOGIN_REFUSED", actor: "operator" });
    expect(JSON.stringify(error) + String(error)).not.toContain("s3cret");
  });

  test("without the database answers STORE_NOT_FOUND", async () => {
    await expect(open(changed((url) => void (url.pathname = "/no_such_database")))).rejects.toMatchObject({
      code: "STORE_NOT_FOUND",
      message: expect.stringContaining('"no_such_database"') as unknown,
    });
  });

  test("with a database that is not UTF-8 answers STORE_SERVER_UNSUPPORTED and is left alone", async () => {
    const name = `latin_${schema.name}`;
    await runSql(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`);
    onTestFinished(async () => void (await runSql(`DROP DATABASE ${name}`)));
    const url = changed((parts) => void (parts.pathname = `/${name}`));
    await expect(open(url)).rejects.toMatchObject({
      code: "STORE_SERVER_UNSUPPORTED",
      message: expect.stringContaining("LATIN1") as unknown,
    });
    const made = await runSql("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema.name], url);
    expect(made).toEqual([]);
  });

  test("whose user may not make a schema answers STORE_RIGHTS_MISSING", async () => {
    const role = `guest_${schema.name}`;
    await runSql(`CREATE ROLE ${role} LOGIN PASSWORD 'guest'`);
    onTestFinished(async () => void (await runSql(`DROP ROLE ${role}`)));
    const url = changed((parts) => {
      parts.username = role;
      parts.password = "guest";
    });
    await expect(open(url)).rejects.toMatchObject({
      code: "STORE_RIGHTS_MISSING",
      message: expect.stringContaining("permission denied") as unknown,
    });
    expect(await schemaExists()).toBe(false);
  });
});

test.each(["postgres:bank", "postgres://ada@db:port/bank", "postgres://ada:50%@db/bank"])(
  "refuses the malformed URL %s with ARGUMENT_INVALID",
  async (url) => {
    await expect(open(url)).rejects.toMatchObject({ code: "ARGUMENT_INVALID", details: { argument: "url" } });
  },
);

test("says which package to install where the driver is missing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-no-driver-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const root = dirname(fileURLToPath(import.meta.resolve("../../../package.json")));
  cpSync(join(root, "src"), join(folder, "src"), { recursive: true });
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  const program = `
    import { open } from "./src/index.ts";
    const error = await open("postgres://ada:s3cret@localhost/bank").catch((thrown) => thrown);
    console.log(JSON.stringify(error));
    await (await open("memory:")).close();`;
  writeFileSync(join(folder, "program.ts"), program);
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "program.ts")]);
  expect(JSON.parse(stdout)).toMatchObject({
    code: "STORE_DRIVER_MISSING",
    details: { driver: "pg", install: "npm install pg" },
    message: expect.not.stringContaining("s3cret") as unknown,
  });
});

test("a backup is refused with the command that makes one", async () => {
  await using store = await open(schema.url);
  const refused = { code: "BACKUP_UNSUPPORTED", details: { store: store.url } };
  await expect(store.backup("bank.db")).rejects.toMatchObject(refused);
  await expect(store.backup("bank.db")).rejects.toThrow(`--schema='"${schema.name}"'`);
});
