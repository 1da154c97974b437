import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { projection } from "../../../src/core/projection.ts";
import { consumer } from "../../../src/runtime/consumers/define-consumer.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import type { ParkedEvent } from "../../../src/runtime/work-admin.ts";
import type { ConsumerStatus, ProjectionStatus } from "../../../src/runtime/work-status.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { idOf } from "../exchange/support.ts";
import { cliOn } from "./run-cli.ts";
import type { Outcome } from "./run-cli.ts";

const clock = (): Date => new Date("2026-11-21T08:40:00.000Z");
const env = { HITHERTO_STORE: "memory:", NO_COLOR: "1" };
const asTerminal = { isTerminal: true, env };

const totals = projection("totals", {
  initial: () => ({ total: 0 }),
  evolve: {
    Paid: ({ total }, { amount }: { amount: number }) => {
      if (amount < 0) throw new Error("negative");
      return { total: total + amount };
    },
  },
});

const emails = (send: (amount: number) => void): ReturnType<typeof consumer> =>
  consumer("emails", {
    on: { Paid: ({ amount }: { amount: number }) => send(amount) },
    retry: { max: 0 },
    partitions: 2,
  });

const refuseNegative = (amount: number): void => {
  if (amount < 0) throw new Error("no such\nmailbox");
};

interface Shop {
  readonly store: Hitherto;
  run(args: string, options?: Parameters<ReturnType<typeof cliOn>["run"]>[1]): Promise<Outcome>;
  pay(stream: string, ...amounts: number[]): Promise<void>;
}

function aShop(): Shop {
  let n = 0;
  const { store, run } = cliOn(openMemoryStore({ clock, ids: () => idOf(++n) }), {
    clock,
    onError: () => undefined,
  });
  return {
    store,
    run: (args, options) => run(args.split(" "), options),
    pay: async (stream, ...amounts) => {
      await store.append({ stream, events: amounts.map((amount) => ({ type: "Paid", data: { amount } })) });
    },
  };
}

/** A shop with a projection that has caught up, and that nobody runs any more. */
async function aShopWithTotals(): Promise<Shop> {
  const shop = aShop();
  await shop.pay("account-1", 10, 5);
  await using runner = await shop.store.runProjections([totals]);
  await runner.caughtUp();
  return shop;
}

/** A shop with a parked event at position 2, one held behind it, and a consumer that nobody takes part in any more. */
async function aShopWithParked(): Promise<Shop> {
  const shop = aShop();
  await shop.pay("account-1", 10);
  await shop.pay("account-2", -1, 3);
  await using member = await shop.store.consume(emails(refuseNegative));
  await member.caughtUp();
  return shop;
}

const jsonOf = <Value>({ out }: Outcome): Value[] =>
  out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Value);

