/**
 * Given/when/then for projections: given what happened, in whatever streams, then these are the documents. They pass
 * through JSON and are frozen after each event, as a store would return them and as no function may change them.
 */
import { isPromise } from "../core/calls.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { AnyEventTypes } from "../core/event-type.ts";
import type { StoredEvent } from "../core/event.ts";
import { documentJson, eventFor, evolveDocument, filterOf, keysOf } from "../core/projection-step.ts";
import type { Projection } from "../core/projection.ts";
import { passesFilter } from "../core/query.ts";
import { expectDocuments, expectThrown } from "./expectations.ts";
import type { Outcome, PastEventIn } from "./scenario.ts";
import { deepFreeze, toStored } from "./scenario.ts";

/** The past of a projection. */
export interface GivenProjection<Document, Done> {
  /** Exactly these documents, by key. */
  thenDocuments(documents: Readonly<Record<string, Document>>): Done;
  /** This document under the key, whatever others there are; undefined for none. */
  thenDocument(key: string, document: Document | undefined): Done;
  /** An error with this code, or one that the function answers `true` to. */
  thenThrows(error: ErrorCode | (string & {}) | ((error: unknown) => boolean)): Done;
}

type Past = readonly PastEventIn[] | PromiseLike<readonly PastEventIn[]>;

type NowOrLater = void | Promise<void>;

/** States the past of a projection. */
export function givenProjection(
  projection: Projection<unknown>,
  past: Past,
): GivenProjection<unknown, NowOrLater> {
  const { name } = projection;
  const check = (compare: (outcome: Outcome) => void): NowOrLater => {
    const outcome = isLater(past) ? foldLater(projection, past) : foldNow(projection, past);
    return isPromise(outcome) ? outcome.then(compare) : compare(outcome);
  };
  return {
    thenDocuments: (documents) => check((outcome) => expectDocuments(name, outcome, documents)),
    thenDocument: (key, document) =>
      check((outcome) => {
        const wanted = document === undefined ? {} : { [key]: document };
        expectDocuments(name, only(key, outcome), wanted);
      }),
    thenThrows: (error) => check((outcome) => expectThrown(name, outcome, error)),
  };
}

async function foldLater(
  projection: Projection<unknown>,
  past: PromiseLike<readonly PastEventIn[]>,
): Promise<Outcome> {
  return foldNow(projection, await past);
}

function foldNow(projection: Projection<unknown>, past: readonly PastEventIn[]): Outcome {
  const { name, categories } = projection;
  const events: AnyEventTypes = projection.events;
  const stored = toStored({ name, stream: `${categories?.[0] ?? name}-1`, events }, past);
  try {
    return { kind: "events", events: [], state: Object.fromEntries(documentsOf(projection, stored)) };
  } catch (error) {
    return { kind: "error", error };
  }
}

function documentsOf(
  projection: Projection<unknown>,
  stored: readonly StoredEvent[],
): ReadonlyMap<string, unknown> {
  const documents = new Map<string, unknown>();
  const filter = filterOf(projection);
  for (const each of stored) {
    const event = passesFilter(filter, each) ? eventFor(projection, each) : undefined;
    if (event === undefined) continue;
    for (const key of keysOf(projection, event)) {
      const next = evolveDocument(projection, { key, document: documents.get(key) }, event);
      if (next === null) documents.delete(key);
      else documents.set(key, deepFreeze(JSON.parse(documentJson(projection, next, event))));
    }
  }
  return documents;
}

function only(key: string, outcome: Outcome): Outcome {
  if (outcome.kind !== "events") return outcome;
  const documents = outcome.state as Readonly<Record<string, unknown>>;
  return { ...outcome, state: Object.hasOwn(documents, key) ? { [key]: documents[key] } : {} };
}

function isLater(past: Past): past is PromiseLike<readonly PastEventIn[]> {
  return typeof past === "object" && past !== null && "then" in past;
}
