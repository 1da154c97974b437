import { expect, test } from "vitest";
import type { EventStore } from "./event-store.ts";
import { openMemoryStore } from "./memory-store.ts";

const events = [{ type: "T", data: { list: [1] } }];

function storeAt(...moments: readonly string[]): EventStore {
  const left = [...moments];
  return openMemoryStore({ clock: () => new Date(left.length > 1 ? (left.shift() ?? "") : (left[0] ?? "")) });
}

test("the given clock tells the time, and may go back", async () => {
  let now = "2026-01-02T00:00:00.000Z";
  const store = openMemoryStore({ clock: () => new Date(now) });
  await store.append({ stream: "s", events });
  now = "2026-01-01T00:00:00.000Z";
  await store.append({ stream: "s", events });
  const times = (await store.read().toArray()).map((event) => event.recordedAt);
  expect(times).toEqual(["2026-01-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z"]);
});

test("the given ids name the events that name none", async () => {
  let n = 0;
  const store = openMemoryStore({ ids: () => `00000000-0000-7000-8000-00000000000${n++}` });
  await store.append({ stream: "s", events: [...events, ...events] });
  const ids = (await store.read().toArray()).map((event) => event.id);
  expect(ids).toEqual(["00000000-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000001"]);
});

test("events age with the clock", async () => {
  let nowMs = 1_000;
  const store = openMemoryStore({ clock: () => new Date(nowMs) });
  await store.setStreamPolicy("s", { maxAgeMs: 100 });
  await store.append({ stream: "s", events });
  nowMs = 1_100;
  expect(await store.read().toArray()).toHaveLength(1);
  nowMs = 1_101;
  expect(await store.read().toArray()).toHaveLength(0);
});

test("all events of an append have one moment", async () => {
  const store = storeAt("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00.002Z");
  await store.append([
    { stream: "a", events: [...events, ...events] },
    { stream: "b", events },
  ]);
  expect(new Set((await store.read().toArray()).map((event) => event.recordedAt)).size).toBe(1);
});

test("returned events are frozen to the bottom", async () => {
  const store = openMemoryStore();
  await store.append({
    stream: "s",
    events: [{ type: "T", data: { list: [1] }, tags: ["t"], metadata: { a: {} } }],
  });
  const isFrozen = (value: unknown): boolean =>
    typeof value !== "object" || (Object.isFrozen(value) && Object.values(value ?? {}).every(isFrozen));
  for (const event of await store.read().toArray()) expect(isFrozen(event)).toBe(true);
});

test("it says what it is", async () => {
  expect(await openMemoryStore().stats()).toEqual({
    engine: "memory",
    url: "memory:",
    format: 1,
    head: 0,
    events: 0,
    streams: 0,
    snapshots: 0,
    bytes: undefined,
    durability: "none",
  });
});
