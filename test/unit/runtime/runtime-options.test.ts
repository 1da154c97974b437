import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import { planRuntime } from "../../../src/runtime/runtime-options.ts";
import type { RuntimeOptions } from "../../../src/runtime/runtime-options.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";

describe("the runtime's options", () => {
  test.each<[string, unknown]>([
    ["no object", 7],
    ["snapshots that are true", { snapshots: true }],
    ["a period of no events", { snapshots: { every: 0 } }],
    ["half a snapshot", { snapshots: { keep: 0.5 } }],
    ["a negative age", { snapshots: { maxAgeMs: -1 } }],
    ["a negative cache", { cacheSize: -1 }],
    ["a clock that is a Date", { clock: new Date(0) }],
    ["randomness that is a number", { random: 0.5 }],
    ["a hook that is no function", { onError: "log" }],
  ])("refuse %s", (_, options) => {
    expect(() => createHitherto(openMemoryStore(), options as RuntimeOptions)).toThrow(
      expect.objectContaining({ code: "ARGUMENT_INVALID" }),
    );
  });

  test("report also what is no error and has no text", async () => {
    const warned = once(process, "warning");
    const error: unknown = Object.create(null);
    planRuntime().report({ operation: "consumer", definition: "mails", error });
    const [warning] = (await warned) as [Error];
    expect(warning.message).toBe('consumer "mails": an object was thrown');
  });

  test("report to a process warning by default, and also when the hook is broken", async () => {
    const broken = (): never => {
      throw new Error("the hook is broken");
    };
    for (const options of [{}, { onError: broken }]) {
      const warned = once(process, "warning");
      const error = new Error("full");
      planRuntime(options).report({
        operation: "snapshot.save",
        stream: "account-42",
        definition: "account",
        error,
      });
      const [warning] = (await warned) as [Error];
      expect(warning).toMatchObject({
        name: "HithertoWarning",
        message: 'snapshot.save "account" on stream "account-42": full',
      });
    }
  });
});
