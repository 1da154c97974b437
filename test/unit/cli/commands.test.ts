import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { anEvent, idOf, line } from "../exchange/support.ts";
import { cliOn } from "./run-cli.ts";

const clock = (): Date => new Date("2026-11-21T08:40:00.000Z");

async function aShop(): Promise<ReturnType<typeof cliOn>> {
  let n = 0;
  const store = openMemoryStore({ clock, ids: () => idOf(++n) });
  await store.append({
    stream: "order-1",
    events: [{ type: "OrderPlaced", data: { total: 100 }, tags: ["customer:7"] }],
  });
  await store.append({
    stream: "order-22",
    events: [{ type: "OrderPlaced", data: { total: 5 }, metadata: { correlationId: "c1" } }],
  });
  await store.append({
    stream: "order-1",
    events: [{ type: "PaymentReceived", data: new Uint8Array([1, 2, 255]) }],
  });
  return cliOn(store);
}

const eventsOf = async (store: EventStore): Promise<unknown[]> =>
  (await store.read().toArray()).map(({ type, data }) => ({ type, data }));

describe("append", () => {
  test("appends an event and says where it is", async () => {
    const { run, store } = cliOn();
    const outcome = await run(["append", "order-1", "--type", "OrderPlaced", "--data", '{"total":100}']);
    expect(outcome).toEqual({
      exitCode: 0,
      err: "",
      out: "Appended 1 event to order-1: revision 0, position 1.\n",
    });
    expect(await eventsOf(store)).toEqual([{ type: "OrderPlaced", data: { total: 100 } }]);
  });

  test("takes everything that an event has", async () => {
    const { run, store } = cliOn();
    const given = `--type A --id ${idOf(1)} --schema-version 2 --tag a --tag b --metadata userId=ada --metadata url=a=b`;
    await run(["append", "order-1", ...given.split(" "), "--metadata", '{"n":1,"correlationId":"c"}']);
    expect(await store.findEvent(idOf(1))).toMatchObject({
      data: {},
      schemaVersion: 2,
      tags: ["a", "b"],
      metadata: { userId: "ada", n: 1, correlationId: "c", url: "a=b" },
    });
  });

  test("reads data from standard input", async () => {
    const { run, store } = cliOn();
    await run(["append", "order-1", "--type", "A", "--data", "-"], { stdin: "[1,2]" });
    expect(await eventsOf(store)).toEqual([{ type: "A", data: [1, 2] }]);
  });

  test("appends several events from standard input at once", async () => {
    const { run, store } = cliOn();
    const stdin = '{"type":"A","data":1}\r\n\n{"type":"B","data":{"x":null},"tags":["t"]}';
    const outcome = await run(["append", "order-1", "--expect", "none", "--json"], { stdin });
    expect(JSON.parse(outcome.out)).toMatchObject({ revision: 1, position: 2, isDuplicate: false });
    expect(await eventsOf(store)).toEqual([
      { type: "A", data: 1 },
      { type: "B", data: { x: null } },
    ]);
  });

  test("appends none of several events when one line is malformed", async () => {
    const { run, store } = cliOn();
    const outcome = await run(["append", "order-1"], { stdin: '{"type":"A","data":1}\n{"type":"B"}' });
    expect(outcome.exitCode).toBe(1);
    expect(outcome.err).toContain('Line 2 of standard input is not valid: it has no "data". [LINE_INVALID]');
    expect(await eventsOf(store)).toEqual([]);
  });

  test("refuses an empty input", async () => {
    const { err } = await cliOn().run(["append", "order-1"]);
    expect(err).toContain("[APPEND_EMPTY]\nGive --type and --data");
  });

  test("says that an event with this id is there already", async () => {
    const { run } = cliOn();
    const args = ["append", "order-1", "--type", "A", "--id", idOf(1)];
    await run(args);
    const outcome = await run(args);
    expect(outcome.exitCode).toBe(0);
    expect(outcome.out).toBe(
      "Nothing to do: 1 event of order-1 with this id is there already, up to revision 0, position 1.\n",
    );
  });

  test.each(["none", "5"])("fails when the stream is not as expected: %s", async (expected) => {
    const { run } = await aShop();
    const outcome = await run(["append", "order-1", "--type", "A", "--expect", expected]);
    expect(outcome.exitCode).toBe(1);
    expect(outcome.err).toContain("[REVISION_CONFLICT]");
    expect(outcome.err).toContain("--expect");
  });

  test.each([
    [["append"], "Missing required argument 'stream'"],
    [["append", "s"], "No event is given"],
    [["append", "s", "--data", "1"], "--data needs --type"],
    [["append", "s", "--schema-version", "2"], "--schema-version needs --type"],
    [["append", "s", "--type", "A", "--data", "{"], "--data cannot be taken: it is not JSON"],
    [["append", "s", "--type", "A", "--data", '{"id":9007199254740993}'], "9007199254740993 at id"],
    [["append", "s", "--type", "A", "--metadata", '{"n":1e400}'], "1e400 at n"],
    [["append", "s", "--type", "A", "--metadata", "x"], "It must be key=value, or a JSON object"],
    [["append", "s", "--type", "A", "--metadata", "{"], "It is not JSON"],
    [["append", "s", "--type", "A", "--expect", "-1"], "It must be none, exists, any, or a revision from 0"],
    [["append", "s", "--type", "A", "--schema-version", "0"], "It must be an integer from 1 to 65535"],
    [["append", "$s", "--type", "A"], "names that begin with $ are reserved"],
    [["append", "s", "--type", "", "--data", "1"], "--type is empty"],
    [["read", "--prefix", ""], "--prefix is empty"],
    [["read", "--tag", "a", "--tag", ""], "--tag is empty"],
    [["parked", "discard", "--consumer", "mails", "--key", ""], "--key is empty"],
  ])("refuses the command line %j", async (args, message) => {
    const { exitCode, err } = await cliOn().run(args, {
      isTerminal: true,
      env: { NO_COLOR: "1", HITHERTO_STORE: "memory:" },
    });
    expect(err).toContain(message);
    expect(exitCode).toBe(2);
  });

  test("refuses a data file that is not there", async () => {
    const outcome = await cliOn().run(["append", "s", "--type", "A", "--data", "@no/such/file"]);
    expect(outcome.err).toContain(
      "The file no/such/file cannot be read: there is no such file or folder. [FILE_UNREADABLE]",
    );
    expect(outcome.exitCode).toBe(1);
  });
});

