/**
 * The operations of the crash tests. What an operation appends follows from its name alone, so that whoever finds an
 * event can say what it must look like, and which others must stand beside it.
 *
 * A name is `kind:life:task:number`, such as `multi:3:17:204`. The kinds:
 * - `single`, `batch` (100 events), `multi` (three streams), `big` (beyond a page), `ids` (ids of their own) and
 *   `import` (a thousand events with ids and moments) append to streams that keep everything;
 * - `counter` expects a revision and says it in its data; `once` expects that the stream has no events; `claim` has a
 *   condition on a tag: of each, rivals must not both succeed;
 * - `churn` appends to streams that policies, deletion and reclaiming cut back.
 */
import { createHash } from "node:crypto";
import type { NewEvent } from "../../src/core/event.ts";
import type { AppendOptions, StreamAppend } from "../../src/store/event-store.ts";
import { randomFrom } from "../../src/testing/conformance/random.ts";
import type { Random } from "../../src/testing/conformance/random.ts";

/** Operations that append, in the order in which a task may draw them. */
export const appendKinds = [
  "single",
  "batch",
  "multi",
  "big",
  "ids",
  "import",
  "counter",
  "once",
  "claim",
  "churn",
] as const;

/** What sort of append an operation is. */
export type AppendKind = (typeof appendKinds)[number];

/** An append with everything that follows from the operation's name. */
export interface Operation {
  readonly name: string;
  readonly kind: AppendKind;
  readonly appends: readonly StreamAppend[];
  readonly options: AppendOptions;
}

/** What each event of an operation carries as data. */
export interface EventMark {
  readonly op: string;
  /** Index of the event within the whole append. */
  readonly index: number;
  readonly payload: string;
  /** Of a `counter`: the revision that the event must have. */
  readonly value?: number;
}

/** Streams that may be cut back; what is in any other stream stays. */
export const churnStreams: readonly string[] = ["churn-0", "churn-1", "churn-2", "churn-3"];

/** How many events `churn-0` keeps. */
export const churnCountMax = 10;

/** The operation of this name. `revision` is what a `counter` expects. */
export function operationOf(name: string, revision = -1): Operation {
  const kind = name.slice(0, name.indexOf(":")) as AppendKind;
  const random = randomFrom(createHash("sha256").update(name).digest().readInt32LE());
  const appends = appendsOf(kind, name, random, revision);
  const seat = `seat:${random.integer(1000)}`;
  if (kind !== "claim") return { name, kind, appends, options: {} };
  const claims = appends.map((append) => ({
    ...append,
    events: append.events.map((event) => ({ ...event, tags: [seat] })),
  }));
  return { name, kind, appends: claims, options: { condition: { failIfMatch: [{ tags: [seat] }] } } };
}

function appendsOf(kind: AppendKind, op: string, random: Random, revision: number): StreamAppend[] {
  const stream = `keep-${random.integer(12)}`;
  const one = (count: number, fields: EventFields = {}): StreamAppend[] => [
    { stream, events: marked(op, random, count, fields) },
  ];
  switch (kind) {
    case "single":
      return one(1);
    case "batch":
      return one(100);
    case "multi":
      return multi(op, random);
    case "big":
      return one(1, { payloadLength: 20_000 + random.integer(180_000) });
    case "ids":
      return one(1 + random.integer(5), { hasIds: true });
    case "import":
      return one(1_000, { hasIds: true, hasMoments: true });
    case "counter": {
      const events = marked(op, random, 1, { value: revision + 1 });
      return [{ stream: "counter-1", expect: revision < 0 ? "none" : revision, events }];
    }
    case "once":
      return [{ stream: `once-${random.integer(1000)}`, expect: "none", events: marked(op, random, 2) }];
    case "claim":
      return one(1);
    case "churn":
      return [{ stream: random.pick(churnStreams), events: marked(op, random, 1 + random.integer(30)) }];
  }
}

function multi(op: string, random: Random): StreamAppend[] {
  const first = random.integer(12);
  let from = 0;
  return [first, (first + 1) % 12, (first + 5) % 12].map((number) => {
    const count = 1 + random.integer(8);
    const events = marked(op, random, count, { from });
    from += count;
    return { stream: `keep-${number}`, events };
  });
}

interface EventFields {
  readonly from?: number;
  readonly payloadLength?: number;
  readonly hasIds?: boolean;
  readonly hasMoments?: boolean;
  readonly value?: number;
}

function marked(op: string, random: Random, count: number, fields: EventFields = {}): NewEvent[] {
  const { from = 0, payloadLength = random.integer(300), hasIds, hasMoments, value } = fields;
  return Array.from({ length: count }, (_, index): NewEvent => {
    const payload = random.uuid().repeat(Math.ceil(payloadLength / 36) + 1);
    const data: EventMark = { op, index: from + index, payload, ...(value !== undefined && { value }) };
    return {
      type: random.pick(["ThingDone", "ThingUndone", "ThingChanged"]),
      data,
      ...(random.once(3) && { tags: [`thing:${random.integer(50)}`, `op:${op}`] }),
      ...(random.once(4) && { metadata: { correlationId: op, userId: "ada" } }),
      ...(hasIds === true && { id: idOf(op, from + index) }),
      ...(hasMoments === true && { recordedAt: new Date(1_300_000_000_000 + index).toISOString() }),
    };
  });
}

/** A version-4 UUID of this event alone. */
function idOf(op: string, index: number): string {
  const hex = createHash("sha256").update(`${op}/${index}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
