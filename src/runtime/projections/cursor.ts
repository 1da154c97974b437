/**
 * Cursors: where the next page of a find begins, as text that callers hand back. Whoever forges one only begins elsewhere
 * in the result of a query that he may ask anyway, so cursors carry no signature; they are checked for their shape, and
 * for belonging to the query and the version that they come from.
 */
import { createHash } from "node:crypto";
import { HithertoError } from "../../core/errors.ts";
import { indexValues } from "../../store/document-query.ts";
import type { DocumentQuery, IndexValue } from "../../store/read-side.ts";
import type { DocumentSelection } from "./find-plan.ts";

/** A place in the order of a query: the last document before the next page. */
export type Place = NonNullable<DocumentQuery["after"]>;

/** A cursor's content. */
export interface Cursor {
  readonly place: Place;
  /** Version of the definition that built what the page was read from. */
  readonly version: number;
}

/** The place of a document in the order of a query. */
export function placeOf({ sort }: DocumentSelection, key: string, document: unknown): Place {
  if (sort.length === 0) return { values: [], key };
  const shape = { kind: "documents", indexes: [sort.map(({ field }) => field)] } as const;
  return { values: indexValues(shape, document), key };
}

/** Writes a cursor. */
export function encodeCursor(query: DocumentSelection, { place, version }: Cursor): string {
  const content = [version, fingerprintOf(query), place.key, ...place.values];
  return Buffer.from(JSON.stringify(content)).toString("base64url");
}

/** Reads a cursor. @throws `CURSOR_INVALID` for one that is malformed or of another query. */
export function decodeCursor(readModel: string, query: DocumentSelection, cursor: unknown): Cursor {
  const content = typeof cursor === "string" ? parse(cursor) : undefined;
  if (content === undefined) return refuseCursor(readModel, "it is not one that find returned");
  const { version, fingerprint, place } = content;
  const isOfQuery = fingerprint === fingerprintOf(query) && place.values.length === query.sort.length;
  if (!isOfQuery) return refuseCursor(readModel, "it is of another query");
  return { place, version };
}

/** Refuses a cursor. @throws `CURSOR_INVALID` */
export function refuseCursor(readModel: string, problem: string): never {
  throw new HithertoError("CURSOR_INVALID", { readModel, problem });
}

const cursorLengthMax = 65_536;

function parse(cursor: string): (Cursor & { readonly fingerprint: unknown }) | undefined {
  if (cursor.length > cursorLengthMax) return undefined;
  const bytes = Buffer.from(cursor, "base64url");
  // Decoding passes over what it does not understand.
  if (bytes.toString("base64url") !== cursor) return undefined;
  let content: unknown;
  try {
    content = JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
  if (!Array.isArray(content)) return undefined;
  const [version, fingerprint, key, ...values] = content as readonly unknown[];
  if (!Number.isSafeInteger(version) || typeof key !== "string" || !values.every(isIndexValue)) {
    return undefined;
  }
  return { version: version as number, fingerprint, place: { key, values } };
}

function isIndexValue(value: unknown): value is IndexValue {
  return value === null || typeof value === "string" || typeof value === "number";
}

/** The same for queries that ask the same, whatever their limit and the order in which they name fields. */
function fingerprintOf({ where, keyPrefix, sort }: DocumentSelection): string {
  const byField = Object.entries(where).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const text = JSON.stringify([byField, keyPrefix, sort]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 16);
}
