/**
 * The kits of the store through a proxy that lends connections for one transaction: nothing may rely on a session.
 */
import { openPostgresStore } from "hitherto/postgres";
import { readSideConformance, storeConformance } from "hitherto/testing";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPgBouncer, whyNoPgBouncer } from "../../support/pgbouncer.ts";
import type { PgBouncer } from "../../support/pgbouncer.ts";
import { dropSchemaOf, freshSchema, postgresUrl } from "../../support/postgres.ts";

const missing = whyNoPgBouncer();
if (missing !== undefined) {
  process.stderr.write(`\n*** The tests through PgBouncer are left out: ${missing}.\n\n`);
}

describe.skipIf(missing !== undefined)("through PgBouncer", () => {
  let bouncer: PgBouncer;
  beforeAll(async () => {
    bouncer = await startPgBouncer(postgresUrl());
  });
  afterAll(() => bouncer.stop());

  const behind = {
    name: "a store behind a proxy that lends connections for one transaction",
    runner: { describe, test },
    open: () => openPostgresStore(bouncer.through(freshSchema().url)),
    openAgain: (url: string) => openPostgresStore(bouncer.through(postgresUrl() + new URL(url).search)),
    dispose: dropSchemaOf,
  };
  storeConformance(behind);
  readSideConformance({ ...behind, supportsSql: true });

  test("a follower hears of an append though no notification arrives", async () => {
    await using schema = freshSchema();
    await using writer = await openPostgresStore(bouncer.through(schema.url));
    await using reader = await openPostgresStore(bouncer.through(schema.url));
    const events = reader.subscribe()[Symbol.asyncIterator]();
    for (const data of [1, 2, 3]) {
      const next = events.next();
      await writer.append({ stream: "s", events: [{ type: "A", data }] });
      expect((await next).value).toMatchObject({ data });
    }
    await events.return?.(undefined);
  });

  test("erasing leaves no settings to those who get the connection next", async () => {
    await using schema = freshSchema();
    const url = bouncer.through(schema.url);
    await using store = await openPostgresStore(url);
    expect(await store.reclaim({ erase: true })).toMatchObject({ isErased: true });
    const client = new pg.Client(url.replace(/\?.*/u, ""));
    await client.connect();
    for (const setting of ["lock_timeout", "statement_timeout"]) {
      const { rows } = await client.query(
        "SELECT setting = reset_val AS same FROM pg_settings WHERE name = $1",
        [setting],
      );
      expect(rows).toEqual([{ same: true }]);
    }
    await client.end();
  });
});
