/**
 * Documents folded from the log into memory: what a runner would store, for those who want no stored read model.
 *
 * A table has folded every event up to `position`, as far as it concerns its projection. `foldTo` moves it on, one page of
 * events in memory at a time; of each document it keeps the last event that changed it. An event that its projection can
 * not take leaves the table unfit for use: what is before it was folded, and nothing more.
 */
import type { StoredEvent } from "../../core/event.ts";
import { documentJson, eventFor, evolveDocument, filterOf, keysOf } from "../../core/projection-step.ts";
import type { Projection } from "../../core/projection.ts";
import { documentOrder, indexedFields, indexValues, matches } from "../../store/document-query.ts";
import type { EventStore } from "../../store/event-store.ts";
import type { DocumentQuery, IndexValue, ReadModelShape, StoredDocument } from "../../store/read-side.ts";

interface Row {
  readonly document: unknown;
  /** The last event that changed it. */
  readonly event: StoredEvent;
}

interface IndexedRow extends Row {
  readonly key: string;
  readonly indexed: readonly IndexValue[];
}

/** A read model in memory. */
export class FoldedTable {
  // `any`: a projection both takes and gives its document.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly #projection: Projection<any>;
  readonly #shape: ReadModelShape;
  readonly #rows = new Map<string, Row>();
  #position = 0;

  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  constructor(projection: Projection<any>) {
    this.#projection = projection;
    this.#shape = { kind: "documents", indexes: projection.indexes };
  }

  /** Folds what a store has up to a position. Throws what reading and folding throw. */
  async foldTo(store: Pick<EventStore, "read">, position: number): Promise<void> {
    if (position <= this.#position) return;
    const unread = store.read({ ...filterOf(this.#projection), from: this.#position + 1, to: position });
    for await (const page of unread.pages()) for (const event of page) this.fold(event);
    this.#position = position;
  }

  /** Folds one event. @throws what `eventFor`, `keysOf` and `evolveDocument` do */
  fold(stored: StoredEvent): void {
    const event = eventFor(this.#projection, stored);
    if (event === undefined) return;
    for (const key of keysOf(this.#projection, event)) {
      const document: unknown = this.#rows.get(key)?.document;
      const next: unknown = evolveDocument(this.#projection, { key, document }, event);
      if (next === null) this.#rows.delete(key);
      else this.#rows.set(key, { document: next, event });
    }
  }

  /** @throws `PROJECTION_FAILED` for a document that is not plain JSON */
  get(key: string): StoredDocument | undefined {
    const row = this.#rows.get(key);
    return row === undefined ? undefined : this.#stored({ key, ...row, indexed: this.#indexed(row) });
  }

  find(query: DocumentQuery): readonly StoredDocument[] {
    const fields = indexedFields(this.#shape);
    const order = documentOrder(query, fields);
    const begin = placeIn(query, fields);
    const found = this.#matching(query).filter((row) => begin === undefined || order(row, begin) > 0);
    return found
      .toSorted(order)
      .slice(0, query.limit)
      .map((row) => this.#stored(row));
  }

  count(query: DocumentQuery): number {
    return this.#matching(query).length;
  }

  #matching(query: DocumentQuery): IndexedRow[] {
    const fields = indexedFields(this.#shape);
    const rows: IndexedRow[] = [];
    for (const [key, row] of this.#rows) {
      const indexed = { key, ...row, indexed: this.#indexed(row) };
      if (matches(query, fields, indexed)) rows.push(indexed);
    }
    return rows;
  }

  #indexed({ document }: Row): readonly IndexValue[] {
    return indexValues(this.#shape, document);
  }

  #stored({ key, document, event, indexed }: IndexedRow): StoredDocument {
    const json = documentJson(this.#projection, document, event);
    return { key, json, position: event.position, indexed };
  }
}

/** The place to begin after, where a row would have its values. */
function placeIn(
  { after, sort }: DocumentQuery,
  fields: readonly string[],
): Pick<IndexedRow, "key" | "indexed"> | undefined {
  if (after === undefined) return undefined;
  const values = new Map(sort.map(({ field }, index) => [field, after.values[index] ?? null]));
  return { key: after.key, indexed: fields.map((field) => values.get(field) ?? null) };
}