describe("a list", () => {
  test.each([
    ["projections", "This store knows no projections. Run some with runProjections in your program,\n"],
    ["consumers", "This store knows no consumers. Take part in one with consume in your program.\n"],
    ["parked", "Nothing is parked.\n"],
  ])("of no %s says how to begin, save to programs", async (group, note) => {
    const { run } = aShop();
    const { out, err, exitCode } = await run(`${group} list`);
    expect({ out, exitCode }).toEqual({ out: "", exitCode: 0 });
    expect(err).toContain(note);
    expect(await run(`${group} list --json`)).toEqual({ exitCode: 0, out: "", err: "" });
  });

  test("shows what nobody runs as idle", async () => {
    const { run } = await aShopWithTotals();
    expect((await run("projections list")).out).toMatchInlineSnapshot(`
      "NAME    STATE  POSITION  LAG  BEHIND  RATE  LEFT  PARKED  VERSION  OWNER
      totals  idle          2    -       -     -     -       -        1  -
      "
    `);
  });

  test("shows who runs it", async () => {
    const { run, store } = await aShopWithTotals();
    await using _runner = await store.runProjections([totals]);
    // The read model was built before, so having caught up does not say that anybody runs it yet.
    const look = async () => jsonOf<ProjectionStatus>(await run("projections list --json"));
    const owner = expect.stringContaining(`/${process.pid}`) as string;
    await expect.poll(look).toMatchObject([{ state: "live", owner }]);
  });

  test("shows consumers with what is parked", async () => {
    const { run } = await aShopWithParked();
    const [status] = jsonOf<ConsumerStatus>(await run("consumers list --json"));
    expect(status).toMatchObject({ name: "emails", state: "idle", position: 3, parked: 2 });
  });

  test("draws itself again in place on a terminal, until it is interrupted", async () => {
    const { run, store } = await aShopWithTotals();
    const interruption = new AbortController();
    const watching = run("projections list --watch", { ...asTerminal, signal: interruption.signal });
    await setTimeout(50);
    await store.projections.pause("totals");
    await setTimeout(700);
    interruption.abort();
    const { out, exitCode } = await watching;
    expect(exitCode).toBe(0);
    const [first, second] = out.split("\u001b[J");
    expect(first).toContain("idle");
    expect(second).toContain("\u001b[4A\r");
    expect(second).toContain("paused");
    expect(second).toContain("Ctrl-C ends");
  });
});

describe("the status", () => {
  test("of a projection says everything about it", async () => {
    const { run } = await aShopWithTotals();
    expect((await run("projections status totals")).out).toMatchInlineSnapshot(`
      "Projection  totals
      State       idle: no process runs it
      Position    2
      Lag         none
      Version     1
      Documents   1
      Owner       no process runs it
      Parked      none
      "
    `);
  });

  test("of a consumer lists its partitions", async () => {
    const { run } = await aShopWithParked();
    const { out } = await run("consumers status emails");
    expect(out).toContain("Parked      2; see hitherto parked list --consumer emails");
    expect(out).toMatch(/^PARTITION +POSITION +STATE +OWNER$/m);
    expect(out).toMatch(/^ +1 +3 +idle +-$/m);
  });
});

describe("what is asked for", () => {
  test("pauses and resumes", async () => {
    const { run, store } = await aShopWithTotals();
    expect((await run("projections pause totals")).out).toBe("Paused totals.\n");
    expect((await store.projections.status("totals")).state).toBe("paused");
    expect(jsonOf(await run("projections resume totals --json"))).toEqual([
      { projection: "totals", isResumed: true },
    ]);
    expect((await store.projections.status("totals")).state).toBe("idle");
  });

  test("is asked about first, when it takes something away", async () => {
    const { run, store } = await aShopWithTotals();
    const no = await run("projections remove totals", { ...asTerminal, stdin: "n\n" });
    expect(no).toMatchObject({ exitCode: 1, out: "" });
    expect(no.err).toContain(
      "Forget the projection totals, its read model and everything that is parked? [y/N]",
    );
    expect(no.err).toContain("Nothing was changed.");
    const yes = await run("projections remove totals", { ...asTerminal, stdin: "y\n" });
    expect(yes).toMatchObject({ exitCode: 0, out: "Removed totals.\n" });
    expect(await store.projections.list()).toEqual([]);
  });

  test.each([
    ["start", 0],
    ["end", 3],
    ["2", 2],
    ["2026-11-21T08:00:00Z", 0],
  ])("lets a consumer begin again at %s", async (place, position) => {
    const { run, store } = await aShopWithParked();
    const { out } = await run(`consumers reset emails --to ${place} --yes`);
    expect(out).toMatch(/^emails begins again (at|after) /);
    expect((await store.consumers.status("emails")).position).toBe(position);
  });

  test("deals the keys of a consumer out anew", async () => {
    const { run, store } = await aShopWithParked();
    expect((await run("consumers partitions emails 5")).out).toBe("emails has 5 partitions now.\n");
    expect((await store.consumers.status("emails")).partitions).toHaveLength(5);
  });

  test("is waited for with a progress bar", async () => {
    const { run, store, pay } = await aShopWithTotals();
    await using _runner = await store.runProjections([totals]);
    await pay("account-1", 1);
    const { out, err, exitCode } = await run("projections rebuild totals", asTerminal);
    expect(exitCode).toBe(0);
    expect(out).toBe("Rebuilt totals version 1 up to position 3, 1 document.\n");
    expect(err).toMatch(/Rebuilding totals [█░]{20} \d+ % · \d+ events · \d+\/s · /);
  });

  test("goes on without the command that was interrupted", async () => {
    const { run, store } = await aShopWithTotals();
    await using _runner = await store.runProjections([totals]);
    const signal = AbortSignal.abort();
    const { err, exitCode } = await run("projections rebuild totals", { signal });
    expect(err).toContain("The process that runs the projection goes on with it");
    expect(exitCode).toBe(130);
  });
});

