/**
 * Lifting old events: a chain of five small steps, as code has them after some years. What is counted is one event
 * taking one step.
 */
import type { StoredEvent } from "hitherto/core";
import { eventType, upcast } from "hitherto/core";
import type { BenchEvent } from "../events.ts";
import { makeEvents } from "../events.ts";
import type { Work } from "./work.ts";
import { repeat } from "./work.ts";

type Data = Readonly<Record<string, unknown>>;

const steps: readonly [...Array<(data: Data) => Data>] = [
  (data) => ({ ...data, bank: "main" }),
  ({ cents, ...rest }) => ({ ...rest, amount: cents }),
  (data) => ({ ...data, isReversed: false }),
  (data) => ({ ...data, reference: String(data["reference"]).trim() }),
  (data) => ({ ...data, country: data["currency"] === "GBP" ? "GB" : "EU" }),
];

const definition = eventType<Data>({
  version: steps.length + 1,
  upcast: Object.fromEntries(steps.map((step, index) => [index + 1, step])),
});
const types = {
  MoneyDeposited: definition,
  MoneyWithdrawn: definition,
  TransferReceived: definition,
  CardUsed: definition,
} satisfies Record<BenchEvent["type"], typeof definition>;

/** Events in one sample; a single event is too short for the clock. */
const eventsPerSample = 1_000;

/** Prepares lifting events, by `upcast` or by calling the steps themselves. */
export function prepareUpcast(by: "hitherto" | "functions"): Promise<Work> {
  const events = makeEvents(eventsPerSample, 4).map(storedAtVersionOne);
  const lift = by === "hitherto" ? (event: StoredEvent) => upcast(types, event) : liftByHand;
  let sink: StoredEvent | undefined;
  const liftAll = (): Promise<number> => {
    for (const event of events) sink = lift(event);
    if (sink?.schemaVersion !== steps.length + 1) throw new RangeError("the events were not lifted");
    return Promise.resolve(events.length * steps.length);
  };
  return Promise.resolve({
    slice: (ms: number) => repeat(ms, liftAll),
    configuration: by === "hitherto" ? "upcast() of hitherto/core" : "the same functions, called one by one",
    close: () => Promise.resolve(),
  });
}

/** Samples are of whole rounds over the events: this many units each. */
export const upcastUnitsPerSample: number = eventsPerSample * steps.length;

function liftByHand(event: StoredEvent): StoredEvent {
  let data = event.data as Data;
  for (const step of steps) data = step(data);
  return { ...event, data, schemaVersion: steps.length + 1 };
}

function storedAtVersionOne(event: BenchEvent, index: number): StoredEvent {
  return {
    ...event,
    id: `01890a5d-ac96-774b-bcce-${String(index).padStart(12, "0")}`,
    stream: "account-1",
    revision: index,
    position: index + 1,
    schemaVersion: 1,
    metadata: {},
    tags: [],
    recordedAt: event.data.at,
  };
}
