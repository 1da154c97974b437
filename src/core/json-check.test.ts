import { expect, test } from "vitest";
import { findJsonFault } from "./json-check.ts";

test("shows only the beginning of a path that is too deep", () => {
  const cycle: Record<string, unknown> = {};
  cycle["next"] = cycle;
  const path = `data${".next".repeat(7)}.…`;
  expect(findJsonFault(cycle, "data")).toEqual({ path, found: "a cycle or nesting beyond 200 levels" });
});
