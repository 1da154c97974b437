import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { limits } from "../core/limits.ts";
import { expectTurns } from "../testing/conformance/event-loop.ts";
import { failureOf } from "../testing/conformance/helpers.ts";
import { Turns } from "./turns.ts";

test("a write runs at once while nobody holds", async () => {
  const turns = new Turns();
  let isDone = false;
  const running = turns.run(() => (isDone = true));
  expect(isDone).toBe(true);
  await running;
});

test("whatever comes while somebody holds runs afterwards, in the order in which it came", async () => {
  const turns = new Turns();
  const done: string[] = [];
  const hold = (name: string): Promise<void> =>
    turns.hold(async () => {
      done.push(`${name} begins`);
      await setTimeout(1);
      done.push(`${name} ends`);
    });
  const run = (name: string): Promise<number> => turns.run(() => done.push(name));
  await Promise.all([hold("a"), run("b"), hold("c"), hold("d"), run("e"), run("f")]);
  expect(done).toEqual(["a begins", "a ends", "b", "c begins", "c ends", "d begins", "d ends", "e", "f"]);
});

test("a write that is called by one that waited comes after the others that wait", async () => {
  const turns = new Turns();
  const done: string[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const holding = turns.hold(() => setTimeout(1));
  const waiting = [
    turns.run(() => {
      last = turns.run(() => done.push("third"));
      done.push("first");
    }),
    turns.run(() => done.push("second")),
  ];
  await Promise.all([holding, ...waiting]);
  await last;
  expect(done).toEqual(["first", "second", "third"]);
});

test("who fails lets the next one have its turn", async () => {
  const turns = new Turns();
  const failing = turns.hold(() => Promise.reject(new Error("no")));
  const broken = turns.run(() => {
    throw new Error("neither");
  });
  const next = turns.run(() => "next");
  await expect(failing).rejects.toThrow("no");
  await expect(broken).rejects.toThrow("neither");
  expect(await next).toBe("next");
});

test("so many can wait and no more", async () => {
  const turns = new Turns();
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const holding = turns.hold(() => end);
  const waiting = Array.from({ length: limits.appendsWaitingMax }, () => turns.run(() => undefined));
  await expect(turns.run(() => undefined)).rejects.toMatchObject({ code: "QUEUE_FULL" });
  await expect(turns.hold(() => Promise.resolve())).rejects.toMatchObject({ code: "QUEUE_FULL" });
  await expectTurns(() => failureOf(() => turns.run(() => undefined)));
  await expectTurns(() => failureOf(() => turns.hold(() => Promise.resolve())));
  resolve();
  await Promise.all([holding, ...waiting]);
});
