/**
 * `hitherto migrate`, as a process of its own.
 */
import { expect, test } from "vitest";
import { freshSchema, runSql } from "../../support/postgres.ts";
import { hitherto } from "../cli/hitherto-process.ts";

test("prints the SQL and makes nothing, makes the store, and then has nothing to do", async () => {
  await using schema = freshSchema();
  const migrate = (...args: string[]): ReturnType<typeof hitherto> =>
    hitherto(["migrate", "--store", schema.url, ...args]);

  const plan = await migrate("--dry-run");
  expect(plan).toMatchObject({ exitCode: 0, err: "" });
  expect(plan.out).toMatch(/^BEGIN;\nSET LOCAL search_path = pg_catalog, pg_temp;/);
  expect(await runSql("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema.name])).toEqual([]);

  const made = await migrate();
  expect(made.out).toBe(`Made ${withoutPassword(schema.url)}: format 2.\n`);
  expect((await hitherto(["stats", "--store", schema.url])).out).toContain("format 2");

  expect(await migrate("--dry-run")).toMatchObject({
    exitCode: 0,
    out: "",
    err: "Nothing to do: the store has format 2.\n",
  });
  const again = await migrate("--json");
  expect(JSON.parse(again.out)).toEqual({
    store: withoutPassword(schema.url),
    fromFormat: 2,
    toFormat: 2,
  });
});

test("gives a role its rights, and refuses one that nobody knows", async () => {
  await using schema = freshSchema();
  const role = `app_${schema.name}`;
  await runSql(`CREATE ROLE ${role}`);
  const granted = await hitherto(["migrate", "--grant", role, "--store", schema.url]);
  expect(granted.exitCode).toBe(0);
  const [rights] = await runSql(
    `SELECT has_schema_privilege($1, '${schema.name}_read_models', 'CREATE') AS models,
       has_table_privilege($1, '${schema.name}.events', 'INSERT, UPDATE, DELETE') AS rewrite`,
    [role],
  );
  expect(rights).toEqual({ models: true, rewrite: false });
  await runSql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  const refused = await hitherto(["migrate", "--grant", role, "--store", schema.url]);
  expect(refused).toMatchObject({ exitCode: 2, err: expect.stringContaining(role) as unknown });
});

test("is refused for a store in a file", async () => {
  const { exitCode, err } = await hitherto(["migrate", "--store", "shop.db"]);
  expect(exitCode).toBe(2);
  expect(err).toContain("Migrate is for stores on PostgreSQL");
});

function withoutPassword(url: string): string {
  const named = new URL(url);
  named.password = "";
  return named.href;
}
