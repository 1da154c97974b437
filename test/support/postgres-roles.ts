/**
 * Roles on the PostgreSQL server of a test run, for tests of what a user of few rights may do.
 */
import pg from "pg";
import { runSql } from "./postgres.ts";

/** A role that can log in. */
export interface TestRole {
  readonly name: string;
  readonly password: string;
  /** A URL of the tests, as this role. */
  as(url: string): string;
  /** Drops the role and what it owns. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a role that may not do more than any role may; with `makesSchemas`, it may also make schemas. */
export async function makeRole(name: string, { makesSchemas = false } = {}): Promise<TestRole> {
  const quoted = pg.escapeIdentifier(name);
  const password = "open, sesame/7";
  await runSql(`CREATE ROLE ${quoted} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
  if (makesSchemas) {
    const [database] = await runSql<{ name: string }>("SELECT current_database() AS name");
    await runSql(`GRANT CREATE ON DATABASE ${pg.escapeIdentifier(database!.name)} TO ${quoted}`);
  }
  return {
    name,
    password,
    as: (url) => {
      const named = new URL(url);
      [named.username, named.password] = [encodeURIComponent(name), encodeURIComponent(password)];
      return named.href;
    },
    [Symbol.asyncDispose]: async () => {
      await runSql(`DROP OWNED BY ${quoted} CASCADE; DROP ROLE ${quoted}`);
    },
  };
}
