/**
 * Looking after parked events, of consumers and projections alike, from any process; see {@link ParkedAdmin}. What is
 * asked for is written into the records of the keys (`parked-records.ts`), and carried out by their owners. Each commit
 * also writes the record of the consumer or projection as it is: by its new version, owners notice.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { checkDefined, definedParts } from "../../core/selections.ts";
import { inWords } from "../../store/check-input.ts";
import { checkOptions } from "../../store/read-options.ts";
import type { ReadSide, ReadSideCommit, RecordRef, StoredRecord } from "../../store/read-side.ts";
import { inboxRef } from "../consumers/inbox.ts";
import { hashKey, partitionOf } from "../consumers/key-hash.ts";
import { ownerKey, recordKey, spaces } from "../records.ts";
import type { ConsumerRecord, ParkedKeyRecord } from "../records.ts";
import type { ParkedAdmin, ParkedEvent, ParkedOwner, ParkedSelection } from "../work-admin.ts";
import type { Work } from "../work.ts";
import {
  listParkedKeys,
  listParkedOfKey,
  parkedKeyRef,
  parkedRef,
  toParkedEvent,
  toStoredParked,
} from "./parked-records.ts";
import type { StoredParked, StoredParkedKey } from "./parked-records.ts";

/** Records read, and keys changed, at a time. */
const pageSize = 500;

/** Makes what looks after the parked events of a store. */
export function createParkedAdmin({ readSide }: Work): ParkedAdmin {
  return {
    list: (selection = {}) => {
      requireSelection(selection);
      requireCount("limit", selection.limit);
      return { [Symbol.asyncIterator]: () => listParked(readSide, selection) };
    },
    count: async (owner = {}) => {
      requireSelection(owner);
      const { kind, name } = owner;
      if (name === undefined || kind !== undefined) {
        return readSide.countRecords(spaces.parked, prefixOf(owner));
      }
      const kinds = ["consumer", "projection"] as const;
      const counts = kinds.map((each) =>
        readSide.countRecords(spaces.parked, ownerKey({ kind: each, name })),
      );
      return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
    },
    replay: async (selection, options = {}) => {
      requireOwner(selection);
      checkOptions(options);
      const { ratePerSecond } = options;
      requireRate(ratePerSecond);
      const keys = await selectKeys(readSide, selection);
      const share = await shareOfRate(readSide, selection, keys, ratePerSecond);
      return {
        events: await changeKeys(readSide, selection, keys, (key) => replayKey(readSide, key, share)),
      };
    },
    discard: async (selection) => {
      requireOwner(selection);
      const keys = await selectKeys(readSide, selection);
      const change = (key: StoredParkedKey): Promise<KeyChange> =>
        discardKey(readSide, key, selection.position);
      return { events: await changeKeys(readSide, selection, keys, change) };
    },
  };
}

/** What becomes of a key, and how many events that concerns. */
interface KeyChange {
  readonly events: number;
  /** Undefined: it is free. */
  readonly record: ParkedKeyRecord | undefined;
  readonly remove: readonly RecordRef[];
}

async function* listParked(
  readSide: ReadSide,
  selection: Partial<ParkedSelection> & { readonly limit?: number | undefined },
): AsyncGenerator<ParkedEvent> {
  let left = selection.limit ?? Infinity;
  const stateOf = keyStates(readSide);
  for await (const parked of selected(readSide, selection)) {
    if (left-- <= 0) return;
    yield toParkedEvent(parked, await stateOf(parked));
  }
}

/** Parked events that were selected, a page in memory at a time. */
async function* selected(
  readSide: ReadSide,
  selection: Partial<ParkedSelection>,
): AsyncGenerator<StoredParked> {
  const prefix = prefixOf(selection);
  let after: string | undefined;
  for (;;) {
    const page = await readSide.listRecords(spaces.parked, definedParts({ prefix, after, limit: pageSize }));
    for (const record of page) {
      const parked = toStoredParked(record);
      if (isSelected(parked, selection)) yield parked;
    }
    after = page.at(-1)?.key;
    if (page.length < pageSize) return;
  }
}

