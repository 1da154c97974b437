/**
 * Small words that the conformance tests of the read side are written in.
 */
import assert from "node:assert/strict";
import { isHithertoError } from "../../../core/errors.ts";
import type { ErrorCode } from "../../../core/errors.ts";
import { indexValues } from "../../../store/document-query.ts";
import type {
  DocumentQuery,
  DocumentWrite,
  ReadModelShape,
  ReadModelStep,
  ReadSide,
  ReadSideCommit,
  StoredRecord,
} from "../../../store/read-side.ts";

/** Documents with two indexes. */
export const shape: ReadModelShape = { kind: "documents", indexes: [["status", "total"], ["customer.id"]] };

/** Texts that are taken literally only by a store that takes care. */
export const hostileTexts: readonly string[] = [
  "%",
  "_",
  "a%",
  "a_",
  "a\\",
  "*",
  "a?[b]",
  "'; DROP TABLE records; --",
  '"',
  "{table}",
  " ",
  "a/b",
  "Ä",
  "ä",
  "A",
  "a",
  "é",
  "e\u0301",
  "漢字",
  "\u{10ffff}",
  "\u{1f469}\u200d\u{1f467}",
  "\uffff",
  "\ue000",
  "\u{10000}",
  "\t\n",
  "\u007f",
  "\u0000",
  "\u0000\u0001",
  "\u0001",
  "\ufdd0",
  "__proto__",
  "constructor",
];

/** All pairs of the texts, and the texts themselves. */
export function hostileKeys(): string[] {
  return hostileTexts.flatMap((one) => [one, ...hostileTexts.map((other) => `${one}${other}`)]);
}

/** In order of code points, slowly. */
export function byCodePoint(one: string, other: string): number {
  const [a, b] = [Array.from(one), Array.from(other)];
  for (const [index, character] of a.entries()) {
    const order = (character.codePointAt(0) ?? 0) - (b[index]?.codePointAt(0) ?? -1);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** The document of one key as a change. */
export function write(
  key: string,
  document: unknown,
  position = 1,
  of: ReadModelShape = shape,
): DocumentWrite {
  return { key, json: JSON.stringify(document), indexed: indexValues(of, document), position };
}

/** The removal of a document. */
export function removal(key: string, position = 1): DocumentWrite {
  return { key, json: null, indexed: [], position };
}

/** Makes a read model; it is building. Returns its generation. */
export async function aModel(
  readSide: ReadSide,
  fields: Partial<ReadModelStep & { step: "create" }> = {},
): Promise<number> {
  const generation = await readSide.nextGeneration();
  const create = { step: "create", generation, name: "orders", version: 1, shape, ...fields } as const;
  await readSide.commit({ models: [create] });
  return generation;
}

/** Makes a read model with documents, at position 1, and activates it. */
export async function anActiveModel(
  readSide: ReadSide,
  documents: readonly DocumentWrite[] = [],
  fields: Partial<ReadModelStep & { step: "create" }> = {},
): Promise<number> {
  const generation = await aModel(readSide, fields);
  const advance = { step: "advance", generation, from: 0, to: 1, documents } as const;
  await readSide.commit({ models: [advance, { step: "activate", generation }] });
  return generation;
}

/** A commit that moves a read model on. */
export function advancing(
  generation: number,
  [from, to]: readonly [number, number],
  ...documents: readonly DocumentWrite[]
): ReadSideCommit {
  return { models: [{ step: "advance", generation, from, to, documents }] };
}

/** A query for everything. */
export function everything(parts: Partial<DocumentQuery> = {}): DocumentQuery {
  return { where: {}, sort: [], limit: 10_000, ...parts };
}

/** Keys of the documents that a query finds in the active read model. */
export async function keysOf(
  readSide: ReadSide,
  parts: Partial<DocumentQuery> = {},
  name = "orders",
): Promise<string[]> {
  const { documents } = await readSide.findDocuments({ name }, everything(parts));
  return documents.map((document) => document.key);
}

/** A document of the active read model, parsed; undefined if there is none. */
export async function documentOf(readSide: ReadSide, key: string, name = "orders"): Promise<unknown> {
  const { document } = await readSide.getDocument({ name }, key);
  return document && (JSON.parse(document.json) as unknown);
}

/** Position of a generation. */
export async function positionOf(readSide: ReadSide, generation: number): Promise<number | undefined> {
  return (await readSide.listModels()).find((model) => model.generation === generation)?.position;
}

/** The value of a record; undefined if there is none. */
export async function valueOf(readSide: ReadSide, key: string, space = "s"): Promise<unknown> {
  return (await readSide.findRecord({ space, key }))?.value;
}

/** Puts a record and returns it as stored. */
export async function put(readSide: ReadSide, key: string, value: unknown = 1): Promise<StoredRecord> {
  await readSide.commit({ put: [{ space: "s", key, value }] });
  const record = await readSide.findRecord({ space: "s", key });
  assert.ok(record !== undefined);
  return record;
}

/** How many of those that race win; the others must have failed with `code`. */
export async function winnersAmong(code: ErrorCode, racers: readonly Promise<unknown>[]): Promise<number> {
  const settled = await Promise.allSettled(racers);
  for (const one of settled) {
    if (one.status === "rejected" && !isHithertoError(one.reason, code)) throw one.reason;
  }
  return settled.filter((one) => one.status === "fulfilled").length;
}

/** So long may a signal be on its way before a test takes it for lost. */
const silenceMaxMs = 8_000;

/** Resolves when `holds` does, asking whenever the read side says that something has changed. */
export async function until(readSide: ReadSide, holds: () => Promise<boolean>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const giveUp = setTimeout(() => reject(new Error("no signal has come")), silenceMaxMs);
  const unwatch = readSide.watch(() => {
    holds().then((is) => is && resolve(), reject);
  });
  try {
    if (!(await holds())) await promise;
  } finally {
    unwatch();
    clearTimeout(giveUp);
  }
}
