import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { HithertoError } from "../../../core/errors.ts";
import type { NewEvent } from "../../../core/event.ts";
import type { ConsumerMember, ErrorClass } from "../../../runtime/consumers/consumer.ts";
import { consumer as define } from "../../../runtime/consumers/define-consumer.ts";
import type { WorkEvent } from "../../../runtime/work-status.ts";
import { refuses, upTo } from "../helpers.ts";
import { eventually } from "../work/work-kit.ts";
import type { WorkTopic } from "../work/work-kit.ts";
import { brisk, Cases, Journal, notes, parkedEvents, parkedOf, unhurried } from "./cases.ts";
import type { Note } from "./cases.ts";

/** Work that fails on one note of one case until it is mended. */
function failsOn(name: string, number: number) {
  const fault = { isMended: false, calls: 0 };
  const work = ({ n }: Note, { key }: { key: string }): void => {
    if (key !== name || n !== number || fault.isMended) return;
    fault.calls++;
    throw new Error(`can not take ${name}/${number}`);
  };
  return { fault, work };
}

/** Collects what a member is told of failures. */
function listener() {
  const next: string[] = [];
  const onEvent = (event: WorkEvent): void => {
    if (event.kind === "failure") next.push(event.next);
  };
  return { onEvent, next };
}

const always = (errorClass: ErrorClass) => (): ErrorClass => errorClass;

/** What can be thrown that is no proper error, or that of something else. */
const thrown: readonly unknown[] = [
  new HithertoError("OWNERSHIP_LOST", { work: "what somebody else works on" }),
  undefined,
  null,
  "text",
  Symbol("symbol"),
  Object.create(null),
  () => undefined,
  Object.assign(new Error("numbered"), { message: 42, stack: 42 }),
  Object.defineProperty(new Error("locked"), "message", { get: throwing(new Error("locked")) }),
  Object.defineProperties(new Error("locked"), {
    code: { get: throwing(new Error("locked")) },
    stack: { get: throwing(new Error("locked")) },
  }),
];

/** Things that look like promises, and fail when they are taken for some. */
const misleading: ReadonlyArray<() => unknown> = [
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- that is the point
  () => Promise.reject(undefined),
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  () => ({ then: throwing(new Error("not yet")) }),
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  () => Object.defineProperty({}, "then", { get: throwing(new Error("no then")) }),
];

function throwing(value: unknown): () => never {
  return () => {
    throw value;
  };
}

function notedAs(n: number): NewEvent {
  return { type: "Noted", data: { n } };
}

