/**
 * What given/when/then compares, and how it says what differs.
 */
import type { Change } from "../core/changes.ts";
import { changes, deepEqual } from "../core/changes.ts";
import type { NewEvent } from "../core/event.ts";
import type { Rejection } from "../core/rejection.ts";
import { ExpectationError } from "./expectation-error.ts";
import { requireEvent } from "./scenario.ts";
import type { Outcome } from "./scenario.ts";
import { showValue } from "./show-value.ts";

/** Which error is expected: its `code`, or a test of the error. */
export type ExpectedError = string | ((error: unknown) => boolean);

/** Differences that a message lists; the rest is counted. */
const differencesMax = 20;

/** Refuses what is not an array: above all the functions with which `await` calls a `then` method. */
export function requireEvents(name: string, expected: unknown): asserts expected is readonly NewEvent[] {
  if (Array.isArray(expected)) {
    for (const [index, event] of expected.entries()) requireEvent(`${name}: then()`, event, index);
    return;
  }
  const hint = typeof expected === "function" ? "; state an expectation before you await it" : "";
  throw new ExpectationError(`${name}: then() takes the expected events as an array${hint}.`);
}

/** Holds when these events were decided, in this order. */
export function expectEvents(name: string, outcome: Outcome, expected: readonly NewEvent[]): void {
  const found = eventsOf(name, outcome, `events (${typesOf(expected)})`);
  const actual = found.map((event, index) => statedOf(event, expected[index]));
  const wanted = expected.map((event) => statedOf(event, event));
  const isSameSequence = typesOf(found) === typesOf(expected);
  const difference = isSameSequence
    ? "with something else in them"
    : `where ${typesOf(expected)} was expected`;
  compare(`${name} decided ${typesOf(found)} ${difference}`, wanted, actual);
}

/** Holds when neither an event nor a rejection was decided. */
export function expectNothing(name: string, outcome: Outcome): void {
  const found = eventsOf(name, outcome, "nothing");
  compare(`${name} decided ${typesOf(found)} where nothing was expected`, [], found);
}

/** Holds when the command was rejected for this reason and, if given, with these details. */
export function expectRejection(
  name: string,
  outcome: Outcome,
  expected: Pick<Rejection, "reason"> & Partial<Pick<Rejection, "details">>,
): void {
  const wanted = `a rejection "${expected.reason}"`;
  if (outcome.kind === "error") throw unexpectedError(name, outcome.error, wanted);
  if (outcome.kind === "events") {
    const sides = { expected, actual: outcome.events };
    throw new ExpectationError(
      `${name} decided ${typesOf(outcome.events)} where ${wanted} was expected.`,
      sides,
    );
  }
  const { reason, details, message } = outcome.rejection;
  const actual = expected.details === undefined ? { reason } : { reason, details };
  const stated = expected.details === undefined ? { reason: expected.reason } : expected;
  compare(`${name} was rejected with "${reason}" (${message}) where ${wanted} was expected`, stated, actual);
}

/** Holds when folding or deciding threw this error. */
export function expectThrown(name: string, outcome: Outcome, expected: ExpectedError): void {
  const wanted = typeof expected === "string" ? `the error ${expected}` : "another error";
  if (outcome.kind !== "error") {
    const found = outcome.kind === "events" ? `decided ${typesOf(outcome.events)}` : "was rejected";
    throw new ExpectationError(`${name} ${found} where ${wanted} was expected.`);
  }
  const isExpected =
    typeof expected === "string" ? codeOf(outcome.error) === expected : expected(outcome.error);
  if (!isExpected) throw unexpectedError(name, outcome.error, wanted);
}

/** Holds when the state is this one. */
export function expectState(name: string, outcome: Outcome, expected: unknown): void {
  eventsOf(name, outcome, "a state");
  if (outcome.kind === "events") {
    compare(`${name} led to another state than expected`, expected, outcome.state);
  }
}

/** Holds when a projection made these documents, by key, and no others. */
export function expectDocuments(
  name: string,
  outcome: Outcome,
  expected: Readonly<Record<string, unknown>>,
): void {
  eventsOf(name, outcome, "documents");
  if (outcome.kind === "events") {
    compare(`${name} made other documents than expected`, expected, outcome.state);
  }
}

function eventsOf(name: string, outcome: Outcome, wanted: string): readonly NewEvent[] {
  if (outcome.kind === "events") return outcome.events;
  if (outcome.kind === "error") throw unexpectedError(name, outcome.error, wanted);
  const { reason, message } = outcome.rejection;
  const text = `${name} was rejected with "${reason}" (${message}) where ${wanted} was expected.`;
  throw new ExpectationError(text, { expected: wanted, actual: outcome.rejection });
}

/** Type and data, and of the rest what `like` states. */
function statedOf(event: NewEvent, like: NewEvent | undefined): Partial<NewEvent> {
  const optional = ["schemaVersion", "tags", "metadata", "id", "recordedAt"] as const;
  const stated = optional.filter((key) => like?.[key] !== undefined);
  const rest = stated.map((key) => [key, key === "tags" ? event.tags?.toSorted() : event[key]] as const);
  return { type: event.type, data: event.data, ...Object.fromEntries(rest) };
}

function compare(message: string, expected: unknown, actual: unknown): void {
  if (deepEqual(expected, actual)) return;
  const all = changes(expected, actual);
  const shown = all.slice(0, differencesMax).map((change) => `\n  ${showChange(change)}`);
  const more = all.length > shown.length ? `\n  and ${all.length - shown.length} more` : "";
  throw new ExpectationError(`${message}:${shown.join("")}${more}`, { expected, actual });
}

function showChange(change: Change): string {
  const path = change.path === "" ? "the whole" : change.path;
  if (!("before" in change)) return `${path}: not expected, found ${showValue(change.after)}`;
  if (!("after" in change)) return `${path}: expected ${showValue(change.before)}, missing`;
  return `${path}: expected ${showValue(change.before)}, found ${showValue(change.after)}`;
}

function unexpectedError(name: string, error: unknown, wanted: string): ExpectationError {
  const text = `${name} threw where ${wanted} was expected: ${showValue(error)}`;
  return new ExpectationError(text, undefined, { cause: error });
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

function typesOf(events: readonly NewEvent[]): string {
  return events.length === 0 ? "nothing" : events.map(({ type }) => type).join(", ");
}
