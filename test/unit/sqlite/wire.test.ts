import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Write, WriteOutcome } from "../../../src/sqlite/log-writer.ts";
import { decodeOutcomes, decodeWrites, encodeOutcomes, encodeWrites } from "../../../src/sqlite/wire.ts";
import { encodeAppend } from "../../../src/store/encode-append.ts";

const name = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }).filter((text) => {
  return !/\p{Cc}/u.test(text) && !text.startsWith("$") && text.isWellFormed();
});
const event = fc.record(
  {
    type: name,
    data: fc.oneof(
      fc.jsonValue().filter((value) => !Object.is(value, -0)),
      fc.uint8Array(),
    ),
    id: fc.uuid(),
    schemaVersion: fc.integer({ min: 1, max: 65_535 }),
    tags: fc.array(name, { maxLength: 3 }),
    metadata: fc.record({ correlationId: name }),
    recordedAt: fc
      .date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString()),
  },
  { requiredKeys: ["type", "data"] },
);
const append = fc
  .uniqueArray(
    fc.record({
      stream: name,
      expect: fc.oneof(fc.constantFrom("any" as const, "none" as const, "exists" as const), fc.nat()),
      events: fc.uniqueArray(event, { minLength: 1, maxLength: 5, selector: ({ id }) => id ?? {} }),
    }),
    { minLength: 1, maxLength: 4, selector: ({ stream }) => stream },
  )
  .map((parts): Write => {
    const seen = new Set<string>();
    const distinct = parts.map((part) => ({
      ...part,
      events: part.events.map(({ id, ...rest }) => {
        if (id === undefined || seen.has(id)) return rest;
        seen.add(id);
        return { ...rest, id };
      }),
    }));
    const condition = { failIfMatch: [{ tags: ["a"], types: ["b"] }], after: 7 };
    return {
      kind: "append",
      append: encodeAppend(distinct, seen.size === 0 ? {} : { condition }),
    };
  });
const otherWrite = fc.constantFrom<Write>(
  { kind: "policy", stream: "a", policy: { maxCount: 3 } },
  { kind: "remove", stream: "a", expect: 5, isTombstone: true },
  { kind: "reclaim", erases: false },
  { kind: "clearSnapshots", stream: "ä" },
);
const snapshot = fc.uint8Array().map((state): Write => {
  const place = { stream: "a", name: "b", stateVersion: 1, revision: 3, takenAt: "2026-01-01T00:00:00.000Z" };
  return { kind: "snapshot", snapshot: { ...place, state }, keep: 3 };
});
const commit = fc
  .record({
    key: fc.string(),
    json: fc.option(fc.json()),
    indexed: fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxLength: 2 }),
    isDurable: fc.boolean(),
  })
  .map(({ key, json, indexed, isDurable }): Write => {
    const documents = [
      { key, json, position: 3, indexed },
      { key: "b", json: "{}", position: 4, indexed: [] },
    ];
    const shape = { kind: "documents", indexes: [["a", "b"]] } as const;
    const models = [
      { step: "create", generation: 7, name: "orders", version: 1, shape },
      { step: "advance", generation: 7, from: 1, to: 4, documents },
      { step: "activate", generation: 7 },
    ] as const;
    const ref = { space: "s", key };
    const put = [{ ...ref, json: "[1]" }];
    const removeAll = [{ space: "s", prefix: "p", to: "q" }];
    const plan = { expect: [{ ...ref, version: 2 }], models, put, remove: [ref], removeAll };
    return { kind: "commit", plan, isDurable };
  });
const write = fc.oneof(append, append, otherWrite, snapshot, commit);

describe("writes on their way to the writer thread", () => {
  test("arrive as they were sent, in their order", () => {
    fc.assert(
      fc.property(fc.array(write, { maxLength: 8 }), (writes) => {
        const arrived: Write[] = [];
        decodeWrites(structuredClone(encodeWrites(writes)), arrived);
        expect(arrived).toEqual(writes);
      }),
    );
  });
});

describe("outcomes on their way back", () => {
  test("arrive as they were sent, each with the streams of its write", () => {
    const outcomeOf = (one: Write, seed: number): WriteOutcome => {
      if (seed % 3 === 0) {
        return {
          kind: "refused",
          refusal: { code: "STREAM_TOMBSTONED", details: { stream: "ä" }, cause: undefined },
        };
      }
      if (one.kind === "commit") return { kind: "committed", version: seed };
      if (one.kind !== "append") return { kind: "done", events: seed };
      const streams = one.append.streams.map(({ stream, count }, index) => {
        return { stream, firstRevision: seed + index, revision: seed + index + count - 1 };
      });
      const [firstPosition, revision] = [seed + 1, streams[0]!.revision];
      const position = seed + one.append.count;
      return {
        kind: "appended",
        result: { position, firstPosition, revision, streams, isDuplicate: seed % 2 === 0 },
      };
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(write, fc.nat(1_000_000))), (sent) => {
        const outcomes = sent.map(([one, seed]) => outcomeOf(one, seed));
        const writes = sent.map(([one]) => one);
        expect(decodeOutcomes(encodeOutcomes(outcomes), writes)).toEqual(outcomes);
      }),
    );
  });

  test("carry the message of a cause", () => {
    const refusal = {
      code: "STORE_FULL" as const,
      details: { store: "a.db" },
      cause: new Error("disk is full"),
    };
    const [arrived] = decodeOutcomes(encodeOutcomes([{ kind: "refused", refusal }]), [
      { kind: "reclaim", erases: false },
    ]);
    expect(arrived).toMatchObject({ kind: "refused", refusal: { cause: { message: "disk is full" } } });
  });
});
