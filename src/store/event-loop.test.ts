import { setImmediate } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { expectTurns, readUntil } from "../testing/conformance/event-loop.ts";
import { failureOf } from "../testing/conformance/helpers.ts";
import { answer, nextTurn, yieldIfDue } from "./event-loop.ts";

afterEach(() => vi.useRealTimers());

/** Ends any slice, and uses up the next one. */
async function useUpSlice(): Promise<void> {
  await nextTurn();
  const pauses: unknown[] = [];
  for (const giveUp = performance.now() + 5_000; pauses.length === 0 && performance.now() < giveUp;) {
    const pause = yieldIfDue();
    if (pause !== undefined) pauses.push(pause);
  }
  expect(pauses).toHaveLength(1);
}

test("an answer settles as a microtask while the slice lasts", async () => {
  await nextTurn();
  let hasTurned = false;
  void setImmediate().then(() => (hasTurned = true));
  expect(await answer(() => 7)).toBe(7);
  expect(hasTurned).toBe(false);
});

test("an answer waits for the event loop when the slice is over, whatever it is", async () => {
  for (const body of [() => 7, () => Promise.resolve(7)]) {
    await useUpSlice();
    let hasTurned = false;
    void setImmediate().then(() => (hasTurned = true));
    expect(await answer(body)).toBe(7);
    expect(hasTurned).toBe(true);
  }
});

test("what is asked for is done at once, even when its answer waits", async () => {
  await useUpSlice();
  let isDone = false;
  const answered = answer(() => (isDone = true));
  expect(isDone).toBe(true);
  await answered;
});

test("a failure waits too, and is nobody's unhandled rejection meanwhile", async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): unknown => unhandled.push(error);
  process.on("unhandledRejection", note);
  for (const fail of [
    () => {
      throw new Error("no");
    },
    () => Promise.reject(new Error("no")),
  ]) {
    await useUpSlice();
    await expect(answer(fail)).rejects.toThrow("no");
    await expectTurns(() => failureOf(() => answer(fail)));
  }
  await setImmediate();
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

test("fake timers hold up no answer", async () => {
  vi.useFakeTimers({ toFake: ["setImmediate", "setTimeout", "Date"] });
  const begun = performance.now();
  await readUntil(
    () => answer(() => 7),
    () => performance.now() - begun > 30,
  );
  expect(performance.now() - begun).toBeGreaterThan(30);
});
