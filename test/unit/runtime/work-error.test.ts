import { expect, test } from "vitest";
import { stackOf } from "../../../src/runtime/work-error.ts";

test("keeps the stacks of what caused an error behind its own", () => {
  const cause = new Error("no price");
  const stack = stackOf(new Error("the projection failed", { cause })) ?? "";
  expect(stack).toMatch(/^Error: the projection failed\n +at /);
  expect(stack).toContain("\nCaused by: Error: no price\n");
});

test("ends with an error that is its own cause", () => {
  const error = new Error("again");
  error.cause = error;
  expect(stackOf(error)?.split("Caused by: ")).toHaveLength(6);
});

test.each([[undefined], ["text"], [{ stack: "not an error's" }]])("knows no stack of %j", (thrown) => {
  expect(stackOf(thrown)).toBeUndefined();
});

test("keeps no more than a few thousand characters", () => {
  expect(stackOf(new Error("x".repeat(100_000)))).toHaveLength(4_096);
});
