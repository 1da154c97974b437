import fc from "fast-check";
import { isHithertoError } from "hitherto/core";
import { describe, expect, test } from "vitest";
import { checkRow, checksumOf, decodeRow, idPrefix, recordsOf } from "../../../src/sqlite/commit-row.ts";
import type { CommitRow } from "../../../src/sqlite/commit-row.ts";

const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const random = fc.integer({ min: 0, max: 2 ** 42 - 1 });
const position = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const body = fc
  .array(fc.record({ type: fc.string({ minLength: 1 }), data: fc.jsonValue() }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((records) => [records.length, JSON.stringify(records)] as const);

/** A row as it is written. */
const row = fc
  .tuple(
    position,
    fc.string({ minLength: 1, unit: "grapheme" }),
    fc.nat(),
    fc.nat(2 ** 42),
    time,
    random,
    body,
  )
  .map(([at, stream, revision, recordedAt, idTime, idRandom, [events, text]]): CommitRow => {
    const unchecked = [at, stream, revision, events, recordedAt, idTime, idRandom, text] as const;
    return [at, stream, revision, events, recordedAt, idTime, idRandom, checksumOf(unchecked), text];
  });

function isRefused(changed: readonly unknown[]): boolean {
  try {
    checkRow(changed as unknown as CommitRow, "a.db");
    return false;
  } catch (error) {
    if (!isHithertoError(error, "STORE_DAMAGED")) throw error;
    return true;
  }
}

const columns = [
  "position",
  "stream",
  "revision",
  "events",
  "recorded_at",
  "id_time",
  "id_random",
  "checksum",
  "body",
];

describe("the checksum of a row", () => {
  test("fits the row as it was written", () => {
    fc.assert(fc.property(row, (written) => !isRefused(written)));
  });

  test.each(columns.map((name, index) => [name, index] as const))(
    "notices any flipped bit of %s",
    (_, index) => {
      fc.assert(
        fc.property(row, fc.nat(), (written, seed) => {
          const changed: unknown[] = [...written];
          const value = written[index]!;
          changed[index] = typeof value === "number" ? flipNumber(value, seed % 48) : flipText(value, seed);
          return isRefused(changed);
        }),
        { numRuns: 300 },
      );
    },
  );

  // The position is SQLite's rowid, which cannot be anything but an integer.
  test.each(columns.map((name, index) => [name, index] as const).slice(1))(
    "refuses %s of another type",
    (_, index) => {
      for (const value of [null, undefined, 1.5, "1", 7n, new Uint8Array([1]), Number.NaN, Infinity]) {
        fc.assert(
          fc.property(row, (written) => {
            fc.pre(written[index] !== value);
            return isRefused(written.with(index, value as never));
          }),
          { numRuns: 20 },
        );
      }
    },
  );

  test("notices that two rows have exchanged any column", () => {
    fc.assert(
      fc.property(row, row, fc.nat(8), (first, second, index) => {
        fc.pre(first[index] !== second[index]);
        return isRefused(first.with(index, second[index]!));
      }),
    );
  });
});

function flipNumber(value: number, bit: number): number {
  return Number(BigInt.asUintN(53, BigInt(value) ^ (1n << BigInt(bit))));
}

function flipText(text: string, seed: number): string {
  const bytes = Buffer.from(text);
  bytes[seed % bytes.length]! ^= 1 << (seed % 8);
  return bytes.toString();
}

describe("the body of a row", () => {
  test.each(["", "[", "{}", "null", '[{"type":"A","data":1}]'])(
    "that is %j for two events is damage",
    (text) => {
      const unchecked = [1, "a", 0, 2, 0, 0, 0, text] as const;
      const damagedRow: CommitRow = [1, "a", 0, 2, 0, 0, 0, checksumOf(unchecked), text];
      expect(() => recordsOf(damagedRow, "a.db")).toThrow(expect.objectContaining({ code: "STORE_DAMAGED" }));
    },
  );
});

describe("the id of an event", () => {
  test("is a version-7 UUID that leads back to time, random bits and position", () => {
    fc.assert(
      fc.property(time, random, position, (idTime, idRandom, at) => {
        const text = '[{"type":"A","data":1}]';
        const events: Array<{ id: string }> = [];
        decodeRow([at, "a", 0, 1, 0, idTime, idRandom, 0, text], "a.db", events as never);
        const id = events[0]!.id;
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(id.startsWith(idPrefix(idTime, idRandom))).toBe(true);
        expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(idTime);
        const randomBits =
          Number.parseInt(id.slice(15, 18), 16) * 2 ** 30 +
          (Number.parseInt(id.slice(19, 23), 16) - 0x8000) * 2 ** 16 +
          Number.parseInt(id.slice(24, 28), 16);
        expect(randomBits).toBe(idRandom);
        expect(Number.parseInt(id.slice(28), 16)).toBe(at % 2 ** 32);
      }),
    );
  });

  test("differs for different writers and moments", () => {
    fc.assert(
      fc.property(time, random, time, random, (timeA, randomA, timeB, randomB) => {
        fc.pre(timeA !== timeB || randomA !== randomB);
        return idPrefix(timeA, randomA) !== idPrefix(timeB, randomB);
      }),
    );
  });
});
