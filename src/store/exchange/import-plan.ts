/**
 * Decides what becomes of each event of a batch before anything is appended, and groups the new ones into appends.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { EventStore, StreamAppend } from "../event-store.ts";
import type { ExchangedEvent } from "./exchanged-event.ts";

/** An event that was read, and the line that it was read from. */
export interface ImportItem extends ExchangedEvent {
  readonly line: number;
}

/** An event that is to be appended, and the revision that it will have. */
export interface PlannedEvent {
  readonly item: ImportItem;
  readonly revision: number;
}

/** What is to be done with a batch. */
export interface ImportPlan {
  readonly events: readonly PlannedEvent[];
  readonly alreadyThere: number;
  /** Why the batch is not to be imported beyond `events`; undefined when all of it is. */
  readonly refusal: HithertoError<"IMPORT_CONFLICT"> | undefined;
}

/** What a plan needs to know of its import. */
export interface PlanContext {
  readonly store: EventStore;
  readonly source: string;
  readonly renumber: boolean;
}

/** The streams whose next revision is remembered, at most. */
const streamsKnownMax = 100_000;

interface StreamHead {
  /** The revision that the next event will have. */
  next: number;
  /** Whether it may hold events that this import has not brought. */
  readonly isForeign: boolean;
  /** Whether it never had an event: then it can begin at any revision. */
  isNew: boolean;
}

/**
 * Remembers the next revision of the streams that an import meets. It asks the store about a stream when it meets it
 * first, save in a store that was empty when the import began.
 */
export class StreamHeads {
  readonly #store: EventStore;
  readonly #heads = new Map<string, StreamHead>();
  #isUnknownEmpty: boolean;

  constructor(store: EventStore, isStoreEmpty: boolean) {
    this.#store = store;
    this.#isUnknownEmpty = isStoreEmpty;
  }

