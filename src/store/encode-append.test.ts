import { limits } from "hitherto/core";
import { encodeAppend } from "hitherto/store";
import { expect, test } from "vitest";

test("an append whose JSON is longer than a string can be is too large", () => {
  const data = "d".repeat(limits.eventBytesMax - 1_000);
  const events = Array.from({ length: 130 }, () => ({ type: "ThingDone", data }));
  expect(() => encodeAppend({ stream: "thing-1", events }, undefined)).toThrow(
    expect.objectContaining({ code: "APPEND_TOO_LARGE" }),
  );
}, 30_000);
