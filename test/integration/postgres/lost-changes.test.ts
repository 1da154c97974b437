/**
 * Writes other than appends whose answer is lost: made once, or said to be unknown.
 */
import { setTimeout as delay } from "node:timers/promises";
import { openPostgresStore } from "hitherto/postgres";
import type { PostgresEventStore } from "hitherto/postgres";
import pg from "pg";
import { expect, test } from "vitest";
import { startProxy } from "../../support/postgres-proxy.ts";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";

const note = (data: number): { type: string; data: number } => ({ type: "Noted", data });

/** How a store, and what it holds of the stream `s`, has come out of it. */
interface Aftermath {
  /** What the change came to, or the error. */
  readonly outcome: unknown;
  readonly events: readonly unknown[];
  readonly state: string | undefined;
}

interface LostAnswer {
  readonly change: (store: PostgresEventStore) => Promise<unknown>;
  /** Statements that keep the change waiting on the server as long as their transaction lasts. */
  readonly block?: (schema: string) => string;
  /** Happens when the server has made the change, and before the store can reach it again. */
  readonly meanwhile?: (direct: PostgresEventStore) => Promise<unknown>;
}

const blockLog = (schema: string): string => `LOCK TABLE ${schema}.log IN EXCLUSIVE MODE`;

/** Makes a change through a connection that is cut while the server works on it. */
async function loseAnswer({ change, block = blockLog, meanwhile }: LostAnswer): Promise<Aftermath> {
  await using schema = freshSchema();
  await using proxy = await startProxy(schema.url);
  // By this name the connections of the store are known to the server.
  await using store = await openPostgresStore(`${proxy.url}&application_name=${schema.name}`);
  await using direct = await openPostgresStore(schema.url);
  await direct.append({ stream: "s", events: [note(1), note(2)] });
  const blocker = new pg.Client({ connectionString: postgresUrl() });
  await blocker.connect();
  await blocker.query(`BEGIN; ${block(schema.name)}`);
  const changing = change(store).catch((error: unknown) => error);
  while ((await waiting(schema.name)) === 0) await delay(5);
  proxy.isAccepting = false;
  proxy.cut();
  await blocker.end();
  // The server goes on with what it has been sent, whoever may be there to hear of it.
  while ((await waiting(schema.name)) > 0) await delay(5);
  await direct.head();
  await delay(50);
  await meanwhile?.(direct);
  proxy.isAccepting = true;
  const outcome = await changing;
  const events = (await direct.readStream("s").toArray()).map(({ data }) => data);
  return { outcome, events, state: (await direct.findStream("s"))?.state };
}

