import { composeModels, decider, decisionModel, eventType, reject } from "hitherto/core";
import type { NewEvent, Rejection } from "hitherto/core";
import { ExpectationError, given } from "hitherto/testing";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { account } from "../../support/account.ts";
import { capacityOf, subscriptionsOf } from "../../support/course.ts";

const opened = { type: "AccountOpened", data: { owner: "Ada" } } as const;
const deposited = (amount: number) => ({ type: "MoneyDeposited", data: { amount } }) as const;

/** Decides what the payload says, of any shape. */
const parrot = decider("parrot", {
  initial: (): readonly unknown[] => [],
  evolve: { Said: (said, data: unknown) => [...said, data] },
  decide: { say: (_said, events: readonly NewEvent[]) => events as ReadonlyArray<NewEvent<"Said">> },
});
const said = (data: unknown, parts: Partial<NewEvent> = {}): NewEvent<"Said"> => ({
  ...parts,
  type: "Said",
  data,
});

function failureOf(expectation: () => void): ExpectationError {
  try {
    expectation();
  } catch (error) {
    if (error instanceof ExpectationError) return error;
    throw error;
  }
  throw new Error("The expectation held.");
}

describe("expected events", () => {
  test("hold when they are decided in this order", () => {
    given(account, [opened])
      .when("deposit", { amount: 5 })
      .then([deposited(5)]);
    given(account, [])
      .when("open", { owner: "Ada", deposit: 5 })
      .then([opened, deposited(5)]);
    given(account, [opened]).when("open", { owner: "Ada" }).then([]);
  });

  test.each<[string, readonly NewEvent[], readonly NewEvent[]]>([
    ["in another order", [said(1), said(2)], [said(2), said(1)]],
    ["with one in place of another", [said(1), said(1)], [said(1), said(2)]],
    ["with one too many", [said(1), said(2)], [said(1)]],
    ["with one too few", [said(1)], [said(1), said(2)]],
    ["repeated", [said(1), said(1)], [said(1)]],
    ["with an extra field", [said({ a: 1, b: 2 })], [said({ a: 1 })]],
    ["with a missing field", [said({ a: 1 })], [said({ a: 1, b: 2 })]],
    ["with an extra field deep down", [said({ a: { b: 1, c: 2 } })], [said({ a: { b: 1 } })]],
    ["with a longer array", [said([1, 2])], [said([1])]],
    ["with an array in another order", [said([1, 2])], [said([2, 1])]],
    ["with another date", [said({ at: new Date(1) })], [said({ at: new Date(2) })]],
    ["with a date for its text", [said(new Date(0))], [said(new Date(0).toISOString())]],
    ["with null for undefined", [said({ a: null })], [said({ a: undefined })]],
    ["with -0 for 0", [said(-0)], [said(0)]],
    ["with a number for its text", [said(1)], [said("1")]],
    ["without the tag that is stated", [said(1)], [said(1, { tags: ["a"] })]],
    ["with a tag beyond those that are stated", [said(1, { tags: ["a", "b"] })], [said(1, { tags: ["a"] })]],
    ["with another schema version than is stated", [said(1)], [said(1, { schemaVersion: 2 })]],
    ["with other metadata than are stated", [said(1)], [said(1, { metadata: { userId: "ada" } })]],
  ])("do not hold when they come %s", (_how, decided, expected) => {
    const { message } = failureOf(() =>
      given(parrot, [])
        .when("say", decided)
        .then(expected as never),
    );
    expect(message).toContain("parrot");
  });

  test("leave out what they do not state", () => {
    given(parrot, [])
      .when("say", [said(1, { tags: ["b", "a"], metadata: { userId: "ada" } })])
      .then([said(1)]);
    given(parrot, [])
      .when("say", [said(1, { tags: ["b", "a"] })])
      .then([said(1, { tags: ["a", "b"] })]);
  });

  test("say what differs, where, and on which side", () => {
    const expectation = given(account, [opened]).when("deposit", { amount: 100 });
    const failure = failureOf(() => expectation.then([deposited(90)]));
    expect(failure.message).toBe(
      'account: "deposit" decided MoneyDeposited with something else in them:\n' +
        "  /0/data/amount: expected 90, found 100",
    );
    expect(failure).toMatchObject({ name: "AssertionError", code: "ERR_ASSERTION", showDiff: true });
    expect(failure.expected).toEqual([deposited(90)]);
    expect(failure.actual).toEqual([deposited(100)]);
  });

  test("show dates, -0 and missing values as what they are", () => {
    const decided = [said({ at: "1970-01-01T00:00:00.000Z", zero: -0, extra: undefined })];
    const { message } = failureOf(() =>
      given(parrot, [])
        .when("say", decided)
        .then([said({ at: new Date(0), zero: 0, gone: 1 })]),
    );
    expect(message).toContain(
      '/0/data/at: expected Date(1970-01-01T00:00:00.000Z), found "1970-01-01T00:00:00.000Z"',
    );
    expect(message).toContain("/0/data/zero: expected 0, found -0");
    expect(message).toContain("/0/data/gone: expected 1, missing");
    expect(message).toContain("/0/data/extra: not expected, found undefined");
  });

  test("name the rejection or the error that came instead, which is the cause", () => {
    const rejected = failureOf(() =>
      given(account, [])
        .when("deposit", { amount: 5 })
        .then([deposited(5)]),
    );
    expect(rejected.message).toContain('was rejected with "account-not-open" (Open the account first.)');
    const failed = failureOf(() =>
      given(account, [])
        .when("fly" as "close")
        .then([]),
    );
    expect(failed.message).toContain("has no command");
    expect(failed.cause).toMatchObject({ code: "COMMAND_UNKNOWN" });
  });

  test("are needed: awaiting a command without them fails and says so", async () => {
    const command = given(account, [opened]).when("deposit", { amount: 5 });
    await expect(async () => command as unknown).rejects.toThrow("state an expectation before you await it");
    const later = given(account, Promise.resolve([opened])).when("deposit", { amount: 5 });
    await expect(async () => later as unknown).rejects.toThrow("state an expectation before you await it");
  });
});

