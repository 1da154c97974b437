/**
 * Parked events and parked keys as records, the same for consumers and projections.
 *
 * A key with parked events has a record of its own. Whoever adds or removes a parked event of a key also writes, and
 * expects, the key's record, in the same commit. So the owner of the key and those who look after parked events never
 * act on what the other has changed: the later one's commit is refused, and it looks again.
 *
 * Of a key's parked events only the first can have `failed`; the others were `held` behind it.
 *
 * States of a key
 * - **free**: it has no record.
 * - **blocked**: entered when an event is parked, and when a replay fails. Later events of the key are parked as held.
 * - **replaying**: entered from blocked when somebody asks for a replay, or discards the event that failed. The owner
 *   delivers the parked events in order of position and removes each with a commit; the last one frees the key.
 */
import type { StoredEvent } from "../../core/event.ts";
import type { ReadSide, RecordRef, StoredRecord } from "../../store/read-side.ts";
import { ownerKey, recordKey, recordKeyParts, spaces } from "../records.ts";
import type { ParkedKeyRecord, ParkedRecord } from "../records.ts";
import type { ParkedEvent, ParkedOwner } from "../work-admin.ts";
import { stackOf, toWorkError } from "../work-error.ts";

/** Whose parked events: a consumer's, or those of one generation of a projection. */
export interface ParkedScope extends ParkedOwner {
  /** Of a projection only. */
  readonly generation?: number | undefined;
}

/** A parked event as it is stored, and where. */
export interface StoredParked {
  readonly scope: ParkedScope;
  readonly key: string;
  readonly position: number;
  readonly record: ParkedRecord;
}

/** A parked key as it is stored, and where. */
export interface StoredParkedKey {
  readonly scope: ParkedScope;
  readonly version: number;
  readonly record: ParkedKeyRecord;
}

/** A delivery that failed for good. */
export interface Failure {
  readonly error: unknown;
  /** All attempts so far, also those of earlier deliveries. */
  readonly attempts: number;
  readonly at: Date;
  /** When the first of the attempts failed, if there were several. */
  readonly firstAt?: Date | undefined;
}

/** How the keys of a scope's records begin. */
export function scopeKey(scope: ParkedScope): string {
  const owner = ownerKey(scope);
  return scope.generation === undefined ? owner : owner + recordKey(scope.generation);
}

/** Names a parked event. */
export function parkedRef(scope: ParkedScope, key: string, position: number): RecordRef {
  return { space: spaces.parked, key: scopeKey(scope) + recordKey(key, position) };
}

/** Names a parked key. */
export function parkedKeyRef(scope: ParkedScope, key: string): RecordRef {
  return { space: spaces.parkedKeys, key: scopeKey(scope) + recordKey(key) };
}

/** Reads a record of the space `parked`. */
export function toStoredParked({ key: stored, value }: StoredRecord): StoredParked {
  const parts = recordKeyParts(stored);
  const [key = "", position] = parts.slice(-2);
  return { scope: scopeOf(parts), key, position: Number(position), record: value as ParkedRecord };
}

/** Reads a record of the space `parkedKeys`. */
export function toStoredParkedKey({ key, version, value }: StoredRecord): StoredParkedKey {
  return { scope: scopeOf(recordKeyParts(key)), version, record: value as ParkedKeyRecord };
}

/** A parked event as it is shown; while its key is replaying, so is it. */
export function toParkedEvent(parked: StoredParked, keyState: ParkedKeyRecord["state"]): ParkedEvent {
  const { scope, key, position, record } = parked;
  const owner = { kind: scope.kind, name: scope.name };
  const shown = { ...blank, ...record, owner, key, position };
  return keyState === "replaying" ? { ...shown, state: "replaying" } : shown;
}

/** The record of an event that failed, the first time or again (`earlier`). */
export function failedRecord(event: StoredEvent, failure: Failure, earlier?: ParkedRecord): ParkedRecord {
  const at = failure.at.toISOString();
  return {
    ...described(event),
    state: "failed",
    error: { ...toWorkError(failure.error, failure.at, event.position), stack: stackOf(failure.error) },
    attempts: failure.attempts,
    firstFailedAt: earlier?.firstFailedAt ?? failure.firstAt?.toISOString() ?? at,
    lastFailedAt: at,
    parkedAt: earlier?.parkedAt ?? at,
  };
}

/** The record of an event that waits behind one of its key that failed. */
export function heldRecord(event: StoredEvent, at: Date): ParkedRecord {
  return { ...blank, ...described(event), state: "held", attempts: 0, parkedAt: at.toISOString() };
}

/** Parked events of a key, the first ones first. */
export async function listParkedOfKey(
  readSide: ReadSide,
  scope: ParkedScope,
  key: string,
  page: { readonly after?: number | undefined; readonly limit?: number | undefined } = {},
): Promise<readonly StoredParked[]> {
  const prefix = scopeKey(scope) + recordKey(key);
  const after = page.after === undefined ? undefined : prefix + recordKey(page.after);
  const records = await readSide.listRecords(spaces.parked, { prefix, after, limit: page.limit });
  return records.map(toStoredParked);
}

/** All parked keys of a scope; of a projection without a generation, those of all its generations. */
export async function listParkedKeys(
  readSide: ReadSide,
  scope: ParkedScope,
): Promise<readonly StoredParkedKey[]> {
  const records = await readSide.listRecords(spaces.parkedKeys, { prefix: scopeKey(scope) });
  return records.map(toStoredParkedKey);
}

/** JSON leaves out what is undefined. */
const blank = { error: undefined, firstFailedAt: undefined, lastFailedAt: undefined } as const;

function described(event: StoredEvent): Pick<ParkedRecord, "eventId" | "type" | "stream" | "revision"> {
  return { eventId: event.id, type: event.type, stream: event.stream, revision: event.revision };
}

function scopeOf([kind, name = "", generation]: readonly string[]): ParkedScope {
  if (kind === "consumer") return { kind, name };
  return { kind: "projection", name, generation: Number(generation) };
}
