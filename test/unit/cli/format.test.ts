import { expect, test } from "vitest";
import {
  formatBytes,
  formatCount,
  formatData,
  formatDuration,
  printable,
  shorten,
} from "../../../src/cli/format.ts";

test.each([
  [0, "0 ms"],
  [849.6, "850 ms"],
  [3_240, "3.2 s"],
  [250_000, "4 min 10 s"],
  [7_200_000, "2 h"],
  [7_260_000, "2 h 1 min"],
  [2_592_000_000, "30 d"],
  [183_600_000, "2 d 3 h"],
])("says %d milliseconds as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [1, "1 byte"],
  [1_023, "1,023 bytes"],
  [1_024, "1.0 KiB"],
  [1_500_000, "1.4 MiB"],
  [2 ** 50, "1024.0 TiB"],
])("says %d bytes as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("counts with the right noun", () => {
  expect([0, 1, 2_000].map((count) => formatCount(count, "event"))).toEqual([
    "0 events",
    "1 event",
    "2,000 events",
  ]);
});

test("never cuts a character in two", () => {
  expect(shorten("ab😀cd", 4)).toBe("ab…");
  expect(shorten("ab😀cd", 5)).toBe("ab😀…");
  expect(shorten("abc", 3)).toBe("abc");
});

test("shows the first bytes of data that is bytes", () => {
  expect(formatData(new Uint8Array())).toBe("<0 bytes>");
  expect(formatData(new Uint8Array(30).fill(255))).toBe(`<30 bytes ${"ff".repeat(24)}…>`);
});

test("shows what acts on a terminal as escapes", () => {
  expect(printable("a\u001b[31m\u009b\u202eb\u007f")).toBe(String.raw`a\u001b[31m\u009b\u202eb\u007f`);
});