describe("nothing", () => {
  test("holds when no event is decided", () => {
    given(account, [opened]).when("open", { owner: "Ada" }).thenNothing();
  });

  test("does not hold for an event, a rejection or an error", () => {
    expect(
      failureOf(() => given(account, []).when("open", { owner: "Ada" }).thenNothing()).message,
    ).toContain("decided AccountOpened");
    expect(failureOf(() => given(account, []).when("close").thenNothing()).message).toContain("not-allowed");
    failureOf(() =>
      given(account, [])
        .when("fly" as "close")
        .thenNothing(),
    );
  });
});

describe("an expected rejection", () => {
  test("holds for this reason, and for exactly these details if they are given", () => {
    const command = given(account, []).when("deposit", { amount: 5 });
    command.thenRejected("account-not-open");
    command.thenRejected("account-not-open", { amount: 5 });
    expect(failureOf(() => command.thenRejected("account-not-open", {})).message).toContain(
      "/details/amount",
    );
    expect(failureOf(() => command.thenRejected("account-not-open", { amount: 6 })).message).toContain(
      "found 5",
    );
  });

  test("does not hold for another reason, for events, or for nothing", () => {
    expect(
      failureOf(() =>
        given(account, [])
          .when("close")
          .thenRejected("x" as "not-allowed"),
      ).message,
    ).toContain('expected "x", found "not-allowed"');
    failureOf(() => given(account, [opened]).when("deposit", { amount: 5 }).thenRejected("account-not-open"));
    failureOf(() =>
      given(account, [opened])
        .when("open", { owner: "" })
        .thenRejected("x" as never),
    );
  });
});

describe("an expected error", () => {
  const explosive = decider("explosive", {
    initial: () => 0,
    evolve: { Lit: (count) => count + 1 },
    decide: {
      light: () => {
        throw Object.assign(new Error("bang"), { code: "BANG" });
      },
    },
  });

  test("holds by its code or by a test of it", () => {
    given(explosive, []).when("light").thenThrows("BANG");
    given(explosive, [])
      .when("light")
      .thenThrows((error) => error instanceof Error && error.message === "bang");
    given(account, [{ type: "Unheard", data: {}, schemaVersion: 1 }]).thenThrows("EVENT_TYPE_UNKNOWN");
  });

  test("does not hold for another error, nor when nothing is thrown", () => {
    const failure = failureOf(() => given(explosive, []).when("light").thenThrows("PUFF"));
    expect(failure.message).toContain("Error: bang");
    failureOf(() =>
      given(explosive, [])
        .when("light")
        .thenThrows(() => false),
    );
    failureOf(() => given(account, [opened]).when("deposit", { amount: 5 }).thenThrows("BANG"));
    failureOf(() => given(account, []).when("close").thenThrows("BANG"));
  });
});