/** Of a consumer, the key narrows what is read; a projection's come after its generations, and are looked through. */
function prefixOf({ kind, name, key }: Partial<ParkedSelection>): string | undefined {
  if (kind === undefined) return undefined;
  if (name === undefined) return recordKey(kind);
  const owner = ownerKey({ kind, name });
  return kind === "consumer" && key !== undefined ? owner + recordKey(key) : owner;
}

function isSelected({ scope, key, position }: StoredParked, selection: Partial<ParkedSelection>): boolean {
  return (
    (selection.kind ?? scope.kind) === scope.kind &&
    (selection.name ?? scope.name) === scope.name &&
    (selection.key ?? key) === key &&
    (selection.position ?? position) === position
  );
}

/** States of keys; that of the last one is remembered, for a key's events follow each other. */
function keyStates(readSide: ReadSide): (parked: StoredParked) => Promise<ParkedKeyRecord["state"]> {
  let last: { readonly id: string; readonly state: ParkedKeyRecord["state"] } | undefined;
  return async ({ scope, key }) => {
    const ref = parkedKeyRef(scope, key);
    if (last?.id !== ref.key) {
      const record = (await readSide.findRecord(ref))?.value as ParkedKeyRecord | undefined;
      last = { id: ref.key, state: record?.state ?? "blocked" };
    }
    return last.state;
  };
}

/** The keys that a selection concerns. @throws `PARKED_UNKNOWN` when there is none. */
async function selectKeys(
  readSide: ReadSide,
  selection: ParkedSelection,
): Promise<readonly StoredParkedKey[]> {
  const { kind, name, key, position } = selection;
  const keys = await listParkedKeys(readSide, { kind, name });
  const found =
    position === undefined
      ? keys.filter(({ record }) => (key ?? record.key) === record.key)
      : await keysOfEvent(readSide, keys, selection);
  if (found.length > 0) return found;
  throw new HithertoError("PARKED_UNKNOWN", { owner: `The ${kind} "${name}"`, key, position });
}

async function keysOfEvent(
  readSide: ReadSide,
  keys: readonly StoredParkedKey[],
  selection: ParkedSelection,
): Promise<readonly StoredParkedKey[]> {
  const ids = new Set<string>();
  for await (const { scope, key } of selected(readSide, selection)) ids.add(parkedKeyRef(scope, key).key);
  return keys.filter(({ scope, record }) => ids.has(parkedKeyRef(scope, record.key).key));
}

/** Partitions go at their own pace, so each gets its share of the rate. */
async function shareOfRate(
  readSide: ReadSide,
  { kind, name }: ParkedOwner,
  keys: readonly StoredParkedKey[],
  ratePerSecond: number | undefined,
): Promise<number | undefined> {
  if (ratePerSecond === undefined || kind === "projection") return ratePerSecond;
  const stored = await readSide.findRecord({ space: spaces.consumers, key: name });
  const { partitions } = (stored?.value ?? { partitions: 1 }) as ConsumerRecord;
  const concerned = new Set(keys.map(({ record }) => partitionOf(hashKey(record.key), partitions)));
  return ratePerSecond / concerned.size;
}

/** Changes keys, some at a time. Says how many events that concerned. */
async function changeKeys(
  readSide: ReadSide,
  owner: ParkedOwner,
  keys: readonly StoredParkedKey[],
  change: (key: StoredParkedKey) => Promise<KeyChange>,
): Promise<number> {
  let events = 0;
  for (let from = 0; from < keys.length; from += pageSize) {
    events += await changeSome(readSide, owner, keys.slice(from, from + pageSize), change);
  }
  return events;
}

/** Over again while somebody, the owner mostly, has changed a key meanwhile. */
async function changeSome(
  readSide: ReadSide,
  owner: ParkedOwner,
  keys: readonly StoredParkedKey[],
  change: (key: StoredParkedKey) => Promise<KeyChange>,
): Promise<number> {
  for (;;) {
    const found = await Promise.all(keys.map((key) => findKey(readSide, key)));
    const present = found.filter((key) => key !== undefined);
    const changes = await Promise.all(present.map(change));
    const commit = commitOf(present, changes, await findOwner(readSide, owner));
    try {
      await readSide.commit(commit);
      return changes.reduce((sum, { events }) => sum + events, 0);
    } catch (error) {
      if (!isHithertoError(error, "RECORD_CONFLICT")) throw error;
    }
  }
}

