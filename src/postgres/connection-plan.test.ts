import { expect, test } from "vitest";
import { isHithertoError } from "../core/errors.ts";
import { planConnection } from "./connection-plan.ts";
import type { PostgresStoreOptions } from "./options.ts";

const url = "postgres://ada:s3cret@db.example:5433/bank";

function problemOf(wrongUrl: unknown, options?: unknown): string {
  try {
    planConnection(wrongUrl as string, options as PostgresStoreOptions);
  } catch (error) {
    if (!isHithertoError(error, "ARGUMENT_INVALID")) throw error;
    return `${error.details.argument}: ${error.details.problem}`;
  }
  return "taken";
}

test("names the store by its URL with its schema and without its password", () => {
  expect(planConnection(url).store).toBe("postgres://ada@db.example:5433/bank?schema=hitherto");
  expect(planConnection(`${url}?password=s3cret&schema=shop`).store).toBe(
    "postgres://ada@db.example:5433/bank?schema=shop",
  );
});

test("takes the schema from the URL or the options, and keeps it from the driver", () => {
  expect(planConnection(`${url}?schema=shop`).schema).toBe("shop");
  expect(planConnection(url, { schema: 'we"ird $$ {schema}' }).schema).toBe('we"ird $$ {schema}');
  expect(
    planConnection(`${url}?schema=shop&application_name=x`, { schema: "shop" }).driver.connectionString,
  ).toBe(`${url}?application_name=x`);
});

test("hands TLS options to the driver as they are", () => {
  const tls = { ca: "PEM", servername: "db.internal", ALPNProtocols: ["postgresql"] };
  expect(planConnection(url, { tls }).driver.ssl).toEqual(tls);
  expect(planConnection(url, { tls: true }).driver.ssl).toBe(true);
  expect(planConnection(url).driver).not.toHaveProperty("ssl");
});

test("takes a URL object, and both spellings of the scheme", () => {
  expect(planConnection(new URL("postgresql://localhost/bank")).store).toContain(
    "postgresql://localhost/bank",
  );
});

test.each([
  [undefined, "it must be a URL, not undefined"],
  [7, "it must be a URL, not 7"],
  ["bank", "it is malformed"],
  ["postgres://ada:s3cret@db:port/bank", "it is malformed"],
  ["postgres://ada:s3cret@db:99999/bank", "it is malformed"],
  ["postgres:bank", "it lacks the two slashes"],
  ["mysql://ada:s3cret@db/bank", "it must begin with postgres://"],
  ["postgres://ada:s3cret%@db/bank", "it holds a % that begins no code"],
  ["postgres://ada:s3cret@db/ba%00nk", "%00"],
  ["postgres://ada:s3cret@db/bank?shema=shop", 'it has the unknown parameter "shema": write schema'],
  ["postgres://ada:s3cret@db/bank?sslMode=require", "write sslmode"],
  ["postgres://ada:s3cret@db/bank?connection_limit=5", "by the option connectionsMax"],
  ["postgres://ada:s3cret@db/bank?pgbouncer=true", "leave it out, the store works through PgBouncer"],
  ["postgres://ada:s3cret@db/bank?sslmode=require&channel_binding=require", "write sslmode=verify-full"],
  ["postgres://ada:s3cret@db/bank?search_path=shop", "schema=NAME"],
  ["postgres://ada:s3cret@db/bank?qwertyuiop=1", 'the unknown parameter "qwertyuiop": leave it out'],
  ["postgres://ada:s3cret@db/bank?schema=a&schema=b", 'the parameter "schema" twice'],
  ["postgres://ada:s3cret@db/bank?sslmode=on", "its sslmode must be one of disable"],
  ["postgres://ada:s3cret@db/bank#main", "write it as %23"],
  ["postgres://ada:12?s3cret@db/bank", "write %3F for ? and %40 for @"],
  ["postgres://ada:12?s3cret=1@db/bank", "write %3F for ? and %40 for @"],
])("refuses the URL %j without repeating a password", (wrongUrl, problem) => {
  expect(problemOf(wrongUrl)).toContain(problem);
  expect(problemOf(wrongUrl)).not.toContain("s3cret");
});

test.each<[unknown, string]>([
  [{ schema: "" }, "schema: it is empty"],
  [{ schema: 7 }, "schema: it must be a string, not 7"],
  [{ schema: "ü".repeat(32) }, "schema: it is longer than 63 bytes"],
  [{ schema: "a\0b" }, "schema: it holds U+0000"],
  [{ schema: "\ud800" }, "schema: it holds U+0000 or half of a surrogate pair"],
  [{ schema: "pg_catalog" }, 'schema: "pg_catalog" belongs to PostgreSQL'],
  [{ mode: "append" }, "mode: it must be one of create, write, read"],
  [{ tls: "yes" }, "tls: it must be true, false or options"],
  [{ tls: null }, "tls: it must be true, false or options"],
  [{ connectionsMax: 1 }, "connectionsMax: it must be an integer from 2 to 1000"],
  [{ connectTimeoutMs: 0 }, "connectTimeoutMs: it must be an integer from 1"],
  [{ busyTimeoutMs: Number.NaN }, "busyTimeoutMs: it must be an integer from 0"],
  [{ clock: 5 }, "clock: it must be a function"],
  [null, "options"],
])("refuses the options %j", (options, problem) => {
  expect(problemOf(url, options)).toContain(problem);
});

test("refuses a URL and options that name different schemas", () => {
  expect(problemOf(`${url}?schema=a`, { schema: "b" })).toBe(
    'schema: the URL says "a" and the options say "b"',
  );
});
