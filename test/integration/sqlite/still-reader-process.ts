/**
 * Keeps a store open for reading, as a user may who has no rights but those that the permissions give, and answers each line
 * of its input with what a look at the log came to a moment later.
 */
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { isHithertoError } from "../../../src/core/errors.ts";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import { lookIntervalMs } from "../../../src/sqlite/store-file.ts";

await using store = await openSqliteStore(process.argv[2]!, { mode: "read" });
console.log("open");
for await (const _ of createInterface({ input: process.stdin })) {
  await setTimeout(lookIntervalMs + 1);
  try {
    console.log(await store.head());
  } catch (error) {
    console.log(isHithertoError(error) ? error.message : String(error));
  }
}
