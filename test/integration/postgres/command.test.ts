/**
 * The commands of `hitherto` on a server: what they print, what they end with, and that no password is in it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { consumer, open, projection } from "hitherto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeRole } from "../../support/postgres-roles.ts";
import type { TestRole } from "../../support/postgres-roles.ts";
import { freshSchema, runSql } from "../../support/postgres.ts";
import type { TestSchema } from "../../support/postgres.ts";
import { runCli } from "../../unit/cli/run-cli.ts";
import type { Outcome } from "../../unit/cli/run-cli.ts";
import { exportLines } from "../cli/exchange-lines.ts";
import { hitherto, scratchFolder } from "../cli/hitherto-process.ts";

let schema: TestSchema;
let role: TestRole;
let url: string;

beforeEach(async () => {
  schema = freshSchema();
  role = await makeRole(`cli_${schema.name}`, { makesSchemas: true });
  url = role.as(schema.url);
});

afterEach(async () => {
  await schema[Symbol.asyncDispose]();
  await role[Symbol.asyncDispose]();
});

/** Runs a command on the store; whatever it prints, the password is not in it. */
async function run(args: readonly string[], stdin = ""): Promise<Outcome> {
  const outcome = await runCli([...args, "--store", url], { open, stdin, env: { NO_COLOR: "1" } });
  for (const text of [outcome.out, outcome.err]) {
    expect(text).not.toContain(role.password);
    expect(text).not.toContain(encodeURIComponent(role.password));
  }
  return outcome;
}

/** What a command prints with `--json`, a line each. */
async function json<Value>(...args: readonly string[]): Promise<Value[]> {
  const { out, exitCode } = await run([...args, "--json"]);
  expect(exitCode).toBe(0);
  return out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Value);
}

describe("the log", () => {
  test("is written by append, and read by read, streams, stats and verify", async () => {
    const order = [
      "append",
      "order-1",
      "--type",
      "OrderPlaced",
      "--data",
      '{"total":100}',
      "--expect",
      "none",
    ];
    expect(await run(order)).toMatchObject({
      exitCode: 0,
      err: "",
      out: "Appended 1 event to order-1: revision 0, position 1.\n",
    });
    const again = await run(order);
    expect(again).toMatchObject({ exitCode: 1, out: "" });
    expect(again.err).toContain("[REVISION_CONFLICT]");
    expect(
      (await run(["append", "order-1"], '{"type":"OrderShipped","data":null,"tags":["a:1"]}\n')).exitCode,
    ).toBe(0);
    expect((await run(["read"])).out).toMatch(/ order-1@0 +OrderPlaced +\{"total":100\}$/m);
    expect(await json("read", "order-1", "--tag", "a:1")).toMatchObject([{ position: 2, data: null }]);
    expect(await json("streams")).toMatchObject([{ stream: "order-1", revision: 1 }]);
    const store = new URL(url);
    store.password = "";
    expect(await json("stats")).toMatchObject([
      { engine: "postgres", url: store.href, format: 2, head: 2, events: 2, durability: "fsync", parked: 0 },
    ]);
    expect((await run(["stats"])).out).toMatch(/^Engine +postgres, format 2\n/m);
    expect(await json("verify")).toMatchObject([{ isSound: true, events: 2, problems: [] }]);
    expect((await run(["verify"])).out).toMatch(/^Sound: 2 events in 1 stream, checked in /);
  });

  test.each(["read", "streams", "stats", "verify", "export"])("is not made by %s", async (command) => {
    const { exitCode, err } = await run([command]);
    expect(err).toContain("[STORE_NOT_FOUND]");
    expect(exitCode).toBe(1);
    expect(await runSql("SELECT FROM pg_namespace WHERE nspname = $1", [schema.name])).toEqual([]);
  });

  test("is exported and imported, through files and from store to store", async () => {
    const at = scratchFolder();
    const lines = exportLines(1_500);
    expect((await run(["import", "-"], lines)).out).toMatch(/^Imported 1,500 events/);
    expect((await run(["import", "-", "--json"], lines)).out).toContain('"alreadyThere":1500');
    expect((await run(["export", "--out", at("out.ndjson.gz")])).out).toMatch(/^Exported 1,500 events to /);
    expect(gunzipSync(readFileSync(at("out.ndjson.gz"))).toString()).toBe(lines);
    expect(readdirSync(at(".")).filter((name) => name.includes(".partial"))).toEqual([]);
    const cloudEvents = (await run(["export", "--format", "cloudevents"])).out;
    const copy = ["--store", at("copy.db")];
    await hitherto(["import", "-", ...copy], { stdin: cloudEvents });
    expect((await hitherto(["export", ...copy])).out).toBe(lines);
  });

  test("is left alone by a wrong password, which is not repeated", async () => {
    const wrong = url.replace(encodeURIComponent(role.password), "not-the-password");
    const { exitCode, err } = await runCli(["stats", "--store", wrong], { open });
    expect(exitCode).toBe(1);
    expect(err).toContain("[STORE_LOGIN_REFUSED]");
    expect(err).not.toContain("not-the-password");
  });
});