describe("an expected state", () => {
  test("holds for the past, and for what follows from the decision", () => {
    given(account, [opened, deposited(5)]).thenState({ open: true, balance: 5 });
    given(account, [opened]).when("deposit", { amount: 5 }).thenState({ open: true, balance: 5 });
  });

  test("does not hold for another state, an extra field, or after a rejection", () => {
    failureOf(() => given(account, [opened]).thenState({ open: true, balance: 1 }));
    failureOf(() => given(account, []).thenState({ open: false, balance: 0, more: 1 } as never));
    failureOf(() => given(account, []).when("close").thenState({ open: false, balance: 0 }));
  });

  test("compares dates as moments", () => {
    const dated = decider("dated", {
      initial: () => new Date(0),
      evolve: { Dated: (_date, data: { at: string }) => new Date(data.at) },
      decide: {},
    });
    const past = [{ type: "Dated", data: { at: "2026-01-01T00:00:00.000Z" } }] as const;
    given(dated, past).thenState(new Date("2026-01-01"));
    failureOf(() => given(dated, past).thenState(new Date("2026-01-02")));
  });
});

describe("what execute would refuse", () => {
  const picky = decider("picky", {
    initial: () => 0,
    events: {
      Counted: eventType({ schema: z.object({ by: z.string().transform(Number) }) }),
      Lost: eventType<object>(),
    },
    evolve: { Counted: (total, { by }) => total + by, Lost: () => undefined as never },
    decide: {
      count: (_total, by: string) => ({ type: "Counted", data: { by: by as never } }),
      lose: () => ({ type: "Lost", data: {} }),
    },
  });

  test("fails here too: events that JSON cannot carry", () => {
    const date = said({ at: new Date(0) });
    const failure = failureOf(() => given(parrot, []).when("say", [date]).then([date]));
    expect(failure.message).toContain("holds an instance of Date at data.at");
    given(parrot, []).when("say", [date]).thenThrows("EVENT_NOT_JSON");
  });

  test("fails here too: events that evolve cannot take", () => {
    failureOf(() =>
      given(picky, [])
        .when("lose")
        .then([{ type: "Lost", data: {} }]),
    );
    given(picky, []).when("lose").thenThrows("EVOLVE_FAILED");
  });

  test("is checked once: a schema sees what was decided, and never what was stored", () => {
    given(picky, []).when("count", "5").thenState(5);
    given(picky, [{ type: "Counted", data: { by: 3 } }])
      .when("count", "4")
      .thenState(7);
    given(picky, [])
      .when("count", 5n as never)
      .thenThrows("SCHEMA_VIOLATION");
  });
});

describe("misuse", () => {
  test.each<[string, () => unknown, string]>([
    ["no definition", () => given(undefined as never, []), "made by decider()"],
    ["what is no definition", () => given({} as never, []), "made by decider()"],
    ["a past that is null", () => given(account, null as never).thenState({} as never), "not an array"],
    ["a past without an event", () => given(account, [null as never]).thenState({} as never), "event 0"],
    ["a past of names", () => given(account, ["AccountOpened" as never]).thenState({} as never), "event 0"],
    [
      "no event to expect",
      () =>
        given(account, [])
          .when("open", { owner: "Ada" })
          .then([null as never]),
      "event 0",
    ],
  ])("is told clearly: %s", (_what, misuse, part) => {
    expect(failureOf(misuse).message).toContain(part);
  });
});

describe("the past", () => {
  test("is lifted from older schema versions", () => {
    const priced = decider("price", {
      initial: () => "",
      events: {
        Priced: eventType<{ text: string }>({
          version: 2,
          upcast: { 1: (n: number) => ({ text: `${n} EUR` }) },
        }),
      },
      evolve: { Priced: (_state, data) => data.text },
      decide: { price: (_state, text: string) => ({ type: "Priced", data: { text } }) },
    });
    given(priced, [{ type: "Priced", data: 5, schemaVersion: 1 }]).thenState("5 EUR");
    given(priced, [{ type: "Priced", data: { text: "6" } }]).thenState("6");
    given(priced, [{ type: "Priced", data: 5, schemaVersion: 3 }]).thenThrows("EVENT_NEWER_THAN_CODE");
    given(priced, [])
      .when("price", "7")
      .then([{ type: "Priced", data: { text: "7" }, schemaVersion: 2 }]);
  });

  test("fails the test when no store would take it", () => {
    const failure = failureOf(() => given(parrot, [said({ at: new Date(0) })]).thenState([]));
    expect(failure.message).toContain("holds an instance of Date at data.at, which no store takes");
    failureOf(() => given(parrot, "Said" as never).thenState([]));
  });

  test("gives the functions frozen states, so that changing one in place is found", () => {
    const careless = decider("careless", {
      initial: () => ({ items: [] as string[] }),
      evolve: {
        Added: (state, data: { item: string }) => {
          state.items.push(data.item);
          return state;
        },
      },
      decide: {},
    });
    given(careless, [{ type: "Added", data: { item: "a" } }]).thenThrows("EVOLVE_FAILED");
  });
});

