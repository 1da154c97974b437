/**
 * One row of `commits`: its columns, its checksum, its event ids, and how its events are read back.
 *
 * A row is checked before a single event leaves it: checksum, form of the body, number of records. What does not
 * fit is reported as `STORE_DAMAGED`; nothing of the row is returned.
 */
import { crc32 } from "node:zlib";
import { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { decodeEvents } from "../store/decode-events.ts";
import type { EventRecord } from "../store/encode-append.ts";

/** The columns of a commit, in the order of {@link commitColumns}. */
export type CommitRow = readonly [...columns: Columns, body: string];

type Columns = readonly [
  position: number,
  stream: string,
  revision: number,
  events: number,
  recordedAt: number,
  idTime: number,
  idRandom: number,
  checksum: number,
];

const columns = "position, stream, revision, events, recorded_at, id_time, id_random, checksum";

/** To select a {@link CommitRow}. */
export const commitColumns: string = `${columns}, body`;

/** A {@link CommitRow} whose body may have been left out for its size. */
export type LeanRow = readonly [...columns: Columns, body: string | null];

/** Length in bytes beyond which a body is fetched on its own, so that many rows at once stay small. */
const leanBodyBytesMax = 32 * 1024;

/** To select a {@link LeanRow}. */
export const leanColumns: string = `${columns}, CASE WHEN octet_length(body) <= ${leanBodyBytesMax} THEN body END`;

/** What the checksum is taken over. */
export type UncheckedRow = readonly [
  position: number,
  stream: string,
  revision: number,
  events: number,
  recordedAt: number,
  idTime: number,
  idRandom: number,
  body: string,
];

/**
 * CRC-32 of the body, seeded by a mix of the other columns. The mix is a chain of bijections, so that a change of any
 * 32 bits in one column always changes the seed, and CRC-32 finds every burst of up to 32 bits in the body.
 */
export function checksumOf(row: UncheckedRow): number {
  const [position, stream, revision, events, recordedAt, idTime, idRandom, body] = row;
  let seed = streamSeed(stream);
  seed = mix(mix(mix(seed, position), revision), events);
  seed = mix(mix(mix(seed, recordedAt), idTime), idRandom);
  return crc32(body, seed >>> 0);
}

/** Mixes a number into a hash, by bijections: a change of one of the two always changes the result. */
export function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x9e3779b1);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed ^ Math.floor(value / 4294967296), 0x85ebca6b);
  return mixed ^ (mixed >>> 13);
}

const streamSeeds = new Map<string, number>();
const streamSeedsMax = 10_000;

function streamSeed(stream: string): number {
  let seed = streamSeeds.get(stream);
  if (seed === undefined) {
    seed = crc32(stream);
    if (streamSeeds.size >= streamSeedsMax) streamSeeds.clear();
    streamSeeds.set(stream, seed);
  }
  return seed;
}

/** Refuses a row whose columns have changed since they were written. @throws `STORE_DAMAGED` */
export function checkRow(row: CommitRow, store: string): void {
  const [position, stream, revision, events, recordedAt, idTime, idRandom, checksum, body] = row;
  if (!hasColumnTypes(row)) throw damaged(row, store, "a column does not hold what it should");
  if (checksumOf([position, stream, revision, events, recordedAt, idTime, idRandom, body]) === checksum) {
    return;
  }
  throw damaged(row, store, "the checksum does not fit the commit");
}

/** In a damaged file a column may hold anything, whatever the table says; the checksum takes it for a number. */
function hasColumnTypes([
  ,
  stream,
  revision,
  events,
  recordedAt,
  idTime,
  idRandom,
  ,
  body,
]: CommitRow): boolean {
  if (typeof stream !== "string" || typeof body !== "string") return false;
  return [revision, events, recordedAt, idTime, idRandom].every(Number.isSafeInteger);
}

/**
 * The records in the body of a checked row; null where an event was erased.
 *
 * @throws `STORE_DAMAGED`
 */
export function recordsOf(row: CommitRow, store: string): ReadonlyArray<EventRecord | null> {
  const records = parse(row, store);
  if (!Array.isArray(records) || records.length !== row[3]) {
    throw damaged(row, store, `the commit does not hold the ${row[3]} events that it names`);
  }
  return records as ReadonlyArray<EventRecord | null>;
}

function parse(row: CommitRow, store: string): unknown {
  try {
    return JSON.parse(row[8]);
  } catch {
    throw damaged(row, store, "the body of the commit is not JSON");
  }
}

/** Adds the events of a checked row to `events`. @throws `STORE_DAMAGED` */
export function decodeRow(row: CommitRow, store: string, events: StoredEvent[]): void {
  const [position, stream, revision, , recordedAt, idTime, idRandom] = row;
  const prefix = idPrefix(idTime, idRandom);
  decodeEvents(
    recordsOf(row, store),
    {
      stream,
      revision,
      position,
      recordedAt: momentText(recordedAt),
      idAt: (at) => prefix + positionText(at),
    },
    events,
  );
}

let lastSecond: readonly [second: number, text: string] = [-1, ""];

/** ISO 8601 of a moment. Neighbouring rows often share their second, whose text is dear to make. */
function momentText(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (lastSecond[0] !== second) lastSecond = [second, new Date(second * 1000).toISOString().slice(0, -4)];
  return `${lastSecond[1]}${String(1000 + ms - second * 1000).slice(1)}Z`;
}

let lastTime: readonly [high: number, text: string] = [-1, ""];
let lastRandom: readonly [bits: number, text: string] = [-1, ""];

/**
 * The first 28 characters of a version-7 UUID (RFC 9562): 48 bits of time, then 42 random bits. The low 32 bits of the
 * event's position follow, as the counter that the RFC allows there; so an id leads to its event without an index.
 */
export function idPrefix(time: number, random: number): string {
  const high = Math.floor(time / 2 ** 16);
  if (lastTime[0] !== high) lastTime = [high, hex(high, 8)];
  if (lastRandom[0] !== random) lastRandom = [random, randomText(random)];
  const low = time - high * 2 ** 16;
  return `${lastTime[1]}-${hexByte[low >> 8]}${hexByte[low & 255]}-${lastRandom[1]}`;
}

let lastPositions: readonly [high: number, text: string] = [-1, ""];

/** The low 32 bits of a position. Neighbouring events share all but the last byte. */
function positionText(position: number): string {
  const low = position % 2 ** 32;
  const high = Math.floor(low / 256);
  if (lastPositions[0] !== high) lastPositions = [high, hex(high, 6)];
  return `${lastPositions[1]}${hexByte[low - high * 256]}`;
}

function randomText(random: number): string {
  const [a, b, c] = [Math.floor(random / 2 ** 30), Math.floor(random / 2 ** 16) % 2 ** 14, random % 2 ** 16];
  return `7${hex(a, 3)}-${hex(0x8000 + b, 4)}-${hex(c, 4)}`;
}

const hexByte: readonly string[] = Array.from({ length: 256 }, (_, byte) => hex(byte, 2));

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** The error for a row that cannot be believed. */
export function damaged(row: LeanRow, store: string, problem: string): HithertoError {
  return new HithertoError("STORE_DAMAGED", { store, problem, stream: row[1], position: row[0] });
}
