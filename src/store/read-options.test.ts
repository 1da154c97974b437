import { expect, test } from "vitest";
import {
  checkStreamName,
  planList,
  planPolicy,
  planRead,
  planSubscription,
  throwIfAborted,
} from "./read-options.ts";

test("a read without options reads everything forwards", () => {
  expect(planRead()).toEqual({
    from: 0,
    to: Number.MAX_SAFE_INTEGER,
    limit: Number.MAX_SAFE_INTEGER,
    backwards: false,
    sinceMs: undefined,
    untilMs: undefined,
    filter: undefined,
    signal: undefined,
  });
});

test("a plan shares no lists with the caller", () => {
  const types = ["A"];
  const query = [{ tags: ["x"] }];
  const plan = planRead({ types, query });
  types.push("B");
  query[0]?.tags.push("y");
  expect(plan.filter).toMatchObject({ types: ["A"], query: [{ tags: ["x"] }] });
});

test("moments are dates, days in UTC, or times with their zone", () => {
  const moments = [new Date(1_000), "1970-01-01", "1970-01-01T00:00:01Z", "1970-01-01T01:00:00.5+01:00"];
  expect(moments.map((since) => planRead({ since }).sinceMs)).toEqual([1_000, 0, 1_000, 500]);
  for (const until of ["1970-01-01T00:00:01", "01.02.2020", "2020", new Date(Number.NaN)]) {
    expect(() => planRead({ until })).toThrow(/argument until is not valid/);
  }
});

test("an invalid option is named with what was found", () => {
  expect(() => planRead({ from: -1 })).toThrow(
    "The argument from is not valid: it must be an integer from 0, not -1.",
  );
  expect(() => planRead({ limit: "10" as never })).toThrow('not "10"');
  expect(() => planSubscription({ after: "start" as never })).toThrow("The argument after");
  expect(() => planList({ prefix: {} as never })).toThrow("it must be a string, not an object");
  expect(() => planPolicy({ maxCount: 0 })).toThrow("The argument maxCount");
  expect(() => planRead({ types: [1] as never })).toThrow("The argument types");
});

test("a policy keeps the parts that are given", () => {
  expect(planPolicy({ maxCount: 1 })).toEqual({ maxCount: 1 });
});

test("Hitherto's own streams can be read", () => {
  expect(() => checkStreamName("$log")).not.toThrow();
  expect(() => checkStreamName("$")).toThrow("reserved");
  expect(() => checkStreamName("")).toThrow("it is empty");
});

test("an aborted operation keeps the reason as its cause", () => {
  expect(() => throwIfAborted(undefined, "read")).not.toThrow();
  expect(() => throwIfAborted(new AbortController().signal, "read")).not.toThrow();
  expect(() => throwIfAborted(AbortSignal.abort("why"), "read")).toThrow(
    expect.objectContaining({ code: "ABORTED", cause: "why" }) as Error,
  );
});
