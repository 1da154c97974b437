/**
 * Threads that do not start or do not end by themselves: every promise settles, and a process never ends before.
 *
 * Each program runs in a process of its own, whose threads get a preload: code that `--import` names runs in threads too.
 */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const source = new URL("../../../src/sqlite/index.ts", import.meta.url).href;

interface Ending {
  readonly code: number;
  readonly printed: string;
}

/** Runs `program` with `open`, `say` (prints what a promise settles to) and `path`; `preload` runs before, in threads only. */
async function run(preload: string, program: string): Promise<Ending> {
  const path = scratch.path();
  const [preloadFile, programFile] = [`${path}.preload.mjs`, `${path}.program.mjs`];
  writeFileSync(
    preloadFile,
    `import { isMainThread, workerData } from "node:worker_threads";
     if (!isMainThread) { ${preload} }`,
  );
  writeFileSync(
    programFile,
    `import { openSqliteStore as open } from ${JSON.stringify(source)};
     const path = ${JSON.stringify(path)};
     const say = (work) => work.then(
       (value) => console.log("done", JSON.stringify(value)),
       (error) => console.log(error.code, error.message),
     );
     ${program}`,
  );
  const flags = ["--no-warnings", "--import", pathToFileURL(preloadFile).href, programFile];
  return new Promise((resolve) => {
    execFile(process.execPath, flags, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), printed: stdout });
    });
  });
}

/** What the writer does when it has committed its first write, in place of answering. */
const onFirstAnswer = (body: string): string => `
  const { MessagePort } = await import("node:worker_threads");
  MessagePort.prototype.postMessage = ((post) => function (message) {
    if (typeof message === "string") ${body};
    return post.call(this, message);
  })(MessagePort.prototype.postMessage);`;

/** What agents that watch a process do: timers, and a handler for every uncaught error. */
const busy = `setInterval(() => undefined, 1000); process.on("uncaughtException", () => undefined);`;

const append = `append({ events: [{ type: "ThingDone", data: 1 }] })`;

describe("opening a store whose writer thread does not start", () => {
  test.for([
    ["throws", `throw new Error("not in threads");`, "not in threads"],
    ["throws nothing", `throw undefined;`, "before it was ready"],
    ["exits", `process.exit(0);`, "before it was ready"],
    [
      "opens a store",
      `const { openSqliteStore } = await import(${JSON.stringify(source)}); await openSqliteStore("other.db");`,
      "opens a store in the writer thread of a store",
    ],
    ["never ends", `await new Promise(() => undefined);`, "before it was ready"],
  ] as const)("because a preload %s fails with THREAD_NOT_STARTED", async ([, preload, problem]) => {
    const { code, printed } = await run(preload, `await say(open(path)); console.log("end");`);
    expect(printed).toMatch(/^THREAD_NOT_STARTED The writer thread of .* did not start: /);
    expect(printed).toContain(problem);
    expect(printed).toMatch(/\nend\n$/);
    expect(code).toBe(0);
  });

  test("lets it be opened for reading only, where verify and backup fail with THREAD_NOT_STARTED", async () => {
    const program = `
      await say(open(path));
      const store = await open(path, { mode: "read" });
      await say(store.head());
      await say(store.verify());
      await say(store.backup(path + ".copy"));
      await say(store.close());`;
    const { code, printed } = await run(`process.exit(0);`, program);
    expect(printed.split("\n").slice(1)).toEqual([
      "done 0",
      expect.stringMatching(/^THREAD_NOT_STARTED The verify thread of /),
      expect.stringMatching(/^THREAD_NOT_STARTED The backup thread of /),
      "done undefined",
      "",
    ]);
    expect(code).toBe(0);
  });

  test("leaves a file that can be opened elsewhere, and nothing locked", async () => {
    const path = scratch.path();
    const { printed } = await run(`throw new Error("no");`, `await say(open(${JSON.stringify(path)}));`);
    expect(printed).toContain("THREAD_NOT_STARTED");
    await using store = await openSqliteStore(path, { busyTimeoutMs: 0 });
    expect((await store.append({ events: [{ type: "ThingDone", data: 1 }] })).position).toBe(1);
  });
});

describe("a thread that ends later", () => {
  test("fails writes and verify with STORE_IO, and the process lives until then", async () => {
    const preload = onFirstAnswer(`process.exit()`);
    const { code, printed } = await run(
      preload,
      `const store = await open(path); await say(store.${append}); await say(store.${append}); await say(store.close());`,
    );
    expect(printed.split("\n")).toEqual([
      expect.stringMatching(/^STORE_IO .*the writer thread ended: it has not said why/),
      expect.stringMatching(/^STORE_IO .*the writer thread ended/),
      "done undefined",
      "",
    ]);
    expect(code).toBe(0);
  });

  test("says what it ended of, also when a preload catches every error", async () => {
    const preload = `${onFirstAnswer(`throw new Error("worn out")`)} ${busy}`;
    const { printed } = await run(preload, `const store = await open(path); await say(store.${append});`);
    expect(printed).toMatch(/^STORE_IO .*worn out/);
  });
});

test("a preload with timers of its own does not keep close, verify or the process waiting", async () => {
  const program = `
      const store = await open(path);
      for (let n = 0; n < 60; n++) await store.${append};
      await say(store.verify().then(({ events }) => events));
      await say(store.close());`;
  const { code, printed } = await run(busy, program);
  expect(printed).toBe("done 60\ndone undefined\n");
  expect(code).toBe(0);
});
