import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readLines } from "../../../src/store/exchange/lines.ts";
import type { Line } from "../../../src/store/exchange/lines.ts";
import { chunksOf } from "./support.ts";

async function linesOf(
  text: string | Uint8Array,
  options: { size?: number; lineBytesMax?: number } = {},
): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const some of readLines(chunksOf(text, options.size), options)) lines.push(...some);
  return lines;
}

describe("readLines", () => {
  test("numbers lines from 1", async () => {
    expect(await linesOf("a\nb\n")).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: "b" },
    ]);
  });

  test("reads a last line that has no line end", async () => {
    expect(await linesOf("a\nb")).toHaveLength(2);
  });

  test("drops blank lines, but counts them", async () => {
    expect(await linesOf("\n \t\r\na\n\n")).toEqual([{ number: 3, text: "a" }]);
  });

  test("takes CRLF for a line end", async () => {
    expect(await linesOf("a\r\nb\r\n", { size: 1 })).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: "b" },
    ]);
  });

  test("drops a byte order mark, also where files were joined", async () => {
    expect(await linesOf("\uFEFFa\n\uFEFFb", { size: 2 })).toEqual([
      { number: 1, text: "a" },
      { number: 2, text: "b" },
    ]);
  });

  test("says that a line is not UTF-8 and reads the next one", async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from("b")]);
    expect(await linesOf(bytes)).toEqual([
      { number: 1, problem: "it is not valid UTF-8" },
      { number: 2, text: "b" },
    ]);
  });

  test("refuses a line beyond the limit and reads the next one", async () => {
    expect(await linesOf(`${"a".repeat(11)}\n${"b".repeat(10)}`, { lineBytesMax: 10 })).toEqual([
      { number: 1, problem: "it has 11 bytes, more than 10" },
      { number: 2, text: "bbbbbbbbbb" },
    ]);
  });

  test("does not hold a line beyond the limit in memory", async () => {
    const chunk = Buffer.alloc(1024 * 1024, 97);
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 512; count++) yield Buffer.from(chunk);
    }
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    async function* watched(): AsyncGenerator<Uint8Array> {
      for await (const one of endless()) {
        peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
        yield one;
      }
    }
    const lines: Line[] = [];
    for await (const some of readLines(watched(), { lineBytesMax: 1024 })) lines.push(...some);
    expect(lines).toEqual([{ number: 1, problem: "it has 536870912 bytes, more than 1024" }]);
    expect(peak).toBeLessThan(300 * 1024 * 1024);
  });

  test("finds the same lines however the bytes are cut", async () => {
    const text = fc.array(
      fc.string({ unit: "grapheme" }).map((one) => one.replaceAll(/[\r\n\uFEFF]/g, "")),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 50 }), async (lines, size) => {
        const expected = lines.flatMap((one, index) =>
          one.trim() === "" ? [] : [{ number: index + 1, text: one }],
        );
        expect(await linesOf(lines.join("\n"), { size })).toEqual(expected);
      }),
    );
  });
});
