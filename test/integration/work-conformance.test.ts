/**
 * The kits for projections and consumers, and what they are made of: a stalled store is a store, and a store or a
 * definition that breaks a promise fails the test that guards it.
 */
import { openMemoryStore } from "hitherto/store";
import { storeConformance } from "hitherto/testing";
import { describe, expect, test } from "vitest";
import { stallable } from "../../src/testing/conformance/work/stallable-store.ts";

storeConformance({
  name: "a store that can be stalled",
  runner: { describe, test },
  open: () => stallable(openMemoryStore()).store,
  skip: { "flat memory: memory stays flat while reading the log, a stream backwards, and following": "slow" },
});

describe("a stalled store", () => {
  test("answers nothing until it is woken", async () => {
    const { store, stall, wake } = stallable(openMemoryStore());
    const events = [{ type: "A", data: 1 }];
    const answers: string[] = [];
    const early = store.append({ stream: "s", events }).then(() => answers.push("early"));
    const pages = store.subscribe().pages()[Symbol.asyncIterator]();
    store.readSide.watch(() => answers.push("watch"));
    stall();
    const late = store.append({ stream: "s", events, expect: 0 }).then(() => answers.push("late"));
    const page = pages.next().then(() => answers.push("page"));
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    expect(answers).toEqual([]);
    wake();
    await Promise.all([early, late, page]);
    expect(new Set(answers)).toEqual(new Set(["early", "late", "page", "watch"]));
    await store.close();
  });
});
