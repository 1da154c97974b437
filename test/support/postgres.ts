/**
 * The PostgreSQL server of a test run (`postgres-setup.ts`), and a schema of its own for each test in it.
 */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import { readModelsSchema } from "../../src/postgres/identifiers.ts";

/** A superuser's URL of the database that the tests use; throws what is missing when there is no server. */
export function postgresUrl(): string {
  const server = inject("postgres");
  if ("problem" in server) throw new Error(server.problem);
  return server.url;
}

/** A schema that nobody uses yet; it is not made, which is the store's work. */
export interface TestSchema {
  readonly name: string;
  /** The schema of the read models of a store in that schema. */
  readonly readModels: string;
  /** The URL of a store in that schema: the one of {@link postgresUrl} with `schema=`. */
  readonly url: string;
  /** Drops the schema, that of its read models, and what is in them. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Names a schema.
 *
 * @example
 * await using schema = freshSchema();
 * const store = await openPostgresStore(schema.url);
 */
export function freshSchema(name = `test_${randomBytes(8).toString("hex")}`): TestSchema {
  const readModels = readModelsSchema(name);
  return {
    name,
    readModels,
    url: inSchema(postgresUrl(), name),
    [Symbol.asyncDispose]: () => dropSchema(name),
  };
}

/** Drops the schema that the URL of a store names. */
export async function dropSchemaOf(url: string): Promise<void> {
  await dropSchema(new URL(url).searchParams.get("schema") ?? "hitherto");
}

/** Runs SQL as the superuser, on a connection of its own; rows as objects. */
export async function runSql<Row extends object = Record<string, unknown>>(
  sql: string,
  values: readonly unknown[] = [],
  url: string = postgresUrl(),
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

async function dropSchema(name: string): Promise<void> {
  const schemas = [name, readModelsSchema(name)].map((one) => pg.escapeIdentifier(one));
  await runSql(`DROP SCHEMA IF EXISTS ${schemas.join(", ")} CASCADE`);
}

function inSchema(url: string, schema: string): string {
  const full = new URL(url);
  full.searchParams.set("schema", schema);
  return full.href;
}
