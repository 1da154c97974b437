import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { planRuntime } from "../../../src/runtime/runtime-options.ts";
import { monitorLag } from "../../../src/runtime/status/lag-monitor.ts";
import type { LagMonitor, LagMonitorOptions } from "../../../src/runtime/status/lag-monitor.ts";
import type { Lag } from "../../../src/runtime/work-status.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";

let store: EventStore;
let monitor: LagMonitor;
let position: number | undefined;
let lags: Lag[];
let errors: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  store = openMemoryStore();
  [position, lags, errors] = [0, [], []];
});

afterEach(async () => {
  monitor.stop();
  await store.close();
  vi.useRealTimers();
});

function watch(options: Partial<LagMonitorOptions> = {}): void {
  monitor = monitorLag(
    { store, plan: planRuntime() },
    {
      alertMs: 5_000,
      position: () => position,
      onLag: (lag) => lags.push(lag),
      onError: (error) => errors.push(error),
      ...options,
    },
  );
}

async function append(type = "OrderPlaced"): Promise<void> {
  await store.append({ stream: "order-1", events: [{ type, data: {} }] });
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

test("says nothing while the lag is within the threshold", async () => {
  watch();
  await append();
  await pass(5_000);
  expect(lags).toEqual([]);
});

test("says once that the lag has become too much, and once that it is over", async () => {
  watch();
  await append();
  await pass(20_000);
  expect(lags).toEqual([{ events: 1, ms: 6_000, isTooMuch: true }]);
  position = 1;
  await pass(20_000);
  expect(lags.slice(1)).toEqual([{ events: 0, ms: 0, isTooMuch: false }]);
});

test("says nothing of a lag that hovers about the threshold", async () => {
  watch();
  await append();
  await pass(3_000);
  await append();
  await pass(3_000);
  expect(lags).toHaveLength(1);
  // Now the oldest one that remains is 3 seconds old: less than the threshold, more than half of it.
  position = 1;
  await pass(1_000);
  expect(lags).toHaveLength(1);
  await pass(3_000);
  expect(lags).toHaveLength(1);
  position = 2;
  await pass(1_000);
  expect(lags).toHaveLength(2);
});

test("does not count events that its filter passes over", async () => {
  watch({ filter: { types: ["OrderPaid"] } });
  await append("OrderPlaced");
  await pass(20_000);
  expect(lags).toEqual([]);
  await append("OrderPaid");
  await pass(20_000);
  expect(lags).toEqual([{ events: 1, ms: 6_000, isTooMuch: true }]);
});

test("counts no lag while there is nothing to be said", async () => {
  position = undefined;
  watch();
  await append();
  await pass(20_000);
  expect(lags).toEqual([]);
});

test("looks when it is asked to", async () => {
  watch();
  await append();
  await pass(20_000);
  position = 1;
  await monitor.check();
  expect(lags.at(-1)?.isTooMuch).toBe(false);
});

test("tells of looks that fail, and goes on", async () => {
  let isBroken = true;
  const read = (): number => {
    if (isBroken) throw new Error("no position");
    return 0;
  };
  watch({ position: async () => read() });
  await append();
  await pass(6_000);
  expect(errors).toContainEqual(new Error("no position"));
  isBroken = false;
  await pass(1_000);
  expect(lags).toHaveLength(1);
});

test("is silent once it was stopped, and when the store is closed", async () => {
  watch();
  await append();
  monitor.stop();
  await pass(20_000);
  watch();
  await store.close();
  await pass(20_000);
  expect([lags, errors]).toEqual([[], []]);
  expect(vi.getTimerCount()).toBe(0);
});
