/**
 * The commands that hide events and free their space.
 */
import { describe, expect, test } from "vitest";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { cliOn } from "./run-cli.ts";

async function aShop(): Promise<ReturnType<typeof cliOn>> {
  const store = openMemoryStore();
  for (let n = 0; n < 5; n++) {
    await store.append({ stream: "order-1", events: [{ type: "OrderPlaced", data: { n } }] });
  }
  return cliOn(store);
}

const revisionsOf = async ({ store }: Pick<ReturnType<typeof cliOn>, "store">): Promise<number[]> =>
  (await store.readStream("order-1").toArray()).map(({ revision }) => revision);

describe("delete and tombstone", () => {
  test("hide a stream, when that is confirmed", async () => {
    const shop = await aShop();
    const refused = await shop.run(["delete", "order-1"]);
    expect(refused.err).toContain("add --yes if it is meant");
    expect(refused.exitCode).toBe(2);
    const asked = await shop.run(["delete", "order-1"], { isTerminal: true, stdin: "n\n" });
    expect(asked.err).toContain("Delete the stream order-1? Its last revision is 4.");
    expect(asked.exitCode).toBe(1);
    expect(await revisionsOf(shop)).toHaveLength(5);

    const { out, exitCode } = await shop.run(["delete", "order-1", "--yes"]);
    expect(out).toBe("Deleted order-1. Its bytes stay in the files until hitherto reclaim --erase.\n");
    expect(exitCode).toBe(0);
    expect(await revisionsOf(shop)).toEqual([]);

    const closed = await shop.run(["tombstone", "order-1", "--yes", "--json"]);
    expect(JSON.parse(closed.out)).toEqual({ stream: "order-1", state: "tombstoned" });
  });

  test("are refused when the stream is not as expected", async () => {
    const { run } = await aShop();
    for (const command of ["delete", "tombstone"]) {
      const { err, exitCode } = await run([command, "order-1", "--expect", "3", "--yes"]);
      expect(err).toContain("[REVISION_CONFLICT]");
      expect(exitCode).toBe(1);
    }
  });
});

describe("policy", () => {
  test("shows and sets how much is kept", async () => {
    const shop = await aShop();
    const policy = async (...args: string[]): Promise<string> =>
      (await shop.run(["policy", "order-1", ...args])).out;
    expect(await policy()).toBe("order-1 keeps everything.\n");
    expect(await policy("--max-count", "2")).toBe("order-1 keeps only the last 2 events.\n");
    expect(await revisionsOf(shop)).toEqual([3, 4]);
    expect(await policy("--max-age", "36h", "--json")).toBe(
      '{"stream":"order-1","policy":{"maxAgeMs":129600000}}\n',
    );
    expect(await policy("--truncate-before", "1", "--yes")).toBe(
      "order-1 keeps only events from revision 1 on.\n",
    );
    expect(await policy("--none")).toBe("order-1 keeps only events from revision 1 on.\n");
    expect(await revisionsOf(shop)).toEqual([1, 2, 3, 4]);
  });

  test.each([
    [["--max-count", "0"], "It must be an integer from 1"],
    [["--max-age", "30"], "It must be a number and a unit"],
    [["--max-age", "0d"], "It must be a number and a unit"],
    [["--none", "--max-count", "3"], "--none lifts the policy"],
    [["--truncate-before", "3"], "add --yes if it is meant"],
  ])("refuses %j", async (args, message) => {
    const shop = await aShop();
    const { err, exitCode } = await shop.run(["policy", "order-1", ...args]);
    expect(err).toContain(message);
    expect(exitCode).toBe(2);
    expect(await revisionsOf(shop)).toHaveLength(5);
  });
});

describe("reclaim", () => {
  test("frees the space of hidden events, and erases them when told to", async () => {
    const { run, store } = await aShop();
    await store.setStreamPolicy("order-1", { maxCount: 3 });
    expect((await run(["reclaim"])).exitCode).toBe(2);
    expect((await run(["reclaim", "--yes"])).out).toMatch(/^Reclaimed 2 events in \d+ ms\.$/m);
    await store.deleteStream("order-1");
    const { out, exitCode } = await run(["reclaim", "--erase", "--yes"]);
    expect(out).toMatch(/^Reclaimed 3 events in .*\. No byte of what was deleted is left/);
    expect(exitCode).toBe(0);
    const json = await run(["reclaim", "--erase", "--yes", "--json"]);
    expect(JSON.parse(json.out)).toEqual({ events: 0, isErased: true });
  });

  test("fails when something is left, and says why", async () => {
    const store = openMemoryStore();
    const held = { events: 1, isErased: false, heldBack: "a process has been reading" };
    const { run } = cliOn(Object.assign(Object.create(store) as typeof store, { reclaim: async () => held }));
    const { out, exitCode } = await run(["reclaim", "--erase", "--yes"]);
    expect(out).toContain("not all bytes are erased: a process has been reading. Run it again.");
    expect(exitCode).toBe(1);
  });
});