function commitOf(
  keys: readonly StoredParkedKey[],
  changes: readonly KeyChange[],
  owner: StoredRecord | undefined,
): ReadSideCommit {
  const refs = keys.map(({ scope, record }) => parkedKeyRef(scope, record.key));
  const kept = changes.flatMap(({ record }, index) =>
    record === undefined ? [] : [{ ...refs[index]!, value: record }],
  );
  const gone = refs.filter((_, index) => changes[index]?.record === undefined);
  const expect = refs.map((ref, index) => ({ ...ref, version: keys[index]!.version }));
  const remove = [...changes.flatMap((change) => change.remove), ...gone];
  if (owner === undefined) return { expect, put: kept, remove };
  const { space, key, version, value } = owner;
  return { expect: [...expect, { space, key, version }], put: [...kept, { space, key, value }], remove };
}

async function findKey(readSide: ReadSide, known: StoredParkedKey): Promise<StoredParkedKey | undefined> {
  const stored = await readSide.findRecord(parkedKeyRef(known.scope, known.record.key));
  if (stored === undefined) return undefined;
  return { scope: known.scope, version: stored.version, record: stored.value as ParkedKeyRecord };
}

function findOwner(readSide: ReadSide, { kind, name }: ParkedOwner): Promise<StoredRecord | undefined> {
  return readSide.findRecord({
    space: kind === "consumer" ? spaces.consumers : spaces.projections,
    key: name,
  });
}

async function replayKey(
  readSide: ReadSide,
  { scope, record }: StoredParkedKey,
  ratePerSecond: number | undefined,
): Promise<KeyChange> {
  const events = await listParkedOfKey(readSide, scope, record.key);
  const asked: ParkedKeyRecord = { key: record.key, state: "replaying", ratePerSecond };
  return { events: events.length, record: asked, remove: [] };
}

/** What was only held goes on when the event that failed is gone. */
async function discardKey(
  readSide: ReadSide,
  { scope, record }: StoredParkedKey,
  position: number | undefined,
): Promise<KeyChange> {
  const parked = await listParkedOfKey(readSide, scope, record.key);
  const isGone = (one: StoredParked): boolean => position === undefined || one.position === position;
  const gone = parked.filter(isGone);
  const first = parked.find((one) => !isGone(one));
  const remove = gone.flatMap((one) => [
    parkedRef(scope, one.key, one.position),
    ...(scope.kind === "consumer" ? [inboxRef(scope.name, one.position)] : []),
  ]);
  if (first === undefined) return { events: gone.length, record: undefined, remove };
  const goesOn = first.record.state === "held";
  return { events: gone.length, record: goesOn ? { ...record, state: "replaying" } : record, remove };
}

function requireOwner(selection: unknown): asserts selection is ParkedSelection {
  requireSelection(selection);
  const { kind, name } = selection as Partial<ParkedSelection>;
  if (kind === undefined) refuse("kind", '"consumer" or "projection"', kind);
  if (name === undefined) refuse("name", "a string", name);
}

function requireSelection(selection: unknown): void {
  if (typeof selection !== "object" || selection === null) refuse("selection", "an object", selection);
  checkDefined(selection, ["kind", "name", "key", "position"]);
  const { kind, name, key, position } = selection as Record<string, unknown>;
  if (kind !== undefined && kind !== "consumer" && kind !== "projection") {
    refuse("kind", '"consumer" or "projection"', kind);
  }
  if (name !== undefined && typeof name !== "string") refuse("name", "a string", name);
  if (key !== undefined && typeof key !== "string") refuse("key", "a string", key);
  requireCount("position", position);
}

function requireCount(argument: string, value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0)) return;
  refuse(argument, "an integer from 0", value);
}

function requireRate(rate: unknown): void {
  if (rate === undefined || (typeof rate === "number" && rate > 0 && Number.isFinite(rate))) return;
  refuse("ratePerSecond", "a number above 0", rate);
}

function refuse(argument: string, wanted: string, found: unknown): never {
  const problem = `it must be ${wanted}, not ${inWords(found)}`;
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
