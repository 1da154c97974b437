import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cli } from "../../../src/cli/cli.ts";
import { LiveScreen } from "../../../src/cli/live-screen.ts";
import { consumerKind } from "../../../src/cli/work/consumer-kind.ts";
import { projectionKind } from "../../../src/cli/work/projection-kind.ts";
import { StatusTable } from "../../../src/cli/work/status-table.ts";
import type { Column } from "../../../src/cli/work/status-table.ts";
import { detailsOf, factsOf } from "../../../src/cli/work/work-kind.ts";
import type { WorkStatus } from "../../../src/cli/work/work-kind.ts";
import type { ProjectionStatus } from "../../../src/runtime/work-status.ts";
import { aConsumer, aProjection, aRebuild } from "./statuses.ts";

const now = Date.parse("2026-11-21T08:40:00.000Z");
const anError = {
  code: undefined,
  message: "no such\ncustomer",
  position: 7,
  at: "2026-11-21T08:39:48.000Z",
};

function tableOf<Status extends WorkStatus>(columns: ReadonlyArray<Column<Status>>): StatusTable<Status> {
  return new StatusTable({ columns, details: (one) => detailsOf(one, now), paint: (_style, text) => text });
}

function linesOf(statuses: readonly ProjectionStatus[], width?: number): string {
  return `\n${tableOf(projectionKind.columns).lines(statuses, width).join("\n")}\n`;
}

const several = [
  aProjection({ name: "orders_by_customer_and_by_the_day", ratePerSecond: 12.3 }),
  aProjection({
    name: "revenue",
    state: "halted",
    error: anError,
    parked: 2,
    lag: { events: 1_500, ms: 61_000, isTooMuch: true },
  }),
  aProjection({ name: "top", rebuild: aRebuild(), documents: undefined }),
  aProjection({ name: "new", state: "idle", version: undefined, owner: undefined }),
];

describe("a table of projections", () => {
  test("shows everything where lines have no end", () => {
    expect(linesOf(several)).toMatchInlineSnapshot(`
      "
      NAME                               STATE   POSITION    LAG     BEHIND  RATE   LEFT  PARKED  VERSION  OWNER
      orders_by_customer_and_by_the_day  live       1,000      -          -  12/s      -       -        1  host/7
      revenue                            halted     1,000  1,500  1 min 1 s     -      -       2        1  host/7
        error  at position 7, 12.0 s ago: no such customer
      top                                live       1,000      -          -     -  2.0 s       -        1  host/7
        rebuild  version 2  █████░░░░░ 50 %  500 of 1,000  250/s  2.0 s left
      new                                idle       1,000      -          -     -      -       -        -  -
      "
    `);
  });

  test("fits a terminal of 80 columns: names are cut, then columns left out", () => {
    expect(linesOf(several, 80)).toMatchInlineSnapshot(`
      "
      NAME                     STATE   POSITION    LAG     BEHIND  RATE   LEFT  PARKED
      orders_by_customer_and…  live       1,000      -          -  12/s      -       -
      revenue                  halted     1,000  1,500  1 min 1 s     -      -       2
        error  at position 7, 12.0 s ago: no such customer
      top                      live       1,000      -          -     -  2.0 s       -
        rebuild  version 2  █████░░░░░ 50 %  500 of 1,000  250/s  2.0 s left
      new                      idle       1,000      -          -     -      -       -
      "
    `);
  });

  test("is never wider than the terminal, from 60 columns on", () => {
    const statuses = fc.array(
      fc.record({
        name: fc.stringMatching(/^[a-z][a-z_0-9]{0,63}$/),
        owner: fc.option(fc.stringMatching(/^[a-z-]{1,40}\/\d{1,7}$/), { nil: undefined }),
        position: fc.nat(1e9),
        parked: fc.nat(99_999),
        ratePerSecond: fc.double({ min: 0, max: 1e6, noNaN: true }),
      }),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(statuses, fc.integer({ min: 60, max: 200 }), (given, width) => {
        const rows = given.map((one) => aProjection({ ...one, rebuild: aRebuild(), error: anError }));
        const lines = tableOf(projectionKind.columns).lines(rows, width);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      }),
    );
  });

  test("says of a rebuild that nobody does that nobody does it", () => {
    const rebuild = aRebuild({ state: "idle", position: 0, ratePerSecond: 0, etaMs: undefined });
    expect(linesOf([aProjection({ rebuild })])).toContain("0 of 1,000  no process does it");
  });

  test("does not call the first build a rebuild", () => {
    const building = aProjection({ version: undefined, rebuild: aRebuild({ version: 1 }) });
    expect(linesOf([building])).toContain("  first build  version 1  █████░░░░░ 50 %");
    const names = factsOf(projectionKind, building, now).map(([name]) => name);
    expect(names).toContain("First build");
    expect(names).not.toContain("Rebuild");
  });

  test("keeps its columns where they are when the numbers become shorter", () => {
    const table = tableOf(projectionKind.columns);
    const [wide] = table.lines([aProjection({ position: 1_234_567 })], 120);
    expect(table.lines([aProjection({ position: 1 })], 120)[0]).toBe(wide);
  });

  test("shows control characters of errors as escapes", () => {
    const error = { ...anError, message: "\u001b[2J\u0085" };
    expect(linesOf([aProjection({ error })])).toContain(String.raw`\u001b[2J\u0085`);
  });
});

