/**
 * Compares a store with the ledger of those who wrote to it, life after life.
 *
 * A witness remembers every event it has seen: what once was in the log must be there again, unchanged and in its
 * place, and what is new must come after it.
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import type { NewEvent, StoredEvent } from "../../src/core/event.ts";
import type { EventStore, StreamAppendResult } from "../../src/store/event-store.ts";
import { streamOfCuts } from "./cuts.ts";
import type { LedgerLine } from "./ledger.ts";
import { churnCountMax, churnStreams, operationOf } from "./operations.ts";
import type { EventMark } from "./operations.ts";

type MarkedEvent = StoredEvent<string, EventMark>;

/** What an examination found. */
export interface Examined {
  /** Events in the log. */
  readonly events: number;
  /** Appends that the ledger has as acknowledged. */
  readonly acknowledged: number;
  /** Appends that are stored though nobody was told. */
  readonly unheard: number;
}

/** Remembers one store. */
export class Witness {
  /** Position to checksum of everything seen in streams that keep all. */
  readonly #seen = new Map<number, number>();
  #head = 0;

  /** Fails unless store and ledger agree. */
  async examine(store: EventStore, ledger: readonly LedgerLine[]): Promise<Examined> {
    const log = (await store.read().toArray()) as MarkedEvent[];
    const head = await store.head();
    assert.ok(head >= this.#head, `the head went back from ${this.#head} to ${head}`);
    this.#checkLog(log);
    const streams = Map.groupBy(log, (event) => event.stream);
    const operations = Map.groupBy(log, (event) => event.data.op);
    for (const [stream, events] of streams) await checkStream(store, stream, events);
    for (const [op, events] of operations) if (!op.startsWith("churn")) checkOperation(op, events);
    checkRivals(streams, operations);
    checkChurn(streams, ledger);
    const acknowledged = checkLedger(ledger, operations, head);
    await checkSound(store, log.length);
    this.#head = head;
    const heard = new Set(ledger.flatMap((line) => (line.kind === "done" ? [line.op] : [])));
    const unheard = [...operations.keys()].filter((op) => !heard.has(op)).length;
    return { events: log.length, acknowledged, unheard };
  }

  /** Positions grow; what was seen before is unchanged; what is new comes after it and is what was appended. */
  #checkLog(log: readonly MarkedEvent[]): void {
    let last = 0;
    let known = 0;
    for (const event of log) {
      assert.ok(event.position > last, `position ${event.position} follows ${last}`);
      last = event.position;
      const checksum = crc32(JSON.stringify(event));
      const before = this.#seen.get(event.position);
      if (before !== undefined) {
        assert.equal(checksum, before, `the event at position ${event.position} has changed`);
        known++;
        continue;
      }
      const isNew = event.position > this.#head || churnStreams.includes(event.stream);
      assert.ok(isNew, `position ${event.position} has appeared below the head ${this.#head}`);
      if (!churnStreams.includes(event.stream)) this.#seen.set(event.position, checksum);
      else if (this.#seen.has(event.position)) assert.fail(`position ${event.position} was used again`);
    }
    assert.equal(known, this.#seenBelow(log), "an event that was in the log is gone");
  }

  #seenBelow(log: readonly MarkedEvent[]): number {
    const added = log.filter(
      (event) => event.position > this.#head && !churnStreams.includes(event.stream),
    ).length;
    return this.#seen.size - added;
  }
}

async function checkStream(store: EventStore, stream: string, inLog: readonly MarkedEvent[]): Promise<void> {
  const events = await store.readStream(stream).toArray();
  assert.deepEqual(events, inLog, `stream ${stream} reads otherwise than the log`);
  const first = churnStreams.includes(stream) ? events[0]!.revision : 0;
  for (const [index, { revision }] of events.entries()) {
    assert.equal(revision, first + index, `revisions of ${stream}`);
  }
}

/** An append is there whole, in one piece, and is what its name says. */
function checkOperation(op: string, found: readonly MarkedEvent[]): void {
  const revision = found[0]!.data.value === undefined ? -1 : found[0]!.data.value - 1;
  const wanted = operationOf(op, revision).appends.flatMap(({ stream, events }) =>
    events.map((event) => ({ stream: stream!, event })),
  );
  assert.equal(found.length, wanted.length, `${op} is stored in part, or twice`);
  for (const [index, { stream, event }] of wanted.entries()) {
    const stored = found[index]!;
    assert.equal(stored.stream, stream, op);
    assert.equal(stored.position, found[0]!.position + index, `${op} is not in one piece`);
    assertSame(stored, event);
  }
}

function assertSame(stored: MarkedEvent, event: NewEvent): void {
  const { type, data, tags = [], metadata = {}, id = stored.id, recordedAt = stored.recordedAt } = event;
  const expected = { ...stored, type, data, tags, metadata, id, recordedAt };
  assert.deepEqual(stored, expected);
}

/** Of those who wanted the same, one got it. */
function checkRivals(
  streams: ReadonlyMap<string, readonly MarkedEvent[]>,
  operations: ReadonlyMap<string, readonly MarkedEvent[]>,
): void {
  for (const { data, revision } of streams.get("counter-1") ?? []) {
    assert.equal(data.value, revision, `${data.op} expected another revision`);
  }
  for (const [stream, events] of streams) {
    if (!stream.startsWith("once-")) continue;
    assert.equal(new Set(events.map((event) => event.data.op)).size, 1, `${stream} was begun twice`);
  }
  const claims = [...operations].filter(([op]) => op.startsWith("claim"));
  const seats = claims.map(([, [event]]) => event!.tags[0]);
  assert.equal(new Set(seats).size, seats.length, "a seat was claimed twice");
}

function checkLedger(
  ledger: readonly LedgerLine[],
  operations: ReadonlyMap<string, readonly MarkedEvent[]>,
  head: number,
): number {
  let acknowledged = 0;
  for (const line of ledger) {
    if (line.kind === "refused") {
      assert.ok(!operations.has(line.op), `${line.op} was refused and is stored`);
    }
    if (line.kind !== "done") continue;
    acknowledged++;
    const { position, firstPosition, streams } = line.result;
    assert.ok(position <= head, `${line.op} was acknowledged beyond the head`);
    if (line.op.startsWith("churn")) continue;
    const found = operations.get(line.op);
    assert.ok(found !== undefined, `${line.op} was acknowledged at position ${position} and is lost`);
    assert.deepEqual([found[0]!.position, found.at(-1)!.position], [firstPosition, position], line.op);
    assert.deepEqual(streams, resultsOf(found), line.op);
  }
  return acknowledged;
}

function resultsOf(found: readonly MarkedEvent[]): StreamAppendResult[] {
  return [...Map.groupBy(found, (event) => event.stream)].map(([stream, events]) => {
    return { stream, firstRevision: events[0]!.revision, revision: events.at(-1)!.revision };
  });
}

/** What was cut before it was acknowledged stays hidden; what came after the cut is there. */
function checkChurn(
  streams: ReadonlyMap<string, readonly MarkedEvent[]>,
  ledger: readonly LedgerLine[],
): void {
  assert.ok((streams.get(churnStreams[0]!) ?? []).length <= churnCountMax, "maxCount is not kept");
  for (const stream of churnStreams) {
    const visible = streams.get(stream) ?? [];
    const revisions = new Set(visible.map((event) => event.revision));
    const last = visible.at(-1)?.revision ?? -1;
    for (const { result, isCut, op } of streamOfCuts(stream, ledger)) {
      for (let revision = result.firstRevision; revision <= result.revision; revision++) {
        const isCounted = stream === churnStreams[0] && revision <= last - churnCountMax;
        if (isCut === true) assert.ok(!revisions.has(revision), `${op} was cut off and is visible`);
        if (isCut === false && !isCounted) {
          assert.ok(revisions.has(revision), `${op} was acknowledged, not cut off, and is lost`);
        }
      }
    }
  }
}

async function checkSound(store: EventStore, visible: number): Promise<void> {
  const report = await store.verify();
  assert.deepEqual(report.problems, []);
  assert.ok(report.events >= visible, `verify saw ${report.events} events, the log has ${visible}`);
}
