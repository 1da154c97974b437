import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { projection } from "../../../src/core/projection.ts";
import { open } from "../../../src/runtime/open.ts";
import type { ParkedEvent } from "../../../src/runtime/work-admin.ts";
import type { ConsumerStatus, ProjectionStatus } from "../../../src/runtime/work-status.ts";
import { finished, start, startNode } from "./hitherto-process.ts";
import type { Outcome } from "./hitherto-process.ts";
import { workshop } from "./read-side-programs.ts";

interface Shop {
  readonly at: (name: string) => string;
  /** Runs the command in the shop's folder. */
  run(...args: string[]): Promise<Outcome>;
  begin(...args: string[]): ChildProcessWithoutNullStreams;
  /** What a command prints with `--json`, a line each. */
  json<Value>(...args: string[]): Promise<Value[]>;
  order(stream: string, ...amounts: number[]): Promise<void>;
}

async function aShop(): Promise<Shop> {
  const at = workshop();
  const begin = (...args: string[]): ChildProcessWithoutNullStreams =>
    start([...args, "--store", at("shop.db")], {}, at("."));
  const run = (...args: string[]): Promise<Outcome> => {
    const child = begin(...args);
    child.stdin.end();
    return finished(child);
  };
  const order = async (stream: string, ...amounts: number[]): Promise<void> => {
    await using store = await open(at("shop.db"));
    await store.append({ stream, events: amounts.map((amount) => ({ type: "Ordered", data: { amount } })) });
  };
  await order("order-1", 10);
  const json = async <Value>(...args: string[]): Promise<Value[]> =>
    linesOf((await run(...args, "--json")).out).map((line) => JSON.parse(line) as Value);
  return { at, run, begin, json, order };
}

const linesOf = (text: string): string[] => text.split("\n").filter(Boolean);

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await setTimeout(20);
}

/** Starts a process, and waits for it to print something. */
async function started(child: ChildProcessWithoutNullStreams, text: string): Promise<void> {
  let seen = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (seen += chunk));
  }
  await until(() => {
    if (child.exitCode !== null) throw new Error(`it ended: ${seen}`);
    return seen.includes(text);
  });
}

