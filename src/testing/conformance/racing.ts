/**
 * Writers that race, and a log that must explain what each of them was told.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { isHithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import type { Query } from "../../core/query.ts";
import { definedParts } from "../../core/selections.ts";
import type { AppendResult, EventStore, StreamAppend } from "../../store/event-store.ts";
import { passes } from "./filter-rule.ts";
import { logOf, upTo } from "./helpers.ts";
import type { Topic } from "./kit.ts";
import type { Random } from "./random.ts";

const streams = ["a-1", "a-2", "b-1"];
const types = ["A", "B"];
const tags = ["x", "y", "z"];

/** An append that was tried, and what its writer was told. */
interface Attempt {
  readonly batch: readonly StreamAppend[];
  readonly condition: { readonly failIfMatch: Query; readonly after: number } | undefined;
  readonly outcome: AppendResult | Error;
}

/** Lets writers race on one log through the given handles, and checks the log afterwards. */
export async function race(handles: readonly EventStore[], random: Random): Promise<void> {
  const writers = upTo(12).map((n) => writeOn(handles[n % handles.length] as EventStore, random));
  const attempts = (await Promise.all(writers)).flat();
  const log = await logOf(handles[0] as EventStore);
  checkNumbers(log);
  const byId = new Map(log.map((event) => [event.id, event]));
  for (const attempt of attempts) {
    if (attempt.outcome instanceof Error) checkRefusal(attempt, byId);
    else checkSuccess(attempt, attempt.outcome, log);
  }
  const acknowledged = new Set(
    attempts.flatMap((one) => (one.outcome instanceof Error ? [] : idsOf(one.batch))),
  );
  assert.deepEqual(new Set(byId.keys()), acknowledged);
  const refused = attempts.filter((one) => one.outcome instanceof Error);
  assert.ok(refused.length > 10 && refused.length < attempts.length, "the writers have hardly raced");
}

async function writeOn(store: EventStore, random: Random): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const _ of upTo(30)) {
    const head = await store.head();
    const names = streams.filter(() => random.once(2));
    const batch = await Promise.all(
      (names.length === 0 ? streams : names).map((name) => someAppend(store, name, random)),
    );
    const query = [{ types: [random.pick(types)], tags: [random.pick(tags)] }];
    const condition = random.once(3) ? { failIfMatch: query, after: head } : undefined;
    if (random.once(3)) await setImmediate();
    const tries = random.once(4) ? 2 : 1;
    for (const outcome of await Promise.all(
      upTo(tries).map(() => outcomeOf(store.append(batch, definedParts({ condition })))),
    )) {
      attempts.push({ batch, condition, outcome });
    }
  }
  return attempts;
}

async function someAppend(store: EventStore, stream: string, random: Random): Promise<StreamAppend> {
  const revision = (await store.findStream(stream))?.revision;
  const events = upTo(1 + random.integer(3)).map((n) => ({
    id: random.uuid(),
    type: random.pick(types),
    data: n,
    tags: tags.filter(() => random.once(3)),
  }));
  return { stream, events, expect: random.pick(["any", "any", "exists", revision ?? "none"] as const) };
}

async function outcomeOf(append: Promise<AppendResult>): Promise<AppendResult | Error> {
  return append.catch((error: unknown) => {
    if (isHithertoError(error, "REVISION_CONFLICT", "CONDITION_CONFLICT")) return error;
    throw error;
  });
}

function idsOf(batch: readonly StreamAppend[]): (string | undefined)[] {
  return batch.flatMap(({ events }) => events.map((event) => event.id));
}

/** Positions rise, and the revisions of each stream have no gaps. */
function checkNumbers(log: readonly StoredEvent[]): void {
  const next = new Map<string, number>();
  for (const [index, { stream, revision, position }] of log.entries()) {
    assert.equal(revision, next.get(stream) ?? 0);
    assert.ok(position > (log[index - 1]?.position ?? 0));
    next.set(stream, revision + 1);
  }
}

/** What was acknowledged is there, together, where the writer was told; and what it demanded did hold. */
function checkSuccess(
  { batch, condition }: Attempt,
  result: AppendResult,
  log: readonly StoredEvent[],
): void {
  const { firstPosition, position } = result;
  const stored = log.filter((event) => event.position >= firstPosition && event.position <= position);
  assert.deepEqual(
    stored.map((event) => event.id),
    idsOf(batch),
  );
  for (const [index, { stream, expect }] of batch.entries()) {
    const own = stored.filter((event) => event.stream === stream);
    const [firstRevision, revision] = [own[0]?.revision ?? -1, own.at(-1)?.revision ?? -1];
    assert.deepEqual(result.streams[index], { stream, firstRevision, revision });
    if (expect === "none") assert.equal(firstRevision, 0);
    if (expect === "exists") assert.ok(firstRevision > 0);
    if (typeof expect === "number") assert.equal(firstRevision, expect + 1);
  }
  if (condition === undefined) return;
  const { failIfMatch: query, after } = condition;
  const between = log.filter((event) => event.position > after && event.position < firstPosition);
  assert.deepEqual(
    between.filter((event) => passes({ query }, event)),
    [],
  );
}

/** What was refused was refused for an event that is there. */
function checkRefusal({ batch, condition, outcome }: Attempt, byId: ReadonlyMap<string, StoredEvent>): void {
  assert.ok(isHithertoError(outcome, "REVISION_CONFLICT", "CONDITION_CONFLICT"));
  const { event } = outcome.details;
  const blocking = byId.get(event?.id ?? "");
  if (event !== undefined) assert.equal(blocking?.position, event.position);
  if (outcome.code === "CONDITION_CONFLICT") {
    assert.ok(blocking !== undefined && condition !== undefined && blocking.position > condition.after);
    assert.ok(passes({ query: condition.failIfMatch }, blocking));
  } else {
    const { stream, expected, actual } = outcome.details as {
      stream: string;
      expected: unknown;
      actual: unknown;
    };
    assert.equal(batch.find((one) => one.stream === stream)?.expect, expected);
    assert.notEqual(actual, expected);
  }
}

/** Racing on one handle. */
export const racingTests: Topic = {
  "the log explains what each of many racing writers was told": async ({ store, random }) => {
    await race([store], random);
  },
};