describe("the context", () => {
  const clock = decider("clock", {
    initial: () => 0,
    evolve: { Struck: (count, _data: readonly unknown[]) => count + 1 },
    decide: {
      strike: (_count, _payload: undefined, { now, stream, id }) => ({
        type: "Struck",
        data: [now, stream, id],
      }),
    },
  });

  test("is the same in every run", () => {
    const data = ["2000-01-01T00:00:00.000Z", "clock-1", "1"];
    given(clock, [])
      .when("strike")
      .then([{ type: "Struck", data }]);
  });

  test("can be given", () => {
    const context = { now: "2026-01-01T00:00:00.000Z", id: "big-ben", metadata: { userId: "ada" } };
    given(clock, [])
      .when("strike", undefined, context)
      .then([
        { type: "Struck", data: [context.now, "clock-big-ben", "big-ben"], metadata: { userId: "ada" } },
      ]);
  });
});

test("a past that is a promise makes every expectation a promise", async () => {
  const past = Promise.resolve([opened]);
  await given(account, past).thenState({ open: true, balance: 0 });
  const command = given(account, past).when("deposit", { amount: 5 });
  await command.then([deposited(5)]);
  await command.thenState({ open: true, balance: 5 });
  await expect(command.then([deposited(6)])).rejects.toThrow("/0/data/amount: expected 6, found 5");
  await expect(command.thenNothing()).rejects.toBeInstanceOf(ExpectationError);
  await given(account, Promise.reject(Object.assign(new Error("gone"), { code: "GONE" }))).thenThrows("GONE");
});

describe("a decision model", () => {
  const model = composeModels({ capacity: capacityOf("c1"), subscriptions: subscriptionsOf("c1") });
  const defined = { type: "CourseDefined", data: { capacity: 1 }, tags: ["course:c1"] };
  const subscribed = {
    type: "StudentSubscribed",
    data: { student: "s1" },
    tags: ["course:c1", "student:s1"],
  };
  const subscribe = (state: {
    readonly capacity: number;
    readonly subscriptions: readonly string[];
  }): NewEvent | Rejection =>
    state.subscriptions.length < state.capacity ? subscribed : reject("course-full", "The course is full.");

  test("folds the given events that carry its tags", () => {
    given(model, [defined, { ...subscribed, tags: ["course:c2"] }]).thenState({
      capacity: 1,
      subscriptions: [],
    });
    given(model, [defined, subscribed]).thenState({ capacity: 1, subscriptions: ["s1"] });
  });

  test("decides", () => {
    given(model, [defined]).when(subscribe).then([subscribed]);
    given(model, [defined])
      .when(subscribe)
      .thenState({ capacity: 1, subscriptions: ["s1"] });
    given(model, [defined, subscribed]).when(subscribe).thenRejected("course-full");
    given(model, [])
      .when(() => undefined)
      .thenNothing();
    failureOf(() =>
      given(model, [defined])
        .when(subscribe)
        .then([{ ...subscribed, tags: ["course:c1"] }]),
    );
    failureOf(() => given(model, [defined]).when(subscribe).thenRejected("course-full"));
  });

  test("decides later on a past that is a promise", async () => {
    const command = given(model, Promise.resolve([defined])).when(async (state) => subscribe(state));
    await command.then([subscribed]);
    await expect(command.thenNothing()).rejects.toThrow("decided StudentSubscribed");
  });

  test("takes no promise for a decision on a past that is there", () => {
    given(model, [defined])
      .when((async () => undefined) as never)
      .thenThrows("DECISION_INVALID");
  });

  test("derives the tags of the past from its definitions", () => {
    const seats = decisionModel({
      tags: ["course:c1"],
      initial: () => 0,
      events: { Defined: eventType<{ course: string }>({ tags: (data) => [`course:${data.course}`] }) },
      evolve: { Defined: (count) => count + 1 },
    });
    given(seats, [
      { type: "Defined", data: { course: "c1" } },
      { type: "Defined", data: { course: "c2" } },
    ]).thenState(1);
  });
});
