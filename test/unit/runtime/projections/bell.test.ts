import { performance } from "node:perf_hooks";
import { describe, expect, test } from "vitest";
import { Bell } from "../../../../src/runtime/projections/bell.ts";

async function waited(bell: Bell, ms: number): Promise<number> {
  const began = performance.now();
  await bell.wait(ms);
  return performance.now() - began;
}

describe("a bell", () => {
  test("ends a wait when it rings", async () => {
    const bell = new Bell();
    setTimeout(() => bell.ring(), 10);
    expect(await waited(bell, 5_000)).toBeLessThan(1_000);
  });

  test("that rang while nobody waited ends the next wait, and only that one", async () => {
    const bell = new Bell();
    bell.ring();
    bell.ring();
    expect(await waited(bell, 5_000)).toBeLessThan(1_000);
    expect(await waited(bell, 30)).toBeGreaterThan(20);
  });

  test("that does not ring lets the time pass", async () => {
    expect(await waited(new Bell(), 30)).toBeGreaterThan(20);
  });

  test("that rings all the time keeps nothing else from its turn", async () => {
    const bell = new Bell();
    const timer = { hasFired: false };
    setTimeout(() => (timer.hasFired = true), 10);
    for (let waits = 0; !timer.hasFired; waits++) {
      if (waits > 1_000_000) throw new Error("the timer never had its turn");
      bell.ring();
      await bell.wait(5_000);
    }
  });
});
