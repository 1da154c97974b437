/**
 * What reads much runs in a small heap: a process with 64 MB works on 80 MB of events, which do not fit into it at once.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { HithertoError } from "hitherto/core";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startThread } from "../../../src/sqlite/start-thread.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const run = promisify(execFile);
const path = scratch.path();
const worker = fileURLToPath(new URL("small-heap-process.ts", import.meta.url));

beforeAll(async () => {
  await using store = await openSqliteStore(path, { durability: "os" });
  const data = "x".repeat(500_000);
  for (let n = 0; n < 160; n++) {
    await store.append({ stream: `scan-${n % 40}`, events: [{ type: "Scanned", data }] });
  }
}, 60_000);

describe("a process with a heap of 64 MB", () => {
  test.each(["verify", "exchange", "project", "consume"])(
    "can %s large events",
    { timeout: 120_000 },
    async (what) => {
      const { stdout } = await run(process.execPath, ["--max-old-space-size=64", worker, what, path]);
      expect(stdout.trim()).toBe("done");
    },
  );
});

test("a thread that runs out of memory says so, and what to do", { timeout: 60_000 }, async () => {
  const { ended } = startThread("verify", path, {
    workerData: {},
    resourceLimits: { maxOldGenerationSizeMb: 4, maxYoungGenerationSizeMb: 1 },
  });
  const error = await ended;
  expect(error).toBeInstanceOf(HithertoError);
  expect(error).toMatchObject({ code: "OUT_OF_MEMORY", details: { store: path, thread: "verify" } });
  expect(error!.message).toContain("--max-old-space-size");
});
