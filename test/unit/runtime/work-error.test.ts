import { expect, test } from "vitest";
import { stackOf, toWorkError } from "../../../src/runtime/work-error.ts";
import { messageOf } from "../../../src/store/message-of.ts";

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

test.each<[unknown, string]>([
  [new Error("no price"), "no price"],
  ["no price", '"no price" was thrown'],
  [undefined, "undefined was thrown"],
  [Symbol("price"), "Symbol(price) was thrown"],
  [Object.create(null), "an object was thrown"],
  [Object.assign(new Error("numbered"), { message: 42 }), "42"],
])("says of %o what can be said", (error, message) => {
  expect(messageOf(error)).toBe(message);
});

test("is not thrown off by an error that can not be read", () => {
  const get = (): never => {
    throw new Error("locked");
  };
  const locked = { message: { get }, code: { get }, stack: { get } };
  const error = Object.defineProperties(new Error("locked"), locked);
  expect(stackOf(error)).toBeUndefined();
  const { code, message } = toWorkError(error, new Date());
  expect([code, message]).toEqual([undefined, "something was thrown that can not be read"]);
});