describe("read", () => {
  test("shows the log in columns", async () => {
    expect((await (await aShop()).run(["read"])).out).toMatchInlineSnapshot(`
      "1  2026-11-21 08:40:00.000  order-1@0   OrderPlaced      {"total":100}
      2  2026-11-21 08:40:00.000  order-22@0  OrderPlaced      {"total":5}
      3  2026-11-21 08:40:00.000  order-1@1   PaymentReceived  <3 bytes 0102ff>
      "
    `);
  });

  test("shows a stream", async () => {
    expect((await (await aShop()).run(["read", "order-1"])).out).toMatchInlineSnapshot(`
      "1  2026-11-21 08:40:00.000  order-1@0  OrderPlaced      {"total":100}
      3  2026-11-21 08:40:00.000  order-1@1  PaymentReceived  <3 bytes 0102ff>
      "
    `);
  });

  test("cuts data so that a line fits the terminal", async () => {
    const { run, store } = await aShop();
    await store.append({ stream: "order-3", events: [{ type: "Note", data: "ä😀".repeat(100) }] });
    const { out } = await run(["read"], {
      isTerminal: true,
      env: { NO_COLOR: "1", HITHERTO_STORE: "memory:" },
    });
    const lines = out.trimEnd().split("\n");
    expect(Math.max(...lines.map((one) => one.length))).toBeLessThanOrEqual(80);
    expect(lines.at(-1)).toMatch(/…$/);
    expect(out.isWellFormed()).toBe(true);
  });

  test("shows everything with --verbose", async () => {
    expect((await (await aShop()).run(["read", "--verbose"])).out).toMatchInlineSnapshot(`
      "#1  OrderPlaced  order-1@0
        recorded  2026-11-21T08:40:00.000Z
        id        00000000-0000-7000-8000-000000000001
        tags      customer:7
        data      {
                    "total": 100
                  }

      #2  OrderPlaced  order-22@0
        recorded  2026-11-21T08:40:00.000Z
        id        00000000-0000-7000-8000-000000000002
        metadata  {
                    "correlationId": "c1"
                  }
        data      {
                    "total": 5
                  }

      #3  PaymentReceived  order-1@1
        recorded  2026-11-21T08:40:00.000Z
        id        00000000-0000-7000-8000-000000000003
        data      <3 bytes 0102ff>

      "
    `);
  });

  test("writes lines as export does with --json", async () => {
    const { run } = await aShop();
    const { out } = await run(["read", "--json"]);
    expect(out).toBe((await run(["export"])).out);
    expect(JSON.parse(out.split("\n")[1]!)).toMatchObject({ stream: "order-22", position: 2 });
  });

  test.each([
    [["--type", "PaymentReceived"], [3]],
    [
      ["--type", "PaymentReceived", "--type", "OrderPlaced"],
      [1, 2, 3],
    ],
    [
      ["--category", "order"],
      [1, 2, 3],
    ],
    [["--category", "customer"], []],
    [["--prefix", "order-2"], [2]],
    [["--tag", "customer:7"], [1]],
    [["--tag", "customer:7", "--tag", "x"], []],
    [["--correlation", "c1"], [2]],
    [
      ["--from", "2"],
      [2, 3],
    ],
    [
      ["--to", "2"],
      [1, 2],
    ],
    [["--limit", "1"], [1]],
    [["--limit", "0"], []],
    [
      ["--backwards", "--limit", "2"],
      [3, 2],
    ],
    [
      ["--since", "2026-11-21T08:40:00Z"],
      [1, 2, 3],
    ],
    [["--since", "2026-11-22"], []],
    [["--until", "2026-11-21T08:39:59.999Z"], []],
    [
      ["--until", "2026-11-21T09:40:00+01:00"],
      [1, 2, 3],
    ],
  ])("chooses events by %j", async (args, positions) => {
    const { out } = await (await aShop()).run(["read", "--json", ...args]);
    const read = out
      .split("\n")
      .filter(Boolean)
      .map((one) => (JSON.parse(one) as { position: number }).position);
    expect(read).toEqual(positions);
  });

  test.each([
    [["--from", "-1"], "It must be an integer from 0, or end"],
    [["--from", "end"], "--from end needs --follow"],
    [["--to", "x"], "It must be an integer from 0"],
    [["--limit", "1.5"], "It must be an integer from 0"],
    [["--since", "yesterday"], "It must be a date"],
    [["--until", "2026-02-30"], "It must be a date"],
    [["--follow", "--backwards"], "--follow and --backwards exclude each other"],
    [["--follow", "--to", "3"], "--follow and --to exclude each other"],
    [["--follow", "--until", "2026-11-21"], "--follow and --until exclude each other"],
    [["--form", "3"], "(Did you mean --from?)"],
    [["a", "b"], "Too many arguments"],
  ])("refuses %j", async (args, message) => {
    const { exitCode, err } = await (await aShop()).run(["read", ...args]);
    expect(err).toContain(message);
    expect(exitCode).toBe(2);
  });

  test("says on standard error that there is nothing to show, save to programs", async () => {
    const { run } = await aShop();
    const nothing = { exitCode: 0, out: "", err: "There are no such events.\n" };
    expect(await run(["read", "order-9"])).toEqual(nothing);
    expect(await run(["read", "--json", "order-9"])).toEqual({ ...nothing, err: "" });
  });

  test("goes on with --follow until the limit", async () => {
    const { run, store } = await aShop();
    const running = run(["read", "--follow", "--limit", "5", "--json"]);
    await store.append({ stream: "order-3", events: [anEvent(51), anEvent(52), anEvent(53)] });
    const { out, exitCode } = await running;
    expect(exitCode).toBe(0);
    expect(
      out
        .trim()
        .split("\n")
        .map((one) => (JSON.parse(one) as { position: number }).position),
    ).toEqual([1, 2, 3, 4, 5]);
  });

  test("leaves out the past with --follow --from end, and ends when it is interrupted", async () => {
    const { run, store } = await aShop();
    const interruption = new AbortController();
    const running = run(["read", "order-1", "--follow", "--from", "end"], { signal: interruption.signal });
    await setTimeout(20);
    await store.append({ stream: "order-1", events: [anEvent(60)] });
    await setTimeout(20);
    interruption.abort();
    const { out, err, exitCode } = await running;
    expect(out.trim().split("\n")).toHaveLength(1);
    expect(out).toContain("order-1@2");
    expect(err).toBe("");
    expect(exitCode).toBe(130);
  });

  test("follows from a moment", async () => {
    const { run } = await aShop();
    expect(
      (await run(["read", "--follow", "--since", "2026-11-21", "--limit", "1", "--json"])).out,
    ).toContain('"position":1');
  });

  test("shows control characters and direction marks as escapes", async () => {
    const { run, store } = cliOn();
    await store.append({
      stream: "a\u009b31m\u202e",
      events: [{ type: "T\u0085", data: "\u001b[31m\u009b" }],
    });
    for (const args of [["read"], ["read", "--verbose"], ["streams"]]) {
      const { out } = await run(args);
      // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
      expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  });
});

describe("streams", () => {
  test("lists streams in a table", async () => {
    const { run, store } = await aShop();
    await store.setStreamPolicy("order-22", { maxCount: 1_000, maxAgeMs: 7_200_000, truncateBefore: 0 });
    await store.append({ stream: "old-1", events: [anEvent(1_000)] });
    await store.tombstoneStream("old-1");
    expect((await run(["streams"])).out).toMatchInlineSnapshot(`
      "STREAM    REVISION  FIRST  STATE
      old-1            0      -  tombstoned
      order-1          1      0
      order-22         0      0  last 1,000, for 2 h, from 0
      "
    `);
  });

  test.each([
    [["--prefix", "order-2"], ["order-22"]],
    [
      ["--category", "order"],
      ["order-1", "order-22"],
    ],
    [["--after", "order-1"], ["order-22"]],
    [["--limit", "1"], ["order-1"]],
  ])("chooses streams by %j", async (args, names) => {
    const { out } = await (await aShop()).run(["streams", "--json", ...args]);
    expect(
      out
        .trim()
        .split("\n")
        .map((one) => (JSON.parse(one) as { stream: string }).stream),
    ).toEqual(names);
  });

  test("cuts long names so that a line fits 80 columns", async () => {
    const { run, store } = cliOn();
    await store.append({ stream: "s".repeat(300), events: [anEvent(1)] });
    const { out } = await run(["streams"]);
    expect(Math.max(...out.split("\n").map((one) => one.length))).toBeLessThanOrEqual(80);
  });

  test("lists nothing in an empty store", async () => {
    const err = "There are no such streams.\n";
    expect(await cliOn().run(["streams"])).toEqual({ exitCode: 0, out: "", err });
    expect(await cliOn().run(["streams", "--json"])).toEqual({ exitCode: 0, out: "", err: "" });
  });
});

describe("stats and verify", () => {
  test("show the figures", async () => {
    expect((await (await aShop()).run(["stats"])).out).toMatchInlineSnapshot(`
      "Store        memory:
      Engine       memory, format 1
      Head         3
      Events       3
      Streams      2
      Snapshots    0
      Projections  0
      Consumers    0
      Parked       0
      Size         in memory
      Durability   none: survives nothing
      "
    `);
  });

  test("give the figures as JSON", async () => {
    expect(JSON.parse((await (await aShop()).run(["stats", "--json"])).out)).toMatchObject({
      engine: "memory",
      events: 3,
      head: 3,
    });
  });

  test("find a sound store sound", async () => {
    const { out, exitCode } = await (await aShop()).run(["verify"]);
    expect(out).toMatch(/^Sound: 3 events in 2 streams, checked in .+\.\n$/);
    expect(exitCode).toBe(0);
  });
});

describe("export and import", () => {
  test("carry a store over standard output and input", async () => {
    const source = await aShop();
    const { out } = await source.run(["export"]);
    const target = cliOn();
    const outcome = await target.run(["import", "-"], { stdin: out });
    expect(outcome.out).toMatch(/^Imported 3 events in .+\.\n$/);
    expect(await target.store.read().toArray()).toEqual(await source.store.read().toArray());
  });

  test("write CloudEvents of a source", async () => {
    const { out } = await (
      await aShop()
    ).run(["export", "--format", "cloudevents", "--source", "/shop", "--limit", "1"]);
    expect(JSON.parse(out)).toMatchObject({ specversion: "1.0", source: "/shop", subject: "order-1" });
  });

  test("say what was there already", async () => {
    const { run } = await aShop();
    const { out } = await run(["export"]);
    expect((await run(["import", "-"], { stdin: out })).out).toMatch(
      /^Imported 0 events in .+; 3 events already there\.\n$/,
    );
  });

  test("say what is wrong with a malformed line, and what came before it", async () => {
    const { run } = cliOn();
    const { out, err, exitCode } = await run(["import", "-"], { stdin: `${line()}\n{"id":1}\n` });
    expect(out).toMatch(/^Imported 1 event in/);
    expect(err).toContain(
      'Line 2 of standard input is not valid: its "id" must be a string, not a number. [LINE_INVALID]',
    );
    expect(err).toContain("--skip-invalid");
    expect(exitCode).toBe(1);
  });

  test("leave malformed lines out with --skip-invalid, and show which", async () => {
    const { run } = cliOn();
    const stdin = [...Array.from({ length: 25 }, () => "{"), line()].join("\n");
    const { out, err, exitCode } = await run(["import", "-", "--skip-invalid"], { stdin });
    expect(out).toMatch(/^Imported 1 event in .+; 25 malformed lines left out\.\n$/);
    expect(err).toContain("Left out: Line 1 of standard input is not valid: it is not JSON");
    expect(err).toContain("… and 5 more lines left out.");
    expect(exitCode).toBe(0);
  });

  test("report as JSON, of an import that failed too", async () => {
    const { run } = cliOn();
    const { out, err } = await run(["import", "-", "--json"], { stdin: `${line()}\n{` });
    expect(JSON.parse(out)).toEqual({
      imported: 1,
      alreadyThere: 0,
      invalid: 0,
      renumbered: 0,
      invalidLines: [],
      isComplete: false,
    });
    expect(JSON.parse(err)).toMatchObject({
      name: "HithertoError",
      code: "LINE_INVALID",
      details: { line: 2 },
    });
  });

  test("refuse other revisions unless told to renumber", async () => {
    const { run } = await aShop();
    const stdin = line({ n: 77, stream: "order-1", revision: 0 });
    const refused = await run(["import", "-"], { stdin });
    expect(refused.exitCode).toBe(1);
    expect(refused.err).toContain("[IMPORT_CONFLICT]");
    expect(refused.err).toContain("--renumber");
    expect((await run(["import", "-", "--renumber"], { stdin })).out).toContain("1 event renumbered");
  });

  test.each([
    [["import"], "Missing required argument 'file'"],
    [["import", "-", "--batch", "0"], "It must be an integer from 1 to 10000"],
    [["import", "-", "--format", "csv"], "Allowed choices are auto, hitherto, cloudevents"],
    [["export", "--format", "csv"], "Allowed choices are hitherto, cloudevents"],
    [["export", "--source", "/a"], "--source needs --format cloudevents"],
    [["export", "--from", "end"], "It must be an integer from 0"],
  ])("refuse the command line %j", async (args, message) => {
    const { exitCode, err } = await cliOn().run(args);
    expect(err).toContain(message);
    expect(exitCode).toBe(2);
  });

  test("refuse a file that is not there before a store is made", async () => {
    let isOpened = false;
    const outcome = await cliOn().run(["import", "no/such/file"], {
      open: async () => {
        isOpened = true;
        return createHitherto(openMemoryStore());
      },
    });
    expect(outcome.err).toContain("[FILE_UNREADABLE]");
    expect(isOpened).toBe(false);
  });
});