describe("verify finds what was done by hand:", () => {
  beforeEach(async () => {
    await using store = await open(url);
    const event = { type: "OrderPlaced", data: 1, tags: ["shop:1"] };
    await store.append({ stream: "order-1", events: [event, event, event] });
    await store.append({ stream: "order-2", events: [{ type: "OrderPlaced", data: 1 }] });
    await store.append({ stream: "order-3", events: [event] });
  });

  test.each([
    ["an event that is gone", "DELETE FROM {schema}.events WHERE position = 2", "revision 1 is missing"],
    [
      "the last event of a stream that is gone",
      "DELETE FROM {schema}.events WHERE position = 4",
      "1 event is missing",
    ],
    [
      "another revision",
      "UPDATE {schema}.events SET revision = 7 WHERE position = 3",
      "revision 6 is missing",
    ],
    [
      "a stream that begins late",
      "UPDATE {schema}.events SET revision = 1 WHERE position = 4",
      "revision 0 is missing",
    ],
    [
      "an order turned round",
      `UPDATE {schema}.events SET revision = revision + 100 WHERE stream = 'order-1';
       UPDATE {schema}.events SET revision = 102 - revision WHERE stream = 'order-1'`,
      "is missing or not before it",
    ],
    ["another position", "UPDATE {schema}.events SET position = 9 WHERE position = 4", "events are missing"],
    [
      "a tag that is gone",
      "DELETE FROM {schema}.event_tags WHERE position = 2",
      "not found by its tag shop:1",
    ],
    [
      "a tag too many",
      "INSERT INTO {schema}.event_tags VALUES ('x', 4)",
      "the tag x leads to an event that has it not",
    ],
    ["other tags", "UPDATE {schema}.events SET tags = '{y}' WHERE position = 5", "not found by its tag y"],
  ])("%s", async (_, sql, problem) => {
    await runSql(sql.replaceAll("{schema}", schema.name));
    const { exitCode, out } = await run(["verify"]);
    expect(out).toContain(problem);
    expect(out).toMatch(/^Damaged: \d+ problems? in /m);
    expect(exitCode).toBe(1);
    const report = JSON.parse((await run(["verify", "--json"])).out) as { isSound: boolean };
    expect(report.isSound).toBe(false);
  });

  test("and nothing where nothing was done, whatever is hidden and reclaimed", async () => {
    await using store = await open(url);
    await store.setStreamPolicy("order-1", { maxCount: 1 });
    await store.deleteStream("order-3");
    expect(await run(["verify"])).toMatchObject({ exitCode: 0, err: "" });
    await store.reclaim();
    expect((await run(["verify"])).out).toMatch(/^Sound: 2 events in /);
  });
});

describe("what is made of the log", () => {
  const totals = projection("totals", {
    initial: () => ({ total: 0 }),
    evolve: { Paid: (state, { amount }: { amount: number }) => ({ total: state.total + amount }) },
  });
  let isRepaired = false;
  const mails = consumer("mails", {
    on: {
      Paid: ({ amount }: { amount: number }) => {
        if (amount < 0 && !isRepaired) throw new Error("no such mailbox");
      },
    },
    retry: { max: 0 },
    partitions: 2,
  });

  beforeEach(async () => {
    isRepaired = false;
    await using store = await open(url, { onError: () => undefined });
    for (const [stream, amount] of [
      ["a", 1],
      ["b", -1],
      ["b", 2],
    ] as const) {
      await store.append({ stream, events: [{ type: "Paid", data: { amount } }] });
    }
    await using runner = await store.runProjections([totals]);
    await runner.caughtUp();
    await using member = await store.consume(mails);
    await member.caughtUp();
  });

  test("is listed, paused, resumed and removed", async () => {
    for (const [group, name] of [
      ["projections", "totals"],
      ["consumers", "mails"],
    ] as const) {
      expect(await json(group, "list")).toMatchObject([{ name, state: "idle", position: 3 }]);
      expect(await json(group, "status", name)).toMatchObject([{ name, lag: { events: 0 } }]);
      expect((await run([group, "pause", name])).out).toBe(`Paused ${name}.\n`);
      expect(await json(group, "status", name)).toMatchObject([{ state: "paused" }]);
      expect((await run([group, "resume", name])).out).toBe(`Resumed ${name}.\n`);
      expect(await run([group, "remove", name])).toMatchObject({ exitCode: 2, out: "" });
      expect((await run([group, "remove", name, "--yes"])).out).toBe(`Removed ${name}.\n`);
      expect(await json(group, "list")).toEqual([]);
    }
    await run(["consumers", "status", "mails"]).then(({ exitCode }) => expect(exitCode).toBe(1));
  });

  test("is partitioned anew and reset, and rebuilt only when somebody runs it", async () => {
    expect((await run(["consumers", "partitions", "mails", "3"])).exitCode).toBe(0);
    expect((await run(["consumers", "reset", "mails", "--to", "start", "--yes"])).exitCode).toBe(0);
    expect(await json("consumers", "status", "mails")).toMatchObject([{ position: 0 }]);
    const rebuilt = await run(["projections", "rebuild", "totals"]);
    expect(rebuilt.exitCode).toBe(1);
    expect(rebuilt.out).toContain("No process runs totals now");
  });

  test("is parked, shown, and replayed by whoever takes part", async () => {
    expect(await json("parked", "list")).toMatchObject([
      { position: 2, key: "b", state: "failed" },
      { position: 3, key: "b", state: "held" },
    ]);
    const shown = await run(["parked", "show", "--consumer", "mails", "--position", "2"]);
    expect(shown.out).toContain("Error: no such mailbox");
    isRepaired = true;
    await using store = await open(url);
    await using member = await store.consume(mails);
    const replay = ["parked", "replay", "--consumer", "mails", "--key", "b", "--json"];
    expect(JSON.parse((await run(replay)).out)).toMatchObject({ events: 2, replayed: 2, left: 0 });
    expect(await json("parked", "list")).toEqual([]);
    await member.caughtUp();
  });

  test("is given up when it is parked for good", async () => {
    const discard = ["parked", "discard", "--consumer", "mails", "--position", "2"];
    expect(await run(discard)).toMatchObject({ exitCode: 2, out: "" });
    expect((await run([...discard, "--yes"])).out).toBe("Gave up 1 parked event of the consumer mails.\n");
    expect(await json("parked", "list")).toMatchObject([{ position: 3 }]);
  });
});
