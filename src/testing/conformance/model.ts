/**
 * What a store is, in fifty lines: a list of events and what is said of each stream. It knows no positions of its own;
 * it takes them from the store that it is compared with, having checked that they rise.
 */
import type { ErrorCode } from "../../core/errors.ts";
import type { NewEvent } from "../../core/event.ts";
import type { Query } from "../../core/query.ts";
import { definedParts } from "../../core/selections.ts";
import type { Expectation, ReadOptions } from "../../store/event-store.ts";
import { passes } from "./filter-rule.ts";

export type ModelEvent = NewEvent & { stream: string; revision: number; position: number };
export type ModelAppend = { stream: string; expect: Expectation; events: NewEvent[] };
export type ModelStream = {
  last: number;
  floor: number;
  maxCount: number;
  hidesOld: boolean;
  isTombstoned: boolean;
};
export type ModelCondition = { failIfMatch: Query; after: number };

/** Events recorded at this moment are older than any `maxAgeMs` that the random tests set. */
export const longAgo = "2001-02-03T04:05:06.007Z";

export class Model {
  log: ModelEvent[] = [];
  readonly streams: Map<string, ModelStream> = new Map();

  stream(name: string): ModelStream {
    const fresh = { last: -1, floor: 0, maxCount: Infinity, hidesOld: false, isTombstoned: false };
    const stream = this.streams.get(name) ?? fresh;
    this.streams.set(name, stream);
    return stream;
  }

  visible(name?: string): ModelEvent[] {
    return this.log.filter(({ stream, revision, recordedAt }) => {
      const { last, floor, maxCount, hidesOld } = this.stream(stream);
      if (name !== undefined && name !== stream) return false;
      return revision >= floor && revision > last - maxCount && !(hidesOld && recordedAt === longAgo);
    });
  }

  verdict(batch: readonly ModelAppend[], condition?: ModelCondition): ErrorCode | "stored" | "repeated" {
    const events = batch.flatMap(({ stream, events: own }) => own.map(({ id }) => ({ stream, id })));
    const found = events.map(({ id }) => this.log.find((event) => event.id === id));
    if (found.some((event) => event !== undefined)) {
      const isSame = (event: ModelEvent | undefined, n: number): boolean =>
        event?.stream === events[n]?.stream && (event?.position ?? 0) > (found[n - 1]?.position ?? 0);
      return found.every(isSame) ? "repeated" : "EVENT_ID_CONFLICT";
    }
    for (const { stream, expect } of batch) {
      const [{ last, isTombstoned }, isEmpty] = [this.stream(stream), this.visible(stream).length === 0];
      if (isTombstoned) return "STREAM_TOMBSTONED";
      const holds = { any: true, none: isEmpty, exists: !isEmpty }[expect] ?? (expect === last && !isEmpty);
      if (!holds) return "REVISION_CONFLICT";
    }
    const isInTheWay = (event: ModelEvent): boolean =>
      event.position > (condition?.after ?? 0) &&
      passes(definedParts({ query: condition?.failIfMatch }), event);
    return condition !== undefined && this.visible().some(isInTheWay) ? "CONDITION_CONFLICT" : "stored";
  }

  append(batch: readonly ModelAppend[], firstPosition: number): void {
    let position = firstPosition;
    for (const { stream, events } of batch) {
      for (const event of events) {
        this.log.push({ ...event, stream, revision: ++this.stream(stream).last, position: position++ });
      }
    }
  }

  read({ from = 0, to = Infinity, backwards, limit, ...filter }: ReadOptions, stream?: string): ModelEvent[] {
    const key = stream === undefined ? "position" : "revision";
    const found = this.visible(stream).filter((e) => e[key] >= from && e[key] <= to && passes(filter, e));
    return (backwards === true ? found.reverse() : found).slice(0, limit);
  }
}