describe("parked events", () => {
  test("are listed with their errors", async () => {
    const { run } = await aShopWithParked();
    const { out } = await run("parked list");
    expect(out.replace(/error {2}.*ago: /, "error  just now: ")).toMatchInlineSnapshot(`
      "KEY        POSITION  TYPE  STATE   TRIES  OWNER
      account-2         2  Paid  failed      1  consumer emails
        error  just now: no such mailbox
      account-2         3  Paid  held        -  consumer emails
      "
    `);
  });

  test.each([
    ["--key account-2", 2],
    ["--key account-1", 0],
    ["--limit 1", 1],
    ["--consumer emails", 2],
  ])("are chosen by %s", async (options, count) => {
    const { run } = await aShopWithParked();
    expect(jsonOf(await run(`parked list --json ${options}`))).toHaveLength(count);
  });

  test("are shown with the event, the error, its stack and when it failed", async () => {
    const { run } = await aShopWithParked();
    const { out } = await run("parked show --consumer emails --all");
    expect(out.replaceAll(/^ +at .*\n/gm, "")).toMatchInlineSnapshot(`
      "#2  Paid  account-2@0
        recorded  2026-11-21T08:40:00.000Z
        id        00000000-0000-7000-8000-000000000002
        data      {
                    "amount": -1
                  }
        parked    2026-11-21T08:40:00.000Z by the consumer emails, under the key account-2
        state     failed
        attempts  1, at 2026-11-21T08:40:00.000Z
        error     Error: no such
                  mailbox

      #3  Paid  account-2@1
        recorded  2026-11-21T08:40:00.000Z
        id        00000000-0000-7000-8000-000000000003
        data      {
                    "amount": 3
                  }
        parked    2026-11-21T08:40:00.000Z by the consumer emails, under the key account-2
        state     held: it waits for an earlier event of its key
      "
    `);
    expect(out).toMatch(/^ {12}at .*work-commands\.test\.ts/m);
  });

  test.each(["list --key account-9", "show --consumer emails --position 9"])(
    "that are not there are said not to be by %s",
    async (command) => {
      const { run } = await aShopWithParked();
      const { out, err, exitCode } = await run(`parked ${command}`);
      expect({ out, err, exitCode }).toEqual({ out: "", err: "Nothing of that is parked.\n", exitCode: 0 });
    },
  );

  test.each(["replay", "discard --yes"])("that are not there can not be chosen by %s", async (command) => {
    const { run } = await aShopWithParked();
    const { err, exitCode } = await run(`parked ${command} --consumer emails --position 9`);
    expect(err).toContain("[PARKED_UNKNOWN]");
    expect(exitCode).toBe(1);
  });

  test("are shown to programs with the event", async () => {
    const { run } = await aShopWithParked();
    const [shown] = jsonOf<ParkedEvent & { event: object }>(
      await run("parked show --consumer emails --position 2 --json"),
    );
    expect(shown).toMatchObject({ state: "failed", event: { data: { amount: -1 } } });
  });

  test("are replayed while somebody waits, at the rate that was asked for", async () => {
    const { run, store } = await aShopWithParked();
    const sent: number[] = [];
    await using _member = await store.consume(emails((amount) => sent.push(amount)));
    const { out, err, exitCode } = await run("parked replay --consumer emails --all --rate 1000", asTerminal);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^Replayed 2 events of the consumer emails in /);
    expect(err).toMatch(/Replaying [█░]{20} \d+ % · \d events/);
    expect(sent).toEqual([-1, 3]);
  });

  test("that fail again make the command fail", async () => {
    const { run, store } = await aShopWithParked();
    await using _member = await store.consume(emails(refuseNegative));
    const { out, exitCode } = await run("parked replay --consumer emails --position 3");
    expect(exitCode).toBe(1);
    expect(out).toContain("Replayed 0 of 2 events of the consumer emails; the others failed again");
  });

  test("of a paused consumer are not waited for", async () => {
    const { run, store } = await aShopWithParked();
    await store.consumers.pause("emails");
    const outcome = await run("parked replay --consumer emails --all --json");
    expect(outcome.exitCode).toBe(1);
    expect(jsonOf(outcome)).toMatchObject([{ name: "emails", replayed: 0, left: 2, hindrance: "paused" }]);
  });

  test("are given up only when it is meant", async () => {
    const { run } = await aShopWithParked();
    const discard = "parked discard --consumer emails --position 2";
    expect(await run(discard)).toMatchObject({ exitCode: 2, out: "" });
    const asked = await run(discard, { ...asTerminal, stdin: "\n" });
    expect(asked.err).toContain("Give up the parked event at position 2 of the consumer emails? [y/N]");
    expect((await run(`${discard} --yes`)).out).toBe("Gave up 1 parked event of the consumer emails.\n");
  });

  test("are counted by stats", async () => {
    const { run } = await aShopWithParked();
    expect(jsonOf(await run("stats --json"))).toMatchObject([{ projections: 0, consumers: 1, parked: 2 }]);
  });
});

