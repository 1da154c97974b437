import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";

test("the tests run on PostgreSQL 14 or later that syncs to disk, in a database in UTF-8", async () => {
  const [server] = await runSql<{ version: number; fsync: string; encoding: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('fsync') AS fsync,
       pg_encoding_to_char(encoding) AS encoding FROM pg_database WHERE datname = current_database()`,
  );
  expect(server).toMatchObject({ fsync: "on", encoding: "UTF8" });
  expect(server?.version).toBeGreaterThanOrEqual(140_000);
});

test("a schema of a test is dropped with what is in it", async () => {
  const schema = freshSchema();
  await runSql(`CREATE SCHEMA ${schema.name}; CREATE TABLE ${schema.name}.t (n int)`);
  await schema[Symbol.asyncDispose]();
  const left = await runSql("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema.name]);
  expect(left).toEqual([]);
  expect(schema.url.startsWith(postgresUrl())).toBe(true);
});

test("a process that has started a server ends with its own exit code", () => {
  const support = new URL("../../support/postgres-server.ts", import.meta.url).href;
  const program = `
    const { startPostgres } = await import(${JSON.stringify(support)});
    const server = await startPostgres();
    await server.stop();
    process.exitCode = 3;`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--no-warnings", "--input-type=module", "--eval", program],
    {
      encoding: "utf8",
    },
  );
  expect({ status, stderr }).toEqual({ status: 3, stderr: "" });
});
