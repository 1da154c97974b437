/**
 * The thread that writes: what callers see of it when it dies, and that it does not hold up their event loop.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { isHithertoError, limits } from "hitherto/core";
import { openSqliteStore } from "hitherto/sqlite";
import type { AppendResult, EventStore } from "hitherto/store";
import { afterAll, describe, expect, test } from "vitest";
import { WriteQueue } from "../../../src/sqlite/write-queue.ts";
import { expectTurns } from "../../../src/testing/conformance/event-loop.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const append = (store: EventStore, n: number): Promise<AppendResult> =>
  store.append({ stream: "thing-1", events: [{ type: "ThingDone", data: n }] });

/** Opens a store and catches the thread that it starts. */
async function openWithThread(path: string): Promise<[EventStore, Worker]> {
  const started = once(process, "worker") as Promise<[Worker]>;
  const store = await openSqliteStore(path);
  const [thread] = await started;
  return [store, thread];
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => "it succeeded",
    (reason: unknown) => reason,
  );
  return isHithertoError(error) ? error.code : String(error);
}

describe("a writer thread that dies", () => {
  test("fails the writes under way and every later one with STORE_IO", async () => {
    const [store, thread] = await openWithThread(scratch.path());
    await append(store, 0);
    const underway = Array.from({ length: 50 }, (_, n) => codeOf(append(store, n)));
    await thread.terminate();
    const codes = new Set(await Promise.all(underway));
    codes.delete("it succeeded");
    expect([...codes]).toEqual(["STORE_IO"]);
    expect(await codeOf(append(store, 1))).toBe("STORE_IO");
    expect(await codeOf(store.setStreamPolicy("thing-1", { maxCount: 1 }))).toBe("STORE_IO");
    expect(await codeOf(store.reclaim())).toBe("STORE_IO");
    await store.close();
    expect(await codeOf(append(store, 1))).toBe("STORE_CLOSED");
  });

  test("leaves reads as they were, and a file that opens", async () => {
    const path = scratch.path();
    const [store, thread] = await openWithThread(path);
    await append(store, 0);
    await thread.terminate();
    expect((await store.read().toArray()).map((event) => event.data)).toEqual([0]);
    await store.close();
    await using again = await openSqliteStore(path);
    expect((await append(again, 1)).revision).toBe(1);
  });

  test("that dies of an error says which", async () => {
    const [store, thread] = await openWithThread(scratch.path());
    const error = new Error("out of luck");
    thread.emit("error", error);
    const failing = append(store, 0);
    await thread.terminate();
    await expect(failing).rejects.toMatchObject({ code: "STORE_IO", cause: error });
    await store.close();
  });

  test("lets close return while writes are under way", async () => {
    const [store, thread] = await openWithThread(scratch.path());
    const underway = Array.from({ length: 200 }, (_, n) => codeOf(append(store, n)));
    const closing = store.close();
    await thread.terminate();
    await closing;
    for (const code of await Promise.all(underway)) expect(["it succeeded", "STORE_IO"]).toContain(code);
  });
});

describe("a store that is closed", () => {
  test("has answered every write that was under way", async () => {
    const path = scratch.path();
    const store = await openSqliteStore(path);
    const underway = Array.from({ length: 500 }, (_, n) => append(store, n));
    await store.close();
    expect((await Promise.all(underway)).map((result) => result.revision)).toEqual(
      Array.from({ length: 500 }, (_, n) => n),
    );
  });
});

describe("the callers' event loop", () => {
  test("is not held up by syncing: its delay stays far below the time that the appends take", async () => {
    await using store = await openSqliteStore(scratch.path());
    for (let n = 0; n < 200; n++) await append(store, n); // warms up
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const began = performance.now();
    for (let n = 0; n < 300; n++) await append(store, n);
    const tookMs = performance.now() - began;
    delay.disable();
    // Each of the 300 appends syncs. On the caller's thread, the loop would have been held up for most of the time.
    expect(delay.percentile(50) / 1e6).toBeLessThan(5);
    expect(delay.max / 1e6).toBeLessThan(Math.max(50, tookMs / 3));
  });

  test("turns while a long log is read", async () => {
    await using store = await openSqliteStore(scratch.path());
    const events = Array.from({ length: 1000 }, (_, n) => ({ type: "ThingDone", data: { n } }));
    for (let n = 0; n < 100; n++) await store.append({ stream: `thing-${n}`, events });
    const turns: number[] = [];
    const timer = setInterval(() => turns.push(performance.now()), 5);
    const began = performance.now();
    let count = 0;
    for await (const page of store.read().pages()) count += page.length;
    const tookMs = performance.now() - began;
    clearInterval(timer);
    expect(count).toBe(100_000);
    const gaps = turns.map((at, index) => at - (turns[index - 1] ?? began));
    expect(turns.length).toBeGreaterThan(tookMs / 60);
    expect(Math.max(...gaps)).toBeLessThan(200);
  });
});

const source = new URL("../../../src/sqlite/index.ts", import.meta.url).href;

/** What a module given at the command line prints; `store` is open on a new file. */
async function outputOf(program: string): Promise<string> {
  const opening = `
    import { openSqliteStore } from ${JSON.stringify(source)};
    const store = await openSqliteStore(${JSON.stringify(scratch.path())});`;
  const flags = ["--no-warnings", "--input-type=module", "--eval"];
  return (await promisify(execFile)(process.execPath, [...flags, opening + program])).stdout;
}

describe("a program given at the command line", () => {
  test("appends, verifies, and ends only when what is pending has been acknowledged", async () => {
    const printed = await outputOf(`
      for (let n = 0; n < 60; n++) await store.append({ events: [{ type: "ThingDone", data: n }] });
      console.log((await store.verify()).events);
      void store.append({ events: [{ type: "ThingDone", data: 60 }] }).then(({ revision }) => console.log(revision));
    `);
    expect(printed).toBe("60\n60\n");
  });

  test("gets its answers also when a listener throws", async () => {
    const printed = await outputOf(`
      process.on("uncaughtException", (error) => console.log(error.message));
      store.readSide.watch(() => { throw new Error("the listener is broken"); });
      const { position } = await store.append({ events: [{ type: "ThingDone", data: 1 }] });
      console.log(position);
      process.exit();
    `);
    expect(printed).toContain("the listener is broken\n");
    expect(printed).toContain("1\n");
  });
});

test("more transactions than may wait are refused, and those that wait get their turn", async () => {
  const path = scratch.path();
  await using _ = await openSqliteStore(path);
  const connect = { path, mode: "write", durability: "os", busyTimeoutMs: 0, cacheBytes: 2 ** 20 } as const;
  const queue = new WriteQueue(connect, () => undefined);
  const holds = Array.from({ length: limits.appendsWaitingMax }, () => queue.hold());
  expect(await codeOf(queue.hold())).toBe("QUEUE_FULL");
  await expectTurns(() => codeOf(queue.hold()));
  const endFirst = await holds[0];
  endFirst?.();
  await holds[1];
  void queue.hold();
  await queue.close();
});