test.each([
  ["projections run", "--definitions", 2],
  ["projections run --once --definitions no-such.js", "[FILE_UNREADABLE]", 1],
  ["projections rebuild", "which projection? Give its name", 2],
  ["projections rebuild --no-wait --definitions no-such.js", "exclude each other", 2],
  ["projections status other", "[PROJECTION_UNKNOWN]", 1],
  ["projections pause other", "[PROJECTION_UNKNOWN]", 1],
  ["projections remove other --yes", "[PROJECTION_UNKNOWN]", 1],
  ["consumers status other", "[CONSUMER_UNKNOWN]", 1],
  ["consumers pause other", "[CONSUMER_UNKNOWN]", 1],
  ["consumers reset other", "--to", 2],
  ["consumers reset other --to yesterday", "It must be start, end, a position", 2],
  ["consumers partitions other 0", "It must be an integer from 1 to 1024", 2],
  ["parked list --consumer a --projection b", "exclude each other", 2],
  ["parked show --all", "Whose parked events?", 2],
  ["parked show --consumer a", "Which parked events?", 2],
  ["parked replay --consumer a --all --key k", "--all excludes", 2],
  ["parked replay --consumer a --all --rate 0", "It must be an integer from 1", 2],
  ["parked list --consumer other", "[CONSUMER_UNKNOWN]", 1],
  ["parked list --projection other", "[PROJECTION_UNKNOWN]", 1],
  ["parked show --consumer other --all", "[CONSUMER_UNKNOWN]", 1],
  ["parked replay --consumer other --all", "[CONSUMER_UNKNOWN]", 1],
  ["parked discard --consumer other --all --yes", "[CONSUMER_UNKNOWN]", 1],
])("refuses %s", async (args, message, code) => {
  const { err, exitCode } = await aShop().run(args);
  expect(err.toLowerCase()).toContain(message.toLowerCase());
  expect(exitCode).toBe(code);
});