/** Handlers that throw. Trap 5: none of it ends the consumer in silence, drops events, or freezes what is sound. */
export const failureTests: WorkTopic = {
  "a handler that throws now and then is tried again, and every event is delivered once": async (lab) => {
    const { random } = lab;
    const [store, journal, heard] = [await lab.join(), new Journal(), listener()];
    const cases = new Cases(store);
    await cases.addRandom(random, 150);
    const work = async (): Promise<void> => {
      await unhurried(random)();
      if (random.once(8)) throw new Error("now and then");
    };
    const retry = { max: 1_000, delayMs: 1, delayMsMax: 2, jitter: 1 };
    const options = { ...brisk, onEvent: heard.onEvent };
    await using member = await store.consume(notes({ journal, work, retry }), options);
    await member.caughtUp();
    journal.hasEachOnce(cases.counts);
    assert.ok(heard.next.length > 0);
    assert.deepEqual(new Set(heard.next), new Set(["retry"]));
  },

  "after the last retry the event is parked, with the later ones of its key and no others": async ({
    join,
  }) => {
    const [store, journal, heard] = [await join(), new Journal(), listener()];
    const cases = new Cases(store, 4);
    for (const _ of upTo(4)) for (const name of cases.names) await cases.add(name);
    const { fault, work } = failsOn("case-1", 1);
    const options = { ...brisk, onEvent: heard.onEvent };
    await using member = await store.consume(notes({ journal, work }), options);
    await member.caughtUp();
    await cases.add("case-1");
    await member.caughtUp();
    assert.deepEqual(await parkedOf(store), [
      ["case-1", 1, "failed"],
      ["case-1", 2, "held"],
      ["case-1", 3, "held"],
      ["case-1", 4, "held"],
    ]);
    assert.equal(fault.calls, 4, "one attempt and three retries");
    assert.deepEqual(heard.next, ["retry", "retry", "retry", "park"]);
    const found = journal.byKey();
    assert.deepEqual(found.get("case-1"), [0]);
    for (const name of ["case-0", "case-2", "case-3"]) assert.deepEqual(found.get(name), upTo(4));
    assert.equal((await store.consumers.status("notes")).parked, 4);
  },

  "a parked event keeps its error, its attempts and their times": async ({ join }) => {
    const store = await join();
    const position = await new Cases(store).add("case-1", 2);
    await using member = await store.consume(notes({ work: failsOn("case-1", 0).work }), brisk);
    await member.caughtUp();
    const [failed, held] = await parkedEvents(store);
    assert.deepEqual(
      [failed?.owner, failed?.key, failed?.stream],
      [{ kind: "consumer", name: "notes" }, "case-1", "case-1"],
    );
    assert.deepEqual([failed?.position, failed?.type, failed?.attempts], [position - 1, "Noted", 4]);
    assert.match(failed?.error?.message ?? "", /can not take case-1\/0/u);
    assert.match(failed?.error?.stack ?? "", /failures/u);
    assert.ok(failed!.firstFailedAt! < failed!.lastFailedAt!);
    assert.deepEqual([held?.error, held?.attempts, held?.firstFailedAt], [undefined, 0, undefined]);
    assert.equal(failed?.eventId, (await store.read({ limit: 1 }).toArray())[0]?.id);
  },

  "whatever a handler throws or returns, it is a failure of its event, and can be read": async ({ join }) => {
    const store = await join();
    const troubles = [...thrown.map(throwing), ...misleading];
    for (const n of troubles.keys()) await store.append({ stream: `case-${n}`, events: [notedAs(n)] });
    const handled: number[] = [];
    const odd = define("notes", {
      retry: { max: 0 },
      on: {
        Noted: ({ n }: Note): unknown => {
          const trouble = troubles[n];
          return trouble === undefined ? void handled.push(n) : trouble();
        },
      } as never,
    });
    await using member = await store.consume(odd, brisk);
    await member.caughtUp();
    const parked = await parkedEvents(store);
    assert.equal(parked.length, troubles.length);
    for (const { error } of parked) assert.equal(typeof error?.message, "string");
    await store.append({ stream: "case-sound", events: [notedAs(troubles.length)] });
    await member.caughtUp();
    assert.deepEqual(handled, [troubles.length]);
  },

  "an event whose error is of the worst class is parked at once, whatever `onError` says": async ({
    join,
  }) => {
    for (const onError of ["park", "skip", "stop"] as const) {
      const [store, journal] = [await join(), new Journal()];
      const name = `notes-${onError}`;
      const { fault, work } = failsOn(`${onError}-1`, 1);
      const events = upTo(4).map((n) => ({ type: "Noted", data: { n } }));
      await store.append({ stream: `${onError}-1`, events });
      const consumer = notes({
        name,
        journal,
        work,
        onError,
        classify: always("poison"),
        categories: [onError],
      });
      await using member = await store.consume(consumer, brisk);
      await member.caughtUp();
      assert.equal(fault.calls, 1);
      assert.deepEqual(
        (await parkedOf(store, name)).map(([, n]) => n),
        [1, 2, 3],
      );
    }
  },

  "a permanent error is not retried": async ({ join }) => {
    const [store, heard] = [await join(), listener()];
    await new Cases(store).add("case-1", 3);
    const { fault, work } = failsOn("case-1", 1);
    const options = { ...brisk, onEvent: heard.onEvent };
    await using member = await store.consume(notes({ work, classify: always("permanent") }), options);
    await member.caughtUp();
    assert.deepEqual([fault.calls, heard.next], [1, ["park"]]);
  },

  "a classification that throws, or names no class, counts as transient": async ({ join }) => {
    const store = await join();
    await new Cases(store).add("case-1", 1);
    for (const [index, classify] of [throwing(new Error("no idea")), always("fatal" as never)].entries()) {
      const { fault, work } = failsOn("case-1", 0);
      const name = `notes-${index}`;
      await using member = await store.consume(notes({ name, work, classify }), brisk);
      await member.caughtUp();
      assert.equal(fault.calls, 4);
      assert.equal((await parkedOf(store, name)).length, 1);
    }
  },

  "with `skip`, the event is passed over, and nothing is parked": async ({ join }) => {
    const [store, journal, heard] = [await join(), new Journal(), listener()];
    await new Cases(store).add("case-1", 4);
    const consumer = notes({ journal, work: failsOn("case-1", 1).work, onError: "skip" });
    const member = await store.consume(consumer, { ...brisk, onEvent: heard.onEvent });
    await member.caughtUp();
    await member.stop();
    await using again = await store.consume(consumer, brisk);
    await again.caughtUp();
    assert.deepEqual(journal.byKey().get("case-1"), [0, 2, 3]);
    assert.equal(heard.next.at(-1), "skip");
    assert.equal(await store.parked.count(), 0);
  },

  "with `stop`, the consumer stops before the event, for all members, until it is resumed": async (lab) => {
    const [journal, { fault, work }] = [new Journal(), failsOn("case-1", 1)];
    const [one, other] = [await lab.join(), await lab.join()];
    const cases = new Cases(one);
    const consumer = notes({ journal, work, onError: "stop" });
    await cases.add("case-1", 3);
    const members = [await one.consume(consumer, brisk), await other.consume(consumer, brisk)];
    const error = await refuses("CONSUMER_STOPPED", () =>
      Promise.race(members.map((member) => member.ended)),
    );
    assert.equal(error.details.consumer, "notes");
    const status = await eventually(async () => {
      const found = await one.consumers.status("notes");
      assert.equal(found.state, "halted");
      return found;
    });
    assert.match(status.error?.message ?? "", /can not take/u);
    assert.equal(await one.parked.count(), 0);
    await setTimeout(30);
    assert.equal(fault.calls, 4);
    fault.isMended = true;
    await Promise.all(members.map((member) => member.stop().catch(() => undefined)));
    await one.consumers.resume("notes");
    await using again = await other.consume(consumer, brisk);
    await cases.add("case-1", 1);
    await again.caughtUp();
    journal.hasEachOnce(cases.counts);
  },

  "a key that is not one counts as a failure of its event alone": async ({ join }) => {
    const [store, journal] = [await join(), new Journal()];
    await new Cases(store).add("case-1", 4);
    const partitionBy = (event: { data: unknown }): string => {
      if ((event.data as Note).n === 1) throw new Error("no key");
      return "key";
    };
    await using member = await store.consume(notes({ journal, partitionBy }), brisk);
    await member.caughtUp();
    assert.deepEqual(journal.byKey().get("key"), [0, 2, 3]);
    assert.equal(await store.parked.count(), 1);
  },

  "the order holds through failures, parking and replays at random": async (lab) => {
    const { random } = lab;
    const [store, journal] = [await lab.join(), new Journal()];
    const cases = new Cases(store, 6);
    const fault = { isMended: false };
    const work = async (): Promise<void> => {
      await unhurried(random)();
      if (!fault.isMended && random.once(6)) throw new Error("at random");
    };
    const consumer = notes({ journal, work, retry: { max: 1, delayMs: 1, jitter: 0 } });
    const member: ConsumerMember = await store.consume(consumer, brisk);
    for (const _ of upTo(6)) {
      await cases.addRandom(random, 40);
      await store.parked.replay({ kind: "consumer", name: "notes" }).catch(() => undefined);
      await setTimeout(random.integer(20));
    }
    fault.isMended = true;
    await member.caughtUp();
    await eventually(async () => {
      await store.parked.replay({ kind: "consumer", name: "notes" }).catch(() => undefined);
      assert.equal(await store.parked.count(), 0);
    });
    journal.hasEachOnce(cases.counts);
    await member.stop();
  },
};
