import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StateCodec } from "../../../src/core/decider-types.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/runtime/snapshot-codec.ts";
import type { Snapshot } from "../../../src/store/event-store.ts";

const key = { stream: "account-42", name: "account", stateVersion: 3, revision: 99 };

async function snapshotOf<State>(state: State, codec?: StateCodec<State>): Promise<Snapshot> {
  const bytes = await encodeSnapshot(key, { state, firstRevision: 0, position: 1_234 }, codec);
  return { ...key, takenAt: "2026-11-21T00:00:00.000Z", state: bytes };
}

const bigState = {
  items: Array.from({ length: 200 }, (_, index) => ({ sku: `S${index}`, quantity: index })),
};

describe("the snapshot codec", () => {
  test("gives back any JSON state, small or large", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ stringUnit: "binary" }), async (state) => {
        // JSON itself loses -0.
        const json = JSON.stringify(state);
        const faithful: unknown = JSON.parse(json);
        expect(decodeSnapshot(await snapshotOf(faithful))).toEqual({
          state: faithful,
          firstRevision: 0,
          position: 1_234,
        });
      }),
    );
  });

  test("compresses what is worth it and nothing else", async () => {
    const [small, big] = [await snapshotOf({ balance: 1 }), await snapshotOf(bigState)];
    expect([small.state[0], big.state[0]]).toEqual([1, 2]);
    expect(big.state.length).toBeLessThan(JSON.stringify(bigState).length / 3);
    expect(decodeSnapshot(big).state).toEqual(bigState);
  });

  test.each([
    ["a Date", { at: new Date(0) }, "state.at"],
    ["a Map", { items: new Map() }, "state.items"],
    ["a bigint", { list: [1n] }, "state.list[0]"],
    ["undefined", { at: undefined }, "undefined"],
    ["-0", { balance: -0 }, "-0"],
    ["NaN", { balance: Number.NaN }, "NaN"],
    ["a function", { run: () => {} }, "state.run"],
  ])("refuses a state that holds %s with SNAPSHOT_NOT_FAITHFUL", async (_, state, where) => {
    await expect(snapshotOf<unknown>(state)).rejects.toMatchObject({
      code: "SNAPSHOT_NOT_FAITHFUL",
      message: expect.stringContaining(where),
    });
  });

  test("gives back any state of a decider that says how to encode it", async () => {
    const codec: StateCodec<Map<string, bigint>> = {
      encode: (state) => [...state].map(([name, amount]) => [name, String(amount)]),
      decode: (json) =>
        new Map((json as Array<[string, string]>).map(([name, amount]) => [name, BigInt(amount)])),
    };
    const state = new Map([["ada", 12n]]);
    expect(decodeSnapshot(await snapshotOf(state, codec), codec).state).toEqual(state);
  });

  test.each<[string, StateCodec<{ at: Date }>]>([
    ["loses something", { encode: (state) => state.at.toISOString(), decode: () => ({ at: new Date(0) }) }],
    ["throws while encoding", { encode: () => fail(), decode: () => fail() }],
    ["throws while decoding", { encode: () => 1, decode: () => fail() }],
  ])("refuses a codec that %s", async (_, codec) => {
    await expect(snapshotOf({ at: new Date(1) }, codec)).rejects.toMatchObject({
      code: "SNAPSHOT_NOT_FAITHFUL",
    });
  });

  test.each([
    ["small", { balance: 7 }],
    ["compressed", bigState],
  ])("reports every flipped bit of a %s snapshot as SNAPSHOT_DAMAGED", async (_, state) => {
    const snapshot = await snapshotOf<unknown>(state);
    for (let bit = 0; bit < snapshot.state.length * 8; bit++) {
      const bytes = Uint8Array.from(snapshot.state);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeSnapshot({ ...snapshot, state: bytes })).toThrow(
        expect.objectContaining({ code: "SNAPSHOT_DAMAGED" }),
      );
    }
  });

  test("reports a snapshot that was cut off", async () => {
    const snapshot = await snapshotOf({ balance: 7 });
    for (let length = 0; length < snapshot.state.length; length++) {
      const cut = { ...snapshot, state: snapshot.state.subarray(0, length) };
      expect(() => decodeSnapshot(cut)).toThrow(expect.objectContaining({ code: "SNAPSHOT_DAMAGED" }));
    }
  });

  test.each([
    ["stream", "account-43"],
    ["name", "other"],
    ["stateVersion", 4],
    ["revision", 100],
  ] as const)("refuses a snapshot stored for another %s", async (part, value) => {
    const snapshot = await snapshotOf({ balance: 7 });
    expect(() => decodeSnapshot({ ...snapshot, [part]: value })).toThrow(
      expect.objectContaining({ code: "SNAPSHOT_DAMAGED" }),
    );
  });
});

function fail(): never {
  throw new Error("broken");
}