  /** Makes sure that every stream of the batch is known. */
  async learn(batch: readonly ImportItem[]): Promise<void> {
    if (this.#heads.size >= streamsKnownMax) {
      this.#heads.clear();
      this.#isUnknownEmpty = false;
    }
    const unknown = [...new Set(batch.map((item) => item.stream))].filter(
      (stream) => !this.#heads.has(stream),
    );
    await Promise.all(unknown.map(async (stream) => this.#heads.set(stream, await this.#ask(stream))));
  }

  /** Of a stream that was learnt. */
  get(stream: string): StreamHead {
    const head = this.#heads.get(stream);
    if (head === undefined) throw new Error(`The import has not learnt of stream ${JSON.stringify(stream)}.`);
    return head;
  }

  async #ask(stream: string): Promise<StreamHead> {
    if (this.#isUnknownEmpty) return { next: 0, isForeign: false, isNew: true };
    const info = await this.#store.findStream(stream);
    const isNew = info === undefined;
    return { next: isNew ? 0 : info.revision + 1, isForeign: !isNew, isNew };
  }
}

/**
 * Plans a batch: events that are in the store already, or earlier in the batch, fall away; each other one takes the next
 * revision of its stream. The plan ends before the first event which can not be imported: one whose revision would be
 * another one, unless `renumber` is set, or whose id belongs to another event.
 */
export async function planBatch(
  batch: readonly ImportItem[],
  heads: StreamHeads,
  context: PlanContext,
): Promise<ImportPlan> {
  const places = await findPlaces(batch, heads, context);
  const events: PlannedEvent[] = [];
  let alreadyThere = 0;
  for (const item of batch) {
    const { stream, event } = item;
    const head = heads.get(stream);
    const place = places.get(event.id);
    if (head.isNew && place === undefined && !context.renumber) head.next = item.revision ?? head.next;
    const problem = await problemOf(item, place, head.next, context);
    if (problem !== undefined) {
      const details = { source: context.source, line: item.line, stream, problem };
      return { events, alreadyThere, refusal: new HithertoError("IMPORT_CONFLICT", details) };
    }
    if (place !== undefined) {
      alreadyThere += 1;
      continue;
    }
    places.set(event.id, { stream, revision: head.next });
    events.push({ item, revision: head.next });
    head.next += 1;
    head.isNew = false;
  }
  return { events, alreadyThere, refusal: undefined };
}

/** Why an event can not be imported; undefined if it can, or is there already. */
async function problemOf(
  item: ImportItem,
  place: Place | undefined,
  next: number,
  { store, renumber }: PlanContext,
): Promise<string | undefined> {
  const { stream, event } = item;
  const wanted = renumber ? undefined : item.revision;
  if (place !== undefined) {
    const isSame = place.stream === stream && (wanted ?? place.revision) === place.revision;
    return isSame
      ? undefined
      : `its id ${event.id} is already revision ${place.revision} of stream "${place.stream}"`;
  }
  if (wanted === undefined || wanted === next) return undefined;
  if (wanted > next) return `it was revision ${wanted}, but the next revision here is ${next}`;
  const [other] = await store.readStream(stream, { from: wanted, to: wanted }).toArray();
  const what =
    other === undefined
      ? "taken, by an event that is hidden now"
      : `another event, ${other.type} ${other.id}`;
  return `its revision ${wanted} is ${what}`;
}

/** What an append fails with when something is in its way. */
export const conflictCodes = ["REVISION_CONFLICT", "STREAM_TOMBSTONED", "EVENT_ID_CONFLICT"] as const;

interface Place {
  readonly stream: string;
  readonly revision: number;
}

/** Where those events of a batch are that the store holds already, by id. */
async function findPlaces(
  batch: readonly ImportItem[],
  heads: StreamHeads,
  { store, renumber }: PlanContext,
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  const find = async (item: ImportItem): Promise<void> => {
    const head = heads.get(item.stream);
    const wanted = renumber ? undefined : item.revision;
    const isPossible = wanted === undefined ? !head.isNew : wanted < head.next;
    if (!isPossible) return;
    const seen = await store.findEvent(item.event.id);
    // Looking for hidden events is dear, and what this import brought is hidden only where a policy waited for it.
    const place =
      seen ?? (wanted !== undefined || head.isForeign ? await findHidden(store, item) : undefined);
    if (place !== undefined) places.set(item.event.id, place);
  };
  await Promise.all(batch.map(find));
  return places;
}

/**
 * Finds an event that no reader sees, because its stream was deleted or has a policy: the store recognises it when it is
 * appended again. The expectation never holds, so nothing else can come of that append.
 */
async function findHidden(store: EventStore, item: ImportItem): Promise<Place | undefined> {
  const { stream, event } = item;
  try {
    const { revision } = await store.append({ stream, expect: Number.MAX_SAFE_INTEGER, events: [event] });
    return { stream, revision };
  } catch (error) {
    if (isHithertoError(error, ...conflictCodes)) return undefined;
    throw error;
  }
}

/** Events that are appended together, without changing their order. */
export interface PlannedAppend {
  readonly streams: readonly StreamAppend[];
  readonly events: readonly PlannedEvent[];
}

/**
 * Groups events into the fewest appends that keep their order: an append holds the events of one stream together, so a
 * stream that comes back after another one begins a new append.
 */
export function appendsInOrder(events: readonly PlannedEvent[], renumber: boolean): PlannedAppend[] {
  const appends: PlannedAppend[] = [];
  let groups: Groups = new Map();
  let last: string | undefined;
  for (const planned of events) {
    const { stream } = planned.item;
    const isFull = groups.size === limits.streamsPerAppendMax && !groups.has(stream);
    if (isFull || (stream !== last && groups.has(stream))) {
      appends.push(appendOf(groups, renumber));
      groups = new Map();
    }
    const group = groups.get(stream);
    if (group === undefined) groups.set(stream, [planned]);
    else group.push(planned);
    last = stream;
  }
  if (groups.size > 0) appends.push(appendOf(groups, renumber));
  return appends;
}

/** Events of one append by their stream, each stream with one at least. */
type Groups = Map<string, [PlannedEvent, ...PlannedEvent[]]>;

function appendOf(groups: Groups, renumber: boolean): PlannedAppend {
  const streams = [...groups].map(([stream, events]) => {
    const given = events.map(({ item }) => item.event);
    return renumber
      ? { stream, events: given }
      : { stream, firstRevision: events[0].revision, events: given };
  });
  return { streams, events: [...groups.values()].flat() };
}
