import { expect, test } from "vitest";
import { nodeProblem } from "./node-version.ts";

test("a Node that is too old is named, beside what is needed", () => {
  const problem = "hitherto needs Node 22.16 or newer, and this is v22.15.9.";
  expect(nodeProblem("v22.15.9", ">=22.16")).toBe(problem);
  expect(nodeProblem("v20.20.2", ">=22.16")).toContain("this is v20.20.2");
});

test("a Node that is new enough has no problem", () => {
  for (const version of ["v22.16.0", "v22.23.1", "v24.0.0", "v26.10.0-nightly"]) {
    expect(nodeProblem(version, ">=22.16")).toBeUndefined();
  }
});
