import fc from "fast-check";
import { projection } from "hitherto/core";
import type { StoredEvent } from "hitherto/core";
import { describe, expect, test } from "vitest";
import { DocumentFold } from "../../../../src/runtime/projections/document-fold.ts";
import type { FoldedBatch, FoldOptions } from "../../../../src/runtime/projections/document-fold.ts";
import { aStoredEvent } from "../../../support/stored-event.ts";

interface Noted {
  readonly to: readonly string[];
  readonly n: number;
}

/** Collects numbers by key. 13 fails; 7 makes a document that JSON can not carry; 0 removes it. */
const lists = projection("lists", {
  initial: (): readonly unknown[] => [],
  key: ({ data }) => (data as Noted).to,
  evolve: {
    Noted: (list, { n }: Noted) => {
      if (n === 13) throw new Error("thirteen");
      if (n === 0) return null;
      return [...list, n === 7 ? 7n : n];
    },
  },
});

function noted(position: number, to: readonly string[], n: number): StoredEvent {
  return aStoredEvent("Noted", { to, n }, { position, revision: position - 1 });
}

/** Documents as they are stored, and batches folded into them. */
class Table {
  readonly stored = new Map<string, string>();
  readonly loads: string[][] = [];
  readonly fold = new DocumentFold(lists);
  readonly load: FoldOptions["load"] = (keys) => {
    this.loads.push([...keys]);
    const find = (key: string) => {
      const json = this.stored.get(key);
      return json === undefined ? undefined : { key, json, position: 0, indexed: [] };
    };
    return Promise.resolve(keys.map(find));
  };

  async take(events: readonly StoredEvent[], options: Partial<FoldOptions> = {}): Promise<FoldedBatch> {
    const folded = await this.fold.fold(events, { load: this.load, ...options });
    for (const { key, json } of folded.documents) {
      if (json === null) this.stored.delete(key);
      else this.stored.set(key, json);
    }
    return folded;
  }

  get contents(): Record<string, unknown> {
    return Object.fromEntries([...this.stored].map(([key, json]) => [key, JSON.parse(json) as unknown]));
  }
}

/** Up to the first event that fails, event by event. */
function foldNaively(events: readonly StoredEvent[]): {
  documents: Record<string, unknown>;
  failed: number | undefined;
} {
  const documents = new Map<string, readonly unknown[]>();
  for (const { data, position } of events) {
    const { to, n } = data as Noted;
    const isBroken = n === 13 && to.length > 0;
    if (isBroken) return { documents: Object.fromEntries(documents), failed: position };
    for (const key of new Set(to)) {
      if (n === 0) documents.delete(key);
      else documents.set(key, [...(documents.get(key) ?? []), n]);
    }
  }
  return { documents: Object.fromEntries(documents), failed: undefined };
}

describe("folding a batch into documents", () => {
  test("makes what folding event by event makes, up to the first that fails, however it is cut", async () => {
    const key = fc.constantFrom("a", "b", "c");
    const event = fc.record({ to: fc.array(key, { maxLength: 3 }), n: fc.nat(40).filter((n) => n !== 7) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        async (given, size) => {
          const events = given.map(({ to, n }, index) => noted(index + 1, to, n));
          const table = new Table();
          let failed: number | undefined;
          for (let from = 0; from < events.length && failed === undefined; from += size) {
            const { failure } = await table.take(events.slice(from, from + size));
            failed = failure?.event.position;
          }
          expect({ documents: table.contents, failed }).toEqual(foldNaively(events));
        },
      ),
    );
  });

  test("writes a document once, and loads it once", async () => {
    const table = new Table();
    table.stored.set("a", "[1]");
    const { documents } = await table.take([noted(5, ["a"], 2), noted(6, ["a", "b"], 3)]);
    expect(documents.map(({ key, json, position }) => [key, json, position])).toEqual([
      ["a", "[1,2,3]", 6],
      ["b", "[3]", 6],
    ]);
    await table.take([noted(7, ["a"], 4)]);
    expect(table.loads).toEqual([["a", "b"]]);
  });

  test("changes none of an event's documents when one of them fails", async () => {
    const table = new Table();
    const { failure } = await table.take([noted(1, ["a"], 1), noted(2, ["a", "b"], 13)]);
    expect([table.contents, failure?.event.position, failure?.key]).toEqual([{ a: [1] }, 2, "a"]);
    await table.take([noted(3, ["a"], 3)]);
    expect(table.contents).toEqual({ a: [1, 3] });
  });

  test("finds the event that made a document JSON can not carry, though later ones changed it too", async () => {
    const table = new Table();
    const events = [noted(1, ["a"], 1), noted(2, ["a"], 7), noted(3, ["a"], 2)];
    let isStored = false;
    const beforeAnew = (): Promise<void> => {
      isStored = true;
      return Promise.resolve();
    };
    const { failure } = await table.take(events, { beforeAnew });
    expect([failure?.event.position, table.contents, isStored]).toEqual([2, { a: [1] }, true]);
    expect(failure?.error).toMatchObject({ code: "PROJECTION_FAILED" });
  });

  test("ends before an event whose documents can not be told", async () => {
    const broken = { ...lists, key: () => 5 as never };
    const { failure, documents } = await new DocumentFold(broken).fold([noted(1, ["a"], 1)], {
      load: () => Promise.resolve([]),
    });
    expect([documents, failure?.key]).toEqual([[], ""]);
    expect(failure?.error).toMatchObject({ code: "PROJECTION_FAILED" });
  });

  test("parks what is held back and what is condemned, and lets the event's other documents have it", async () => {
    const table = new Table();
    const blocked = new Set(["a"]);
    const failure = { error: new Error("thirteen"), attempts: 3, at: new Date(0) };
    const parking = {
      isHeld: (key: string) => blocked.has(key),
      verdictOf: (event: StoredEvent, key: string) =>
        event.position === 3 && key === "c" ? failure : undefined,
      park: (key: string) => void blocked.add(key),
    };
    const events = [
      noted(1, ["a", "b"], 1),
      noted(2, ["b"], 2),
      noted(3, ["c"], 13),
      noted(4, ["c", "b"], 4),
    ];
    const { parked } = await table.take(events, { parking });
    expect(table.contents).toEqual({ b: [1, 2, 4] });
    expect(parked.map((one) => [one.event.position, one.key, one.failure])).toEqual([
      [1, "a", undefined],
      [3, "c", failure],
      [4, "c", undefined],
    ]);
  });
});
