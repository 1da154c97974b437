import fc from "fast-check";
import type { StoredEvent } from "hitherto/core";
import { decider, eventType, fold, isHithertoError } from "hitherto/core";
import { expect, test } from "vitest";
import { account } from "../../support/account.ts";
import { aStoredEvent, errorOf } from "../../support/stored-event.ts";

const opened = aStoredEvent("AccountOpened", { owner: "Ada" });
const deposited = (amount: number): StoredEvent => aStoredEvent("MoneyDeposited", { amount });

test("folding no events gives the initial state", () => {
  expect(fold(account, [])).toEqual({ open: false, balance: 0 });
});

test("folds events of any iterable, oldest first", () => {
  const events = new Set([opened, deposited(5), deposited(7)]);
  expect(fold(account, events)).toEqual({ open: true, balance: 12 });
});

test("starts from a given state, falsy ones too", () => {
  expect(fold(account, [deposited(1)], { from: { open: true, balance: 9 } })).toEqual({
    open: true,
    balance: 10,
  });
  const counter = decider("counter", {
    initial: () => 100,
    evolve: { Counted: (total) => total + 1 },
    decide: {},
  });
  expect(fold(counter, [aStoredEvent("Counted")], { from: 0 })).toBe(1);
});

test("folding a part and then the rest equals folding the whole", () => {
  const event = fc.oneof(fc.constant(opened), fc.integer().map(deposited));
  fc.assert(
    fc.property(fc.array(event), fc.nat(), (events, cut) => {
      const first = fold(account, events.slice(0, cut));
      expect(fold(account, events.slice(cut), { from: first })).toEqual(fold(account, events));
    }),
  );
});

test("lifts old events before they are folded, and shows the lifted event", () => {
  const seen: StoredEvent[] = [];
  const prices = decider("price", {
    initial: () => "",
    events: {
      Priced: eventType<{ text: string }>({
        version: 2,
        upcast: { 1: (n: number) => ({ text: `${n} EUR` }) },
      }),
    },
    evolve: {
      Priced: (_state, data, event) => {
        seen.push(event);
        return data.text;
      },
    },
    decide: {},
  });
  expect(fold(prices, [aStoredEvent("Priced", 5)])).toBe("5 EUR");
  expect(seen[0]).toMatchObject({ schemaVersion: 2, data: { text: "5 EUR" } });
});

test("refuses an unknown event type with EVENT_TYPE_UNKNOWN and its place", () => {
  const error = errorOf(() => fold(account, [opened, aStoredEvent("AccountFrozen", {}, { revision: 1 })]));
  expect(isHithertoError(error, "EVENT_TYPE_UNKNOWN") && error.details).toEqual({
    type: "AccountFrozen",
    definition: "account",
    stream: "account-42",
    revision: 1,
  });
  for (const type of ["toString", "constructor", "__proto__"]) {
    expect(
      isHithertoError(
        errorOf(() => fold(account, [aStoredEvent(type)])),
        "EVENT_TYPE_UNKNOWN",
      ),
    ).toBe(true);
  }
});

test("passes over the event types that a definition ignores", () => {
  const counter = decider("counter", {
    initial: () => 0,
    evolve: { Counted: (total) => total + 1 },
    decide: {},
    ignore: ["Noted"],
  });
  expect(fold(counter, [aStoredEvent("Noted"), aStoredEvent("Counted"), aStoredEvent("Noted")])).toBe(1);
});

test("reports an evolve function that throws as EVOLVE_FAILED with its cause", () => {
  const cause = new RangeError("too much");
  const failing = decider("failing", {
    initial: () => 0,
    evolve: {
      Failed: (): number => {
        throw cause;
      },
    },
    decide: {},
  });
  const error = errorOf(() => fold(failing, [aStoredEvent("Failed", {}, { revision: 8 })]));
  expect(isHithertoError(error, "EVOLVE_FAILED") && error.details).toEqual({
    definition: "failing",
    type: "Failed",
    stream: "account-42",
    revision: 8,
    problem: "threw RangeError: too much",
  });
  expect(error).toHaveProperty("cause", cause);
});

test.each([
  ["nothing", undefined],
  ["a promise", Promise.resolve(1)],
])("reports an evolve function that returns %s as EVOLVE_FAILED", (what, returned) => {
  const wrong = decider("wrong", {
    initial: () => 0,
    evolve: { Noted: () => returned as never },
    decide: {},
  });
  const error = errorOf(() => fold(wrong, [aStoredEvent("Noted")]));
  expect(isHithertoError(error, "EVOLVE_FAILED") && error.details.problem).toBe(`returned ${what}`);
});

test("refuses events that are not iterable with ARGUMENT_INVALID", () => {
  for (const events of [undefined, null, 5, "text", {}, Promise.resolve([])]) {
    expect(
      isHithertoError(
        errorOf(() => fold(account, events as never)),
        "ARGUMENT_INVALID",
      ),
    ).toBe(true);
  }
});
