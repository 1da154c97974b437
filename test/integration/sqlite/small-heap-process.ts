/**
 * Does one thing with a store and says `done`: `small-heap-process.ts WHAT PATH`.
 */
import { setImmediate } from "node:timers/promises";
import { projection } from "../../../src/core/projection.ts";
import { consumer } from "../../../src/runtime/consumers/define-consumer.ts";
import { open } from "../../../src/runtime/open.ts";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import { exportEvents } from "../../../src/store/exchange/export-events.ts";
import { importEvents } from "../../../src/store/exchange/import-events.ts";

const [what = "", path = ""] = process.argv.slice(2);

const scans = projection("scans", {
  initial: () => ({ count: 0, last: "" }),
  evolve: { Scanned: ({ count }, data: string) => ({ count: count + 1, last: data }) },
});

async function* bytesOf(chunks: ReturnType<typeof exportEvents>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const { text } of chunks) yield Buffer.from(text);
}

const tasks: Readonly<Record<string, () => Promise<void>>> = {
  async verify() {
    await using store = await openSqliteStore(path);
    const report = await store.verify();
    if (!report.isSound) throw new Error(JSON.stringify(report));
  },

  async exchange() {
    await using store = await openSqliteStore(path);
    await using other = await openSqliteStore(`${path}-imported`, { durability: "os" });
    const { imported } = await importEvents(other, bytesOf(exportEvents(store)));
    if (imported !== (await store.head())) throw new Error(`${imported} events were imported`);
  },

  async project() {
    await using store = await open(`sqlite:${path}`);
    await using runner = await store.runProjections([scans]);
    await runner.caughtUp();
    await runner.stop();
  },

  async consume() {
    await using store = await open(`sqlite:${path}`);
    const slow = consumer("slow", { on: { Scanned: () => setImmediate() } });
    await using member = await store.consume(slow);
    await member.caughtUp();
    await member.stop();
  },
};

await tasks[what]!();
console.log("done");
