import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { limits } from "../core/limits.ts";
import { expectTurns } from "../testing/conformance/event-loop.ts";
import { failureOf } from "../testing/conformance/helpers.ts";
import { nameAppend } from "./append-group.ts";
import type { AppendOutcome, NamedAppend } from "./append-group.ts";
import { WriteQueue } from "./write-queue.ts";

const append = (stream: string, count = 1, id?: string): NamedAppend =>
  nameAppend(
    {
      stream,
      events: Array.from({ length: count }, () => ({ type: "T", data: 0, ...(id !== undefined && { id }) })),
    },
    undefined,
    0,
  );

/** A queue that writes into a list of groups, by the names of their streams. */
function queueInto(groups: string[][], pauseMs = 0): WriteQueue {
  return new WriteQueue("test", async (group) => {
    await delay(pauseMs);
    groups.push(group.map((one) => one.append.streams[0]!.stream));
    return group.map(() => ({ position: groups.length }) as AppendOutcome);
  });
}

test("what is called in one turn leaves as one group, and what is called meanwhile as the next", async () => {
  const groups: string[][] = [];
  const queue = queueInto(groups, 5);
  const first = [queue.append(append("a")), queue.append(append("b"))];
  await delay(1);
  await Promise.all([...first, queue.append(append("c")), queue.append(append("d"))]);
  expect(groups).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
});

test("a task takes its turn between the appends before and after it", async () => {
  const groups: string[][] = [];
  const queue = queueInto(groups);
  const task = async (): Promise<void> => {
    await delay(3);
    groups.push(["task"]);
  };
  await Promise.all([queue.append(append("a")), queue.run(task), queue.append(append("b"))]);
  expect(groups).toEqual([["a"], ["task"], ["b"]]);
});

test("a group ends before an id that it holds already, and before it grows too large", async () => {
  const groups: string[][] = [];
  const queue = queueInto(groups);
  const id = "01a1fed7-86ee-7ff7-8226-b9733bd8e380";
  await Promise.all([
    queue.append(append("a", 1, id)),
    queue.append(append("b", 1, id)),
    queue.append(append("c", limits.eventsPerAppendMax)),
    queue.append(append("d")),
  ]);
  expect(groups).toEqual([["a"], ["b"], ["c"], ["d"]]);
});

test("a failing group or task fails its own callers only", async () => {
  let fails = true;
  const queue = new WriteQueue("test", (group) => {
    if (fails) return Promise.reject(new Error("lost"));
    return Promise.resolve(group.map(() => ({ position: 1 }) as AppendOutcome));
  });
  await expect(queue.append(append("a"))).rejects.toThrow("lost");
  await expect(queue.run(() => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  fails = false;
  await expect(queue.append(append("a"))).resolves.toEqual({ position: 1 });
});

test("closing waits for what was called before and refuses what comes after", async () => {
  const groups: string[][] = [];
  const queue = queueInto(groups, 5);
  const appending = queue.append(append("a"));
  const closing = queue.close();
  await expect(queue.append(append("b"))).rejects.toMatchObject({ code: "STORE_CLOSED" });
  await expect(queue.run(() => Promise.resolve())).rejects.toMatchObject({ code: "STORE_CLOSED" });
  await closing;
  await expect(appending).resolves.toEqual({ position: 1 });
});

test("refuses more than may wait", async () => {
  const release = Promise.withResolvers<void>();
  const queue = new WriteQueue("test", async (group) => {
    await release.promise;
    return group.map(() => ({ position: 1 }) as AppendOutcome);
  });
  const one = append("a");
  const waiting = Array.from({ length: limits.appendsWaitingMax }, () => queue.append(one));
  await expect(queue.append(one)).rejects.toMatchObject({ code: "QUEUE_FULL" });
  await expectTurns(() => failureOf(() => queue.append(one)));
  await expectTurns(() => failureOf(() => queue.run(() => Promise.resolve())));
  release.resolve();
  await Promise.all(waiting);
});

test("callers are told of their appends while the next group is under way", async () => {
  const begun: number[] = [];
  const queue = new WriteQueue("test", async (group) => {
    begun.push(group.length);
    await delay(5);
    return group.map(() => ({ position: begun.length }) as AppendOutcome);
  });
  const seen = Array.from({ length: 4 }, async () => {
    const { position } = await queue.append(append("a", 2_000));
    return [position, begun.length];
  });
  // The last of them has no next one.
  expect(await Promise.all(seen)).toEqual([
    [1, 2],
    [2, 3],
    [3, 4],
    [4, 4],
  ]);
  expect(begun).toEqual([1, 1, 1, 1]);
});