async function waiting(application: string): Promise<number> {
  const [row] = await runSql<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND application_name = $1`,
    [application],
  );
  return row!.count;
}

test("a policy whose answer is lost is set", async () => {
  const change = (store: PostgresEventStore): Promise<void> => store.setStreamPolicy("s", { maxCount: 1 });
  expect(await loseAnswer({ change })).toEqual({ outcome: undefined, events: [2], state: "open" });
});

test("a deletion whose answer is lost is not refused for what it has done itself", async () => {
  const change = (store: PostgresEventStore): Promise<void> => store.deleteStream("s", { expect: 1 });
  expect(await loseAnswer({ change })).toEqual({ outcome: undefined, events: [], state: "deleted" });
});

test("a deletion whose answer is lost leaves alone what has been appended since", async () => {
  const change = (store: PostgresEventStore): Promise<void> => store.deleteStream("s");
  const meanwhile = (direct: PostgresEventStore): Promise<unknown> =>
    direct.append({ stream: "s", expect: "none", events: [note(3)] });
  expect(await loseAnswer({ change, meanwhile })).toEqual({ outcome: undefined, events: [3], state: "open" });
});

test("a tombstone whose answer is lost is set, with what it expected", async () => {
  const change = (store: PostgresEventStore): Promise<void> =>
    store.tombstoneStream("s", { expect: "exists" });
  expect(await loseAnswer({ change })).toEqual({ outcome: undefined, events: [], state: "tombstoned" });
});

test("a reclaim whose answer is lost goes on", async () => {
  const change = async (store: PostgresEventStore): Promise<unknown> => {
    await store.setStreamPolicy("s", { maxCount: 1 });
    return store.reclaim();
  };
  const block = (schema: string): string => `LOCK TABLE ${schema}.event_tags IN EXCLUSIVE MODE`;
  expect(await loseAnswer({ change, block })).toMatchObject({ outcome: { events: 0 }, events: [2] });
});

test("a snapshot whose answer is lost is kept", async () => {
  const snapshot = {
    stream: "s",
    name: "n",
    stateVersion: 1,
    revision: 1,
    takenAt: "2025-01-01T00:00:00.000Z",
  };
  const change = async (store: PostgresEventStore): Promise<unknown> => {
    await store.snapshots.save({ ...snapshot, state: new Uint8Array([7]) });
    return store.snapshots.list("s");
  };
  const block = (schema: string): string => `LOCK TABLE ${schema}.snapshots IN EXCLUSIVE MODE`;
  expect(await loseAnswer({ change, block })).toMatchObject({ outcome: [snapshot] });
});

test("a commit whose answer is lost says that nobody knows what became of it", async () => {
  const change = (store: PostgresEventStore): Promise<unknown> =>
    store.readSide.commit({ put: [{ space: "a", key: "b", value: 1 }] });
  const block = (schema: string): string => `LOCK TABLE ${schema}.read_side IN EXCLUSIVE MODE`;
  const { outcome } = await loseAnswer({ change, block });
  const problem = "the connection was lost before the answer, and nobody can say whether the commit was made";
  expect(outcome).toMatchObject({ code: "STORE_IO", isRetryable: true, details: { problem } });
});

/** Makes every commit wait for a lock of its own that has inserted rows of a table. */
async function delayCommits(store: PostgresEventStore, table: string): Promise<void> {
  const schema = new URL(store.url).searchParams.get("schema")!;
  await runSql(`
    CREATE FUNCTION ${schema}.wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock_shared(hashtext('${schema}')); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON ${schema}.${table} DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION ${schema}.wait_at_commit()`);
}

const blockCommits = (schema: string): string => `SELECT pg_advisory_xact_lock(hashtext('${schema}'))`;

test("a transaction whose commit is not answered is found by the events that it appended", async () => {
  let bodies = 0;
  const change = async (store: PostgresEventStore): Promise<unknown> => {
    await delayCommits(store, "events");
    return store.readSide.transaction(async (transaction) => {
      bodies++;
      return (await transaction.append({ stream: "s", events: [note(3)] })).revision;
    });
  };
  expect(await loseAnswer({ change, block: blockCommits })).toMatchObject({ outcome: 2, events: [1, 2, 3] });
  expect(bodies).toBe(1);
});

test("a transaction without events whose commit is not answered says that nobody knows what became of it", async () => {
  const change = async (store: PostgresEventStore): Promise<unknown> => {
    await delayCommits(store, "records");
    return store.readSide.transaction((transaction) =>
      transaction.commit({ put: [{ space: "a", key: "b", value: 1 }] }),
    );
  };
  const { outcome } = await loseAnswer({ change, block: blockCommits });
  const problem =
    "the connection was lost before the answer, and nobody can say whether the transaction was committed";
  expect(outcome).toMatchObject({ code: "STORE_IO", details: { problem } });
});

test("a transaction whose connection is lost before its commit says that it was rolled back", async () => {
  await using schema = freshSchema();
  await using proxy = await startProxy(schema.url);
  await using store = await openPostgresStore(proxy.url);
  const problem = "the connection was lost, and the transaction was rolled back";
  for (const isAppending of [true, false]) {
    const transacting = store.readSide.transaction(async (transaction) => {
      if (isAppending) await transaction.append({ stream: "s", events: [note(1)] });
      proxy.cut();
      await delay(50);
    });
    await expect(transacting).rejects.toMatchObject({ code: "STORE_IO", details: { problem } });
  }
  expect(await store.head()).toBe(0);
});
