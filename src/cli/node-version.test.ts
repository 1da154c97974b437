import { expect, test } from "vitest";
import { nodeProblem } from "./node-version.ts";

const engines = "^22.22.3 || ^24.15.0 || >=25.9.0";

test("a Node that is too old is named, beside what is needed", () => {
  const needed = "22.22.3 or later in its line, or 24.15.0 or later in its line, or 25.9.0 or later";
  expect(nodeProblem("v22.15.9", engines)).toBe(`hitherto needs Node ${needed}; this is v22.15.9.`);
  expect(nodeProblem("v20.20.2", engines)).toContain("this is v20.20.2");
});

test("a Node that is new enough for the code has no problem", () => {
  for (const version of ["v22.16.0", "v22.23.1", "v24.0.0", "v26.10.0-nightly"]) {
    expect(nodeProblem(version, engines)).toBeUndefined();
  }
});
