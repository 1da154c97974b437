import type { DecideContext, NewEvent } from "hitherto/core";
import {
  decide,
  decider,
  eventType,
  isHithertoError,
  isRejection,
  limits,
  reject,
  streamOf,
} from "hitherto/core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { account } from "../../support/account.ts";
import { errorOf } from "../../support/stored-event.ts";

const context: DecideContext = {
  now: "2026-11-21T08:40:00.000Z",
  stream: "account-42",
  id: "42",
  metadata: {},
};

/** A decider whose only command returns what it is told to. */
function returning(decision: unknown): readonly NewEvent[] | { readonly reason: string } {
  const wayward = decider("wayward", {
    initial: () => 0,
    evolve: { Done: (count) => count + 1 },
    decide: { go: () => decision as undefined },
  });
  return decide(wayward, 0, { name: "go", payload: undefined }, context);
}

describe("defining a decider", () => {
  const rest = { initial: () => 0, evolve: {}, decide: {} };

  test("gives a frozen plain object that notices no later change to its options", () => {
    const evolve = { Done: (count: number) => count + 1 };
    const made = decider("made", { ...rest, evolve });
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    for (const part of [made, made.evolve, made.decide, made.events, made.ignore]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    Reflect.deleteProperty(evolve, "Done");
    expect(made.evolve.Done).toBeTypeOf("function");
  });

  test("names its streams by category and id", () => {
    expect(streamOf(account, "2026-17")).toBe("account-2026-17");
    expect(streamOf(decider("order-line", { ...rest, category: "order" }), "1")).toBe("order-1");
  });

  test.each([[""], [undefined], [5]])("refuses the id %j with ARGUMENT_INVALID", (id) => {
    expect(
      isHithertoError(
        errorOf(() => streamOf(account, id as string)),
        "ARGUMENT_INVALID",
      ),
    ).toBe(true);
  });

  test.each<[string, unknown, unknown, string]>([
    ["an empty name", "", rest, "name"],
    ["a name that is no string", 5, rest, "name"],
    ["a name that is no text at all", Object.create(null), rest, "name"],
    ["a name that leaves no room for an id", "x".repeat(limits.streamNameLengthMax - 1), rest, "category"],
    ["no options", "x", undefined, "second argument"],
    ["an initial state that is no function", "x", { ...rest, initial: 0 }, "initial"],
    ["an evolve that is no object", "x", { ...rest, evolve: () => 0 }, "evolve"],
    ["an evolve member that is no function", "x", { ...rest, evolve: { A: 1 } }, "evolve.A"],
    ["a decide that is missing", "x", { ...rest, decide: undefined }, "decide"],
    ["a decide member that is no function", "x", { ...rest, decide: { a: null } }, "decide.a"],
    ["an event type that evolve forgot", "x", { ...rest, events: { Done: eventType() } }, "Done"],
    ["an event type made by hand", "x", { ...rest, events: { Done: { version: 1 } } }, "events.Done"],
    ["events that are a list", "x", { ...rest, events: [eventType()] }, "events"],
    ["a category with a dash", "x", { ...rest, category: "a-b" }, "category"],
    ["a name with a dash and no category", "a-b", rest, "category"],
    ["a state version of 0", "x", { ...rest, stateVersion: 0 }, "stateVersion"],
    ["an ignore that is no array", "x", { ...rest, ignore: "Done" }, "ignore"],
    ["a snapshot codec without decode", "x", { ...rest, snapshot: { encode: () => 0 } }, "snapshot.decode"],
  ])("refuses %s with DEFINITION_INVALID", (_what, name, options, part) => {
    const error = errorOf(() => decider(name as string, options as typeof rest));
    expect(isHithertoError(error, "DEFINITION_INVALID") && error.details.problem).toContain(part);
  });
});

describe("deciding", () => {
  test("returns one event as an array", () => {
    const decided = decide(
      account,
      { open: true, balance: 0 },
      { name: "deposit", payload: { amount: 5 } },
      context,
    );
    expect(decided).toEqual([{ type: "MoneyDeposited", data: { amount: 5 } }]);
  });

  test("returns several events in their order", () => {
    const command = { name: "open", payload: { owner: "Ada", deposit: 5 } } as const;
    const decided = decide(account, account.initial(), command, context);
    expect(decided).toEqual([
      { type: "AccountOpened", data: { owner: "Ada" } },
      { type: "MoneyDeposited", data: { amount: 5 } },
    ]);
  });

  test("returns an empty array where nothing is decided", () => {
    const command = { name: "open", payload: { owner: "Ada" } } as const;
    expect(decide(account, { open: true, balance: 0 }, command, context)).toEqual([]);
    expect(returning([])).toEqual([]);
  });

  test("returns a rejection as it is", () => {
    const decided = decide(account, account.initial(), { name: "deposit", payload: { amount: 5 } }, context);
    expect(isRejection(decided) && { ...decided }).toEqual({
      reason: "account-not-open",
      message: "Open the account first.",
      details: { amount: 5 },
    });
  });

  test("hands the context to the function", () => {
    const clock = decider("clock", {
      initial: () => 0,
      evolve: { Struck: (count, _data: { at: string; id: string }) => count + 1 },
      decide: {
        strike: (_count, _payload: undefined, { now, id }) => ({ type: "Struck", data: { at: now, id } }),
      },
    });
    expect(decide(clock, 0, { name: "strike", payload: undefined }, context)).toEqual([
      { type: "Struck", data: { at: "2026-11-21T08:40:00.000Z", id: "42" } },
    ]);
  });

  test("gives events the context's metadata; what the decision states itself wins", () => {
    const decided = decide(
      decider("noting", {
        initial: () => 0,
        evolve: { Noted: (count) => count + 1 },
        decide: { note: () => ({ type: "Noted", data: {}, metadata: { userId: "system" } }) },
      }),
      0,
      { name: "note", payload: undefined },
      { ...context, metadata: { correlationId: "c", userId: "ada" } },
    );
    expect(decided).toEqual([
      { type: "Noted", data: {}, metadata: { correlationId: "c", userId: "system" } },
    ]);
  });

  test("completes events by their definitions", () => {
    const priced = decider("price", {
      initial: () => 0,
      events: {
        Priced: eventType({
          version: 2,
          upcast: { 1: (amount: number) => ({ amount }) },
          schema: z.object({ amount: z.number() }),
          tags: (data) => [`amount:${data.amount}`],
        }),
      },
      evolve: { Priced: (_state, data) => data.amount },
      decide: { price: (_state, amount: number) => ({ type: "Priced", data: { amount } }) },
    });
    expect(decide(priced, 0, { name: "price", payload: 5 }, context)).toEqual([
      { type: "Priced", data: { amount: 5 }, schemaVersion: 2, tags: ["amount:5"] },
    ]);
    const error = errorOf(() => decide(priced, 0, { name: "price", payload: "5" as never }, context));
    expect(isHithertoError(error, "SCHEMA_VIOLATION")).toBe(true);
  });

  test.each(["withdraw", "toString", "__proto__"])("refuses the command %s with COMMAND_UNKNOWN", (name) => {
    const error = errorOf(() => decide(account, account.initial(), { name, payload: {} } as never, context));
    expect(isHithertoError(error, "COMMAND_UNKNOWN") && error.details).toEqual({
      decider: "account",
      command: name,
      known: ["open", "deposit", "close"],
    });
  });

  test.each<[string, unknown, string]>([
    ["null", null, "null"],
    ["a string", "Done", "a string"],
    ["a number", 1, "a number"],
    ["an object without a type", { data: {} }, "no type"],
    ["an event with an empty type", { type: "", data: {} }, "no type"],
    ["an event without data", { type: "Done" }, "no data"],
    ["an event that evolve does not know", { type: "Undone", data: {} }, "Undone"],
    ["an event named like an object's method", { type: "toString", data: {} }, "toString"],
    ["an array within the array", [[{ type: "Done", data: {} }]], "an array"],
    ["a rejection among events", [{ type: "Done", data: {} }, reject("no", "No.")], "a rejection"],
    ["tags that are no array", { type: "Done", data: {}, tags: "a" }, "tags"],
    ["a promise", Promise.resolve([]), "promise"],
  ])("refuses %s as a decision with DECISION_INVALID", (_what, decision, part) => {
    const error = errorOf(() => returning(decision));
    expect(isHithertoError(error, "DECISION_INVALID") && error.details.problem).toContain(part);
  });

  test("does not leave the failure of an asynchronous decision unheard", async () => {
    const heard: unknown[] = [];
    const listener = (error: unknown): unknown => heard.push(error);
    process.on("unhandledRejection", listener);
    errorOf(() => returning(Promise.reject(new Error("late"))));
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
    process.off("unhandledRejection", listener);
    expect(heard).toEqual([]);
  });

  test("lets through what a decide function throws", () => {
    const cause = new Error("bug");
    const broken = decider("broken", {
      initial: () => 0,
      evolve: {},
      decide: {
        go: () => {
          throw cause;
        },
      },
    });
    expect(errorOf(() => decide(broken, 0, { name: "go", payload: undefined }, context))).toBe(cause);
  });
});

describe("rejecting", () => {
  test("is recognised by its brand, not by its shape", () => {
    expect(isRejection(reject("no", "No."))).toBe(true);
    for (const value of [{ reason: "no", message: "No." }, null, "no", undefined]) {
      expect(isRejection(value)).toBe(false);
    }
  });

  test("is frozen and serialises as reason, message and details", () => {
    const rejection = reject("low", "Too low.", { balance: 2 });
    expect(Object.isFrozen(rejection)).toBe(true);
    expect(JSON.parse(JSON.stringify(rejection))).toEqual({
      reason: "low",
      message: "Too low.",
      details: { balance: 2 },
    });
  });

  test.each<[unknown, unknown]>([
    ["", "No."],
    [5, "No."],
    ["no", undefined],
  ])("refuses the reason %j with the message %j with ARGUMENT_INVALID", (reason, message) => {
    const error = errorOf(() => reject(reason as string, message as string));
    expect(isHithertoError(error, "ARGUMENT_INVALID")).toBe(true);
  });
});
