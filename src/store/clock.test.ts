import { afterEach, expect, test, vi } from "vitest";
import { uuidPattern } from "./check-input.ts";
import { checkedClock, machineNowMs } from "./clock.ts";
import { openMemoryStore } from "./memory-store.ts";
import { uuidV7 } from "./uuid.ts";

afterEach(() => vi.useRealTimers());

const append = { events: [{ type: "Happened", data: {} }] };

test.each([
  ["before 1970", new Date(-1)],
  ["after 9999", new Date(8.64e15)],
  ["that is none", new Date(Number.NaN)],
  ["a number", 7],
  ["undefined", undefined],
])("a clock that gives a Date %s is refused with nothing stored", async (_what, given) => {
  await using store = openMemoryStore({ clock: () => given as Date });
  await expect(store.append(append)).rejects.toMatchObject({
    code: "ARGUMENT_INVALID",
    details: { argument: "clock" },
  });
  expect(await store.head()).toBe(0);
});

test("what a clock throws is the cause", () => {
  const fault = new Error("no battery");
  const clock = checkedClock(() => {
    throw fault;
  });
  expect(clock).toThrow(expect.objectContaining({ code: "ARGUMENT_INVALID", cause: fault }) as Error);
});

test("a clock that goes back makes ids and times that are well formed", async () => {
  let ms = Date.UTC(2026, 0, 1);
  await using store = openMemoryStore({ clock: () => new Date((ms -= 86_400_000)) });
  for (const _ of [1, 2, 3]) await store.append(append);
  for (const { id, recordedAt } of await store.read().toArray()) {
    expect(id).toMatch(uuidPattern);
    expect(new Date(recordedAt).toISOString()).toBe(recordedAt);
  }
});

test.each([
  [-1, 0],
  [8.64e15, Date.UTC(9999, 11, 31, 23, 59, 59, 999)],
  [1_700_000_000_000, 1_700_000_000_000],
])("the machine's clock at %d counts as %d", (now, expected) => {
  vi.useFakeTimers({ now });
  expect(machineNowMs()).toBe(expected);
  expect(uuidV7(machineNowMs())).toMatch(uuidPattern);
  expect(checkedClock(undefined)().getTime()).toBe(expected);
});