describe("consumers and parked events", () => {
  async function aShopWithMail(): Promise<Shop & { sent: () => string[] }> {
    const shop = await aShop();
    await started(startNode(["emails.ts"], shop.at(".")), "consuming");
    const sent = (): string[] =>
      existsSync(shop.at("sent.txt")) ? linesOf(readFileSync(shop.at("sent.txt"), "utf8")) : [];
    await until(() => sent().includes("order-1@0"));
    return { ...shop, sent };
  }

  const parkedOf = ({ json }: Shop): Promise<ParkedEvent[]> => json("parked", "list", "--consumer", "emails");

  test("are seen, replayed and discarded from another process", async () => {
    const shop = await aShopWithMail();
    const { at, run, order, sent } = shop;
    await order("order-2", -1, 2, 3);
    await order("order-3", 4);
    await until(async () => (await parkedOf(shop)).length === 3);
    expect((await parkedOf(shop)).map(({ key, state }) => [key, state])).toEqual([
      ["order-2", "failed"],
      ["order-2", "held"],
      ["order-2", "held"],
    ]);
    await until(() => sent().includes("order-3@0"));

    const shown = await run("parked", "show", "--consumer", "emails", "--position", "2");
    expect(shown.out).toMatch(/^#2 {2}Ordered {2}order-2@0$/m);
    expect(shown.out).toContain("Error: no such mailbox");
    expect(shown.out).toMatch(/^ +at .*emails\.ts/m);

    const refused = await run("parked", "replay", "--consumer", "emails", "--key", "order-2");
    expect(refused).toMatchObject({ exitCode: 1 });
    expect(refused.out).toContain("the others failed again, or wait behind one that did");

    writeFileSync(at("antidote"), "");
    const replayed = await run("parked", "replay", "--consumer", "emails", "--position", "4", "--json");
    expect(replayed.exitCode).toBe(0);
    expect(JSON.parse(replayed.out)).toMatchObject({ events: 3, replayed: 3, left: 0 });
    expect(sent()).toEqual(["order-1@0", "order-3@0", "order-2@0", "order-2@1", "order-2@2"]);
    expect(await parkedOf(shop)).toEqual([]);
  });

  test("let a key go on when the event in its way is given up", async () => {
    const shop = await aShopWithMail();
    const { run, order, sent } = shop;
    await order("order-2", -1, 2);
    await until(async () => (await parkedOf(shop)).length === 2);
    const selection = ["--consumer", "emails", "--position", "2"];
    expect(await run("parked", "discard", ...selection)).toMatchObject({ exitCode: 2, out: "" });
    expect(await run("parked", "discard", ...selection, "--yes")).toMatchObject({
      exitCode: 0,
      out: "Gave up 1 parked event of the consumer emails.\n",
    });
    await until(() => sent().includes("order-2@1"));
    expect(sent()).not.toContain("order-2@0");
    await until(async () => (await parkedOf(shop)).length === 0);
  });

  test("are paused, resumed and reset from another process", async () => {
    const { run, json, order, sent } = await aShopWithMail();
    const statusOf = async (): Promise<ConsumerStatus> =>
      (await json<ConsumerStatus>("consumers", "status", "emails"))[0]!;
    expect((await run("consumers", "pause", "emails")).out).toBe("Paused emails.\n");
    await setTimeout(300);
    await order("order-2", 2);
    await setTimeout(300);
    expect(sent()).toEqual(["order-1@0"]);
    expect(await statusOf()).toMatchObject({ state: "paused", lag: { events: 1 } });
    await run("consumers", "resume", "emails");
    await until(() => sent().includes("order-2@0"));
    await run("consumers", "partitions", "emails", "3");
    expect((await statusOf()).partitions).toHaveLength(3);
    await run("consumers", "reset", "emails", "--to", "start", "--yes");
    await until(() => sent().length === 4);
  });
});

describe("projections", () => {
  const runOrders = ["projections", "run", "--definitions", "orders.ts"];
  const definition = projection("orders", {
    initial: () => ({ total: 0 }),
    evolve: { Ordered: (state) => state },
  });

  async function aShopWithOrders(): Promise<Shop> {
    const shop = await aShop();
    await shop.run(...runOrders, "--once");
    return shop;
  }

  const statusOf = async ({ json }: Shop): Promise<ProjectionStatus> =>
    (await json<ProjectionStatus>("projections", "status", "orders"))[0]!;

  test("are run until they have caught up", async () => {
    const shop = await aShop();
    expect(await shop.run(...runOrders, "--once")).toMatchObject({
      exitCode: 0,
      out: "Caught up: orders version 1 up to position 1, 1 document.\n",
      err: "",
    });
    expect(await statusOf(shop)).toMatchObject({ state: "idle", version: 1, position: 1, documents: 1 });
  });

  test("are run until interrupted, and show what happens", async () => {
    const shop = await aShop();
    const child = shop.begin(...runOrders);
    const outcome = finished(child);
    await until(async () => (await shop.run("projections", "list")).out.includes("live"));
    expect((await statusOf(shop)).owner).toContain(`/${child.pid}`);
    child.kill("SIGINT");
    const { exitCode, out } = await outcome;
    expect(exitCode).toBe(0);
    expect(out).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}orders {2}live$/m);
  });

  test("end without an error when nobody reads any more what happens", async () => {
    const shop = await aShop();
    const child = shop.begin(...runOrders);
    await started(child, "live");
    const ended = once(child, "exit");
    child.stdout.destroy();
    await shop.run("projections", "pause", "orders");
    expect(await ended).toEqual([0, null]);
  });

  test("that nobody runs cannot be waited for", async () => {
    const { run } = await aShopWithOrders();
    const { exitCode, out } = await run("projections", "rebuild", "orders");
    expect(exitCode).toBe(1);
    expect(out).toContain("No process runs orders now; it is built when one does.");
    expect(out).toContain("hitherto projections run orders --once --definitions FILE");
  });

  test("are rebuilt by the process that runs them, while somebody waits", async () => {
    const shop = await aShop();
    await started(shop.begin(...runOrders), "live");
    expect(await shop.run("projections", "rebuild", "orders")).toMatchObject({
      exitCode: 0,
      out: "Rebuilt orders version 1 up to position 1, 1 document.\n",
    });
  });

  test("are mended by a new version while readers read, without a wrong answer in between", async () => {
    const shop = await aShop();
    await shop.order("order-1", ...Array.from({ length: 2_000 }, () => 1));
    await shop.run(...runOrders, "--once");
    await using store = await open(shop.at("shop.db"), { mode: "read" });
    const readModel = store.readModel(definition);
    const answers = new Set<string>();
    let position = 0;
    const end = new AbortController();
    const reading = (async () => {
      while (!end.signal.aborted) {
        const answer = await readModel.get("1");
        expect(answer.position).toBeGreaterThanOrEqual(position);
        ({ position } = answer);
        answers.add(`version ${answer.version}: ${answer.document?.total}`);
        await setTimeout(1);
      }
    })();
    const rebuilt = await shop.run("projections", "rebuild", "--definitions", "mended.ts");
    expect(rebuilt).toMatchObject({ exitCode: 0 });
    expect(rebuilt.out).toContain("Rebuilt orders version 2 up to position 2,001");
    await setTimeout(20);
    end.abort();
    await reading;
    expect([...answers]).toEqual(["version 1: 2010", "version 2: 4020"]);
  });

  test("of an older version are refused", async () => {
    const shop = await aShop();
    await shop.run("projections", "run", "--once", "--definitions", "mended.ts");
    const { exitCode, err } = await shop.run(...runOrders, "--once");
    expect(err).toContain("[PROJECTION_OUTDATED]");
    expect(exitCode).toBe(1);
  });

  test("that halt end the wait for them, and say why", async () => {
    const shop = await aShop();
    await shop.order("order-2", -1);
    const { exitCode, out } = await shop.run(...runOrders, "--once");
    expect(exitCode).toBe(1);
    expect(out).toContain("orders halted at position 2");
    expect(out).toContain("negative amount");
  });

  test("park what they fail on when they are told to", async () => {
    const shop = await aShop();
    await shop.order("order-2", -1, 5);
    const { exitCode, out } = await shop.run(...runOrders, "--once", "--on-error", "park");
    expect({ exitCode, out }).toMatchObject({ exitCode: 0 });
    const parked = await shop.json<ParkedEvent>("parked", "list", "--projection", "orders");
    expect(parked.map(({ key, state }) => [key, state])).toEqual([
      ["2", "failed"],
      ["2", "held"],
    ]);
    const shown = await shop.run("parked", "show", "--projection", "orders", "--position", "2");
    expect(shown.out).toMatch(/^ {12}Caused by: Error: negative amount\n +at .*orders\.ts/m);
  });

  test("are emptied and built in place, and removed, only when it is meant", async () => {
    const shop = await aShop();
    await started(shop.begin(...runOrders), "live");
    expect(await shop.run("projections", "reset", "orders")).toMatchObject({ exitCode: 2, out: "" });
    expect(await shop.run("projections", "reset", "orders", "--yes")).toMatchObject({
      exitCode: 0,
      out: "Built orders version 1 up to position 1, 1 document.\n",
    });
    expect(await shop.run("projections", "remove", "orders")).toMatchObject({ exitCode: 2, out: "" });
  });

  test("are gone once they are removed", async () => {
    const { run } = await aShopWithOrders();
    expect((await run("projections", "remove", "orders", "--yes")).out).toBe("Removed orders.\n");
    const { out, err, exitCode } = await run("projections", "list");
    expect({ out, exitCode }).toEqual({ out: "", exitCode: 0 });
    expect(err).toContain("This store knows no projections. Run some");
  });

  test("are watched until interrupted: a line for each change, for programs", async () => {
    const shop = await aShopWithOrders();
    const child = shop.begin("projections", "list", "--watch", "--json");
    let seen = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (seen += chunk));
    const outcome = finished(child);
    await until(() => seen !== "");
    await shop.run("projections", "pause", "orders");
    await until(() => linesOf(seen).length === 2);
    child.kill("SIGINT");
    expect((await outcome).exitCode).toBe(0);
    expect(linesOf(seen).map((line) => (JSON.parse(line) as ProjectionStatus).state)).toEqual([
      "idle",
      "paused",
    ]);
  });

  test.each([
    [["projections", "run", "--once", "--definitions", "no-such.ts"], "[FILE_UNREADABLE]", 1],
    [
      ["projections", "run", "--once", "--definitions", "broken.js"],
      "importing it failed with SyntaxError",
      1,
    ],
    [["projections", "run", "--once", "--definitions", "empty.js"], "empty.js exports no projection", 2],
    [["projections", "run", "other", "--once", "--definitions", "orders.ts"], 'no projection "other"', 2],
  ])("refuse %j", async (args, message, code) => {
    const { at, run } = await aShop();
    writeFileSync(at("broken.js"), "export const = 1;");
    writeFileSync(at("empty.js"), "export const nothing = 1;");
    const { err, exitCode } = await run(...args);
    expect(err.toLowerCase()).toContain(message.toLowerCase());
    expect(exitCode).toBe(code);
  });
});
