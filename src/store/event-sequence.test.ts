import { expect, test } from "vitest";
import type { StoredEvent } from "../core/event.ts";
import { eventSequence } from "./event-sequence.ts";
import type { EventPage } from "./event-sequence.ts";

const unbounded = { limit: Infinity, signal: undefined };

function anEvent(position: number): StoredEvent {
  return {
    id: `${position}`,
    stream: "s",
    revision: position - 1,
    position,
    type: "T",
    schemaVersion: 1,
    data: null,
    metadata: {},
    tags: [],
    recordedAt: "2026-01-01T00:00:00.000Z",
  };
}

/** Pages of these positions; says how many were read and whether they were closed. */
function somePages(...pages: readonly (readonly number[])[]): {
  read: () => Generator<EventPage, undefined>;
  log: string[];
} {
  const log: string[] = [];
  function* read(): Generator<EventPage, undefined> {
    try {
      for (const page of pages) {
        log.push(`page ${page.join(" ")}`);
        yield page.map(anEvent);
      }
    } finally {
      log.push("closed");
    }
  }
  return { read, log };
}

async function positionsOf(events: AsyncIterable<StoredEvent>): Promise<number[]> {
  const positions: number[] = [];
  for await (const event of events) positions.push(event.position);
  return positions;
}

test("events come in the order of their pages, and empty pages are left out", async () => {
  const { read } = somePages([1, 2], [], [3], []);
  const sequence = eventSequence(read, unbounded);
  expect(await positionsOf(sequence)).toEqual([1, 2, 3]);
  const pages: number[] = [];
  for await (const page of sequence.pages()) pages.push(page.length);
  expect(pages).toEqual([2, 1]);
  expect((await sequence.toArray()).map((event) => event.position)).toEqual([1, 2, 3]);
});

test("a limit cuts the last page and reads no page more", async () => {
  for (const [limit, positions, read] of [
    [0, [], 1],
    [1, [1], 1],
    [2, [1, 2], 1],
    [3, [1, 2, 3], 2],
    [9, [1, 2, 3, 4, 5], 3],
  ] as const) {
    const pages = somePages([1, 2], [3, 4], [5]);
    expect(await positionsOf(eventSequence(pages.read, { ...unbounded, limit }))).toEqual(positions);
    expect(pages.log).toHaveLength(read + 1);
    expect(pages.log.at(-1)).toBe("closed");
  }
});

test("leaving the loop closes the pages", async () => {
  const { read, log } = somePages([1, 2], [3]);
  for await (const event of eventSequence(read, unbounded)) {
    if (event.position === 1) break;
  }
  expect(log).toEqual(["page 1 2", "closed"]);
});

test("the next page is read when the one before is used up", async () => {
  const { read, log } = somePages([1, 2], [3]);
  const iterator = eventSequence(read, unbounded)[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.next();
  expect(log).toEqual(["page 1 2"]);
  await iterator.next();
  expect(log).toEqual(["page 1 2", "page 3"]);
});

test("overlapping calls of next each get the next event", async () => {
  const { read } = somePages([1, 2], [3], [4, 5, 6]);
  const iterator = eventSequence(read, unbounded)[Symbol.asyncIterator]();
  const results = await Promise.all(Array.from({ length: 8 }, () => iterator.next()));
  expect(results.map((result) => (result.done === true ? "done" : result.value.position))).toEqual([
    1,
    2,
    3,
    4,
    5,
    6,
    "done",
    "done",
  ]);
});

test("a call made while an earlier one waits comes after it", async () => {
  const { read } = somePages([1, 2, 3]);
  const iterator = eventSequence(read, unbounded)[Symbol.asyncIterator]();
  const [first, second] = [iterator.next(), iterator.next()];
  await first;
  const third = iterator.next();
  expect(await second).toMatchObject({ value: { position: 2 } });
  expect(await third).toMatchObject({ value: { position: 3 } });
});

test("an aborted signal fails the next event, even within a page, and closes the pages", async () => {
  const { read, log } = somePages([1, 2, 3]);
  const controller = new AbortController();
  const iterator = eventSequence(read, { ...unbounded, signal: controller.signal })[Symbol.asyncIterator]();
  await iterator.next();
  controller.abort(new Error("enough"));
  await expect(iterator.next()).rejects.toMatchObject({ code: "ABORTED", cause: { message: "enough" } });
  expect(log).toEqual(["page 1 2 3", "closed"]);
  expect((await iterator.next()).done).toBe(true);
});

test("an error of the pages passes through and ends the sequence", async () => {
  const sequence = eventSequence(function* (): Generator<EventPage, undefined> {
    yield [anEvent(1)];
    throw new Error("torn page");
  }, unbounded);
  const iterator = sequence[Symbol.asyncIterator]();
  await iterator.next();
  await expect(iterator.next()).rejects.toThrow("torn page");
  expect((await iterator.next()).done).toBe(true);
});
