import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import { createStreamQueue } from "../../../src/runtime/stream-queue.ts";
import { expectTurns } from "../../../src/testing/conformance/event-loop.ts";
import { failureOf } from "../../../src/testing/conformance/helpers.ts";

describe("a stream queue", () => {
  test("runs the tasks of one stream in order and never two at once", async () => {
    const queue = createStreamQueue();
    const log: string[] = [];
    const task = (name: string, ms: number) => async (): Promise<string> => {
      log.push(`${name} begins`);
      await sleep(ms);
      log.push(`${name} ends`);
      return name;
    };
    const results = await Promise.all([
      queue.run("s", task("a", 5)),
      queue.run("s", task("b", 1)),
      queue.run("s", task("c", 0)),
    ]);
    expect(results).toEqual(["a", "b", "c"]);
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  test("runs the tasks of different streams side by side", async () => {
    const queue = createStreamQueue();
    const gate = Promise.withResolvers<void>();
    const first = queue.run("a", () => gate.promise);
    await queue.run("b", async () => gate.resolve());
    await first;
  });

  test("goes on after a task that fails", async () => {
    const queue = createStreamQueue();
    const failing = queue.run("s", () => Promise.reject(new Error("no")));
    const next = queue.run("s", async () => 1);
    await expect(failing).rejects.toThrow("no");
    await expect(next).resolves.toBe(1);
  });

  test("never begins a task whose signal fires while it waits, and keeps the order of the others", async () => {
    const queue = createStreamQueue();
    const gate = Promise.withResolvers<void>();
    const controller = new AbortController();
    const log: string[] = [];
    const first = queue.run("s", async () => {
      await gate.promise;
      log.push("first");
    });
    const aborted = queue.run("s", async () => void log.push("aborted"), controller.signal);
    const last = queue.run("s", async () => void log.push("last"));
    controller.abort(new Error("enough"));
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED", cause: new Error("enough") });
    expect(log).toEqual([]);
    gate.resolve();
    await Promise.all([first, last]);
    expect(log).toEqual(["first", "last"]);
  });

  test("refuses more waiting tasks than limits.commandsWaitingMax with QUEUE_FULL", async () => {
    const queue = createStreamQueue();
    const gate = Promise.withResolvers<void>();
    const running = Array.from({ length: limits.commandsWaitingMax }, (_, index) =>
      queue.run(`s${index % 100}`, () => gate.promise),
    );
    await expect(queue.run("s", async () => {})).rejects.toMatchObject({ code: "QUEUE_FULL" });
    await expectTurns(() => failureOf(() => queue.run("s", async () => {})));
    gate.resolve();
    await Promise.all(running);
    await expect(queue.run("s", async () => 1)).resolves.toBe(1);
  });
});
