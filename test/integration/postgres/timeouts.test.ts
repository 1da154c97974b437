/**
 * Servers that end statements and sessions, or refuse them, by the settings of a role.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Diagnostic } from "hitherto";
import { openPostgresStore } from "hitherto/postgres";
import type { PostgresEventStore } from "hitherto/postgres";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";

let schema: TestSchema;
let owner: PostgresEventStore;

beforeEach(async () => {
  schema = freshSchema();
  owner = await openPostgresStore(schema.url);
});

afterEach(async () => {
  await owner.close();
  await schema[Symbol.asyncDispose]();
});

const event = { type: "Noted", data: null };
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** The URL of the store for a session with these settings. */
function urlWith(settings: Record<string, string>): string {
  const url = new URL(schema.url);
  const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  url.searchParams.set("options", options.join(" "));
  return url.href;
}

/** Locks a table for so long; resolves when it is locked. */
async function lock(table: string, forMs: number, mode = "EXCLUSIVE"): Promise<{ until: Promise<void> }> {
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${schema.name}.${table} IN ${mode} MODE`);
  return { until: delay(forMs).then(() => client.end()) };
}

test("an append that waits for the right to write longer than statements may last is made once", async () => {
  await using store = await openPostgresStore(urlWith({ statement_timeout: "80ms" }));
  const { until } = await lock("log", 600);
  const appending = upTo(5).map((n) => store.append({ stream: `s-${n}`, expect: "none", events: [event] }));
  const results = await Promise.all(appending);
  expect(results.map(({ isDuplicate }) => isDuplicate)).toEqual(upTo(5).map(() => false));
  expect((await owner.read().toArray()).map(({ stream }) => stream)).toEqual(upTo(5).map((n) => `s-${n}`));
  await until;
});

test("an append whose statements are ended until busyTimeoutMs is over fails with STORE_TIMEOUT, unwritten", async () => {
  const url = urlWith({ statement_timeout: "50ms" });
  await using store = await openPostgresStore(url, { busyTimeoutMs: 300 });
  const { until } = await lock("log", 1_200);
  const refused: unknown = await store
    .append({ stream: "s", events: [event] })
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "STORE_TIMEOUT", isRetryable: true });
  expect((refused as { details: { waitedMs: number } }).details.waitedMs).toBeGreaterThanOrEqual(300);
  await until;
  expect(await owner.head()).toBe(0);
});

test("appends that take too long together are written in smaller groups, in their order", async () => {
  await runSql(`
    CREATE FUNCTION ${schema.name}.dawdle() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.02); RETURN new; END $$;
    CREATE TRIGGER dawdle BEFORE INSERT ON ${schema.name}.events
      FOR EACH ROW EXECUTE FUNCTION ${schema.name}.dawdle()`);
  await using store = await openPostgresStore(urlWith({ statement_timeout: "400ms" }));
  await Promise.all(upTo(60).map((n) => store.append({ stream: "s", events: [{ type: "Noted", data: n }] })));
  expect((await owner.readStream("s").toArray()).map(({ data }) => data)).toEqual(upTo(60));
});

/** Makes the next inserts of events fail so often, as those whose transaction a deadlock ends. */
async function deadlock(times: number): Promise<void> {
  await runSql(`
    CREATE SEQUENCE ${schema.name}.deadlocks;
    CREATE FUNCTION ${schema.name}.deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('${schema.name}.deadlocks') <= ${times} THEN
        RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
      END IF;
      RETURN new;
    END $$;
    CREATE TRIGGER deadlock BEFORE INSERT ON ${schema.name}.events
      FOR EACH ROW EXECUTE FUNCTION ${schema.name}.deadlock()`);
}

test("an append that a deadlock ends is made again, until busyTimeoutMs is over", async () => {
  await deadlock(4);
  expect(await owner.append({ stream: "s", events: [event] })).toMatchObject({
    position: 1,
    isDuplicate: false,
  });
  await runSql(`ALTER SEQUENCE ${schema.name}.deadlocks RESTART WITH -1000000 MINVALUE -1000000`);
  await using impatient = await openPostgresStore(schema.url, { busyTimeoutMs: 200 });
  await expect(impatient.append({ stream: "s", events: [event] })).rejects.toMatchObject({
    code: "STORE_BUSY",
    message: expect.stringMatching(/was busy for \d{3,} ms: deadlock detected/),
  });
  expect(await owner.head()).toBe(1);
});

test("reads and verifications that are ended fail with STORE_TIMEOUT, and a subscription outlasts it", async () => {
  await owner.append({ stream: "s", events: [event, event] });
  const told: Diagnostic[] = [];
  const onError = (diagnostic: Diagnostic): void => void told.push(diagnostic);
  await using store = await openPostgresStore(urlWith({ statement_timeout: "50ms" }), { onError });
  const { until } = await lock("events", 1_500, "ACCESS EXCLUSIVE");
  const subscription = store.subscribe();
  const received = (async () => {
    const positions: number[] = [];
    for await (const { position } of subscription) if (positions.push(position) === 2) break;
    return positions;
  })();
  const calls = [store.read().toArray(), store.readStream("s").toArray(), store.verify(), store.head()];
  for (const call of await Promise.allSettled(calls)) {
    expect(call).toMatchObject({ status: "rejected", reason: { code: "STORE_TIMEOUT" } });
  }
  expect(await received).toEqual([1, 2]);
  const { operation, error } = told[0]!;
  expect([operation, error]).toMatchObject(["subscription", { code: "STORE_TIMEOUT" }]);
  await until;
});

test("a transaction waits for its rights however short statements are, and its body runs once", async () => {
  const settings = {
    statement_timeout: "50ms",
    lock_timeout: "50ms",
    idle_in_transaction_session_timeout: "50ms",
  };
  await using store = await openPostgresStore(urlWith(settings));
  const { until } = await lock("log", 400);
  let runs = 0;
  await store.readSide.transaction(async (transaction) => {
    runs++;
    await delay(150);
    await transaction.append({ stream: "s", events: [event] });
  });
  await until;
  expect([runs, await owner.head()]).toEqual([1, 1]);
});

test("changes of streams and commits that wait longer than statements may last are made", async () => {
  await owner.append({ stream: "s", events: [event] });
  await using store = await openPostgresStore(urlWith({ statement_timeout: "50ms" }));
  const log = await lock("log", 400);
  const readSide = await lock("read_side", 400);
  await store.setStreamPolicy("s", { maxCount: 10 });
  await store.deleteStream("s", { expect: 0 });
  const put = [{ space: "a", key: "b", value: 1 }];
  await store.readSide.commit({ expect: [{ space: "a", key: "b", version: 0 }], put });
  expect(await owner.findStream("s")).toMatchObject({ state: "deleted", policy: { maxCount: 10 } });
  expect(await owner.readSide.findRecord({ space: "a", key: "b" })).toMatchObject({ value: 1 });
  await Promise.all([log.until, readSide.until]);
});

test("sessions that the server ends for standing still are replaced without anybody noticing", async () => {
  const told: Diagnostic[] = [];
  const onError = (diagnostic: Diagnostic): void => void told.push(diagnostic);
  await using store = await openPostgresStore(urlWith({ idle_session_timeout: "50ms" }), { onError });
  for (const n of upTo(3)) {
    await store.append({ stream: "s", events: [event] });
    await delay(120);
    expect(await store.head()).toBe(n + 1);
    await delay(120);
  }
  expect(told).toEqual([]);
});

test("a role that may have few connections makes reads and writes wait for one", async () => {
  const role = `few_${schema.name}`;
  await runSql(`CREATE ROLE ${role} LOGIN PASSWORD 'few' CONNECTION LIMIT 2`);
  try {
    await runSql(`
      GRANT USAGE ON SCHEMA ${schema.name} TO ${role};
      GRANT ALL ON ALL TABLES IN SCHEMA ${schema.name} TO ${role};
      GRANT ALL ON ALL SEQUENCES IN SCHEMA ${schema.name} TO ${role};
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema.name} TO ${role}`);
    const url = new URL(schema.url);
    [url.username, url.password] = [role, "few"];
    await using store = await openPostgresStore(url, { mode: "write", connectionsMax: 10 });
    const appending = upTo(10).map((n) => store.append({ stream: `s-${n}`, events: [event] }));
    const reading = upTo(30).map(() => store.head());
    await Promise.all([...appending, ...reading]);
    expect(await store.head()).toBe(10);
  } finally {
    await runSql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