test("a table of consumers counts partitions and names members", () => {
  const rows = [
    aConsumer(),
    aConsumer({ name: "mails", members: ["a/1", "b/2"] }),
    aConsumer({ members: [] }),
  ];
  expect(`\n${tableOf(consumerKind.columns).lines(rows, 100).join("\n")}\n`).toMatchInlineSnapshot(`
    "
    NAME    STATE  POSITION  LAG  BEHIND  RATE  LEFT  PARKED  PARTITIONS  MEMBERS
    emails  live      1,000    -       -     -     -       -           1  host/7
    mails   live      1,000    -       -     -     -       -           1  2 processes
    emails  live      1,000    -       -     -     -       -           1  -
    "
  `);
});

describe("the facts about one projection", () => {
  test("say what ails it and what to do", () => {
    const facts = factsOf(projectionKind, several[1]!, now);
    expect(facts).toMatchInlineSnapshot(`
      [
        [
          "Projection",
          "revenue",
        ],
        [
          "State",
          "halted: an event failed for good; nothing goes on before it is resumed",
        ],
        [
          "Position",
          "1,000",
        ],
        [
          "Lag",
          "1,500, the oldest 1 min 1 s old: too much",
        ],
        [
          "Version",
          "1",
        ],
        [
          "Documents",
          "12",
        ],
        [
          "Owner",
          "host/7",
        ],
        [
          "Parked",
          "2; see hitherto parked list --projection revenue",
        ],
        [
          "Error",
          "at position 7, 12.0 s ago: no such customer",
        ],
      ]
    `);
  });

  test("say how long it takes to catch up at this rate", () => {
    const lag = { events: 300, ms: 900, isTooMuch: false };
    const facts = factsOf(
      projectionKind,
      aProjection({ state: "catching-up", lag, ratePerSecond: 100 }),
      now,
    );
    expect(facts).toContainEqual(["Left", "3.0 s"]);
  });
});

describe("a live screen", () => {
  const screenOf = (rows: number): { screen: LiveScreen; stdout: PassThrough; written: () => string } => {
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows });
    const signal = new AbortController().signal;
    const cli = new Cli(
      {
        stdout,
        stderr: stdout,
        stdin: stdout,
        env: {},
        signal,
        version: "1",
        open: () => Promise.reject(new Error("not opened here")),
      },
      {},
    );
    return { screen: new LiveScreen(cli), stdout, written: () => String(stdout.read()) };
  };

  test("draws over what it has drawn", async () => {
    const { screen, written } = screenOf(24);
    await screen.draw(["a", "b"]);
    expect(written()).toBe("a\u001b[K\nb\u001b[K\n\u001b[J");
    await screen.draw(["c"]);
    expect(written()).toBe("\u001b[2A\rc\u001b[K\n\u001b[J");
  });

  test("cuts what is higher than the terminal, since it could not be drawn over", async () => {
    const { screen, written } = screenOf(4);
    await screen.draw(["a", "b", "c", "d"]);
    expect(written().split("\n").slice(0, -1)).toEqual(["a\u001b[K", "b\u001b[K", "…\u001b[K"]);
  });

  test("begins anew when the terminal has become narrower", async () => {
    const { screen, stdout, written } = screenOf(24);
    await screen.draw(["a"]);
    written();
    Object.assign(stdout, { columns: 40 });
    await screen.draw(["b"]);
    expect(written()).toBe("\u001b[2J\u001b[Hb\u001b[K\n\u001b[J");
  });
});
