/**
 * From a line of text to a checked event: nothing that a store would refuse for its form gets past here, so that what
 * is wrong can be said of the line rather than of the append that it ended up in.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import type { NewEvent } from "../../core/event.ts";
import { parseExactJson } from "../../core/exact-json.ts";
import { encodeAppend } from "../encode-append.ts";
import { checkOptions } from "../read-options.ts";
import { decodeCloudEventFields } from "./cloud-event.ts";
import { decodeEventFields, decodeNewEventFields } from "./event-line.ts";
import { kindOf } from "./exchanged-event.ts";
import type { ExchangedEvent, Fields, Refuse } from "./exchanged-event.ts";
import type { Line } from "./lines.ts";

/** `hitherto` is our own format, `cloudevents` CloudEvents 1.0 in JSON; both have one event a line. */
export type ExchangeFormat = "hitherto" | "cloudevents";

/** How lines are read. */
export interface DecodeLineOptions {
  /** Where the line comes from, for messages. Default `the input`. */
  readonly source?: string | undefined;
  /** Default `auto`: a line with a `specversion` is a CloudEvent. */
  readonly format?: ExchangeFormat | "auto" | undefined;
}

/**
 * Reads one line of an exchange file.
 *
 * @throws `LINE_INVALID`, which names the line and what is wrong with it.
 * @example
 * ```ts
 * import { decodeLine } from "hitherto/store";
 * const text = `{"id":"0192f0c1-7a3e-7d53-9d2c-5f1c8e6a0b1d","stream":"order-1","type":"OrderPlaced","data":{}}`;
 * decodeLine({ number: 1, text }).event.type; // "OrderPlaced"
 * ```
 */
export function decodeLine(line: Line, options: DecodeLineOptions = {}): ExchangedEvent {
  checkOptions(line, "line");
  checkOptions(options);
  const { format = "auto" } = options;
  const refuse = refusalOf(line, options.source);
  const fields = parseFields(line, refuse);
  const isCloudEvent = format === "cloudevents" || (format === "auto" && "specversion" in fields);
  const decoded = (isCloudEvent ? decodeCloudEventFields : decodeEventFields)(fields, refuse);
  checkEvent(decoded.stream, decoded.event, refuse);
  return decoded;
}

/**
 * Reads one line that holds an event for the given stream: `type` and `data`, and whatever else a {@link NewEvent} has.
 * A `stream` in the line must be the one given.
 *
 * @throws `LINE_INVALID`
 */
export function decodeNewEventLine(line: Line, stream: string, options: DecodeLineOptions = {}): NewEvent {
  const refuse = refusalOf(line, options.source);
  const fields = parseFields(line, refuse);
  if (fields["stream"] !== undefined && fields["stream"] !== stream) {
    refuse(`its "stream" is ${JSON.stringify(fields["stream"])}, not ${JSON.stringify(stream)}`);
  }
  const event = decodeNewEventFields(fields, refuse);
  checkEvent(stream, event, refuse);
  return event;
}

function refusalOf(line: Line, source = "the input"): Refuse {
  return (problem) => {
    throw new HithertoError("LINE_INVALID", { source, line: line.number, problem });
  };
}

function parseFields(line: Line, refuse: Refuse): Fields {
  if (line.text === undefined) return refuse(line.problem);
  const parsed = parseExactJson(line.text);
  if (parsed.problem !== undefined) return refuse(parsed.problem);
  const { value } = parsed;
  return kindOf(value) === "an object"
    ? (value as Fields)
    : refuse(`it is ${kindOf(value)}, not a JSON object`);
}

/** Refuses what any store would refuse. */
function checkEvent(stream: string, event: NewEvent, refuse: Refuse): void {
  try {
    encodeAppend({ stream, events: [event] }, undefined);
  } catch (error) {
    refuse(problemOf(error));
  }
}

/** The same problem, said of a line and not of an event in an append. */
function problemOf(error: unknown): string {
  if (isHithertoError(error, "EVENT_INVALID")) {
    return `its "${error.details.field}" is not valid: ${error.details.problem}`;
  }
  if (isHithertoError(error, "EVENT_NOT_JSON")) {
    return `it holds ${error.details.found} at ${error.details.path}`;
  }
  if (isHithertoError(error, "EVENT_TOO_LARGE")) {
    return `its event takes ${error.details.bytes} bytes; at most ${error.details.max} are allowed`;
  }
  if (isHithertoError(error, "NAME_INVALID")) {
    return `its ${error.details.kind} ${JSON.stringify(error.details.name)} is not valid: ${error.details.problem}`;
  }
  throw error;
}
