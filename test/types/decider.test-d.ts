import { decide, decider, eventType, fold, isRejection, reject } from "hitherto/core";
import type {
  AnyDecider,
  Checked,
  CommandOf,
  CommandType,
  Decider,
  EventsOf,
  PayloadOf,
  Problem,
  ReasonOf,
  StateOf,
} from "hitherto/core";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";

export const account = decider("account", {
  initial: () => ({ open: false, balance: 0 }),
  evolve: {
    AccountOpened: (s, _e: { owner: string }) => ({ ...s, open: true }),
    MoneyDeposited: (s, e: { amount: number }) => ({ ...s, balance: s.balance + e.amount }),
  },
  decide: {
    deposit: (s, c: { amount: number }) =>
      s.open ? { type: "MoneyDeposited", data: c } : reject("account-not-open", "…"),
  },
});

test("infers state, events and commands from the functions alone", () => {
  expectTypeOf(account).toEqualTypeOf<
    Decider<
      { open: boolean; balance: number },
      { AccountOpened: { owner: string }; MoneyDeposited: { amount: number } },
      { deposit: CommandType<{ amount: number }, "account-not-open"> }
    >
  >();
});

const definitions = {
  Opened: eventType<{ owner: string }>(),
  Deposited: eventType({ schema: z.object({ amount: z.number() }) }),
};

test("infers data from event definitions, whether a function reads them or not", () => {
  const listed = decider("account", {
    initial: () => ({ balance: 0 }),
    events: definitions,
    evolve: {
      Opened: (state) => state,
      Deposited: (state, data, event) => {
        expectTypeOf(data).toEqualTypeOf<{ amount: number }>();
        expectTypeOf(event.type).toEqualTypeOf<"Deposited">();
        return { balance: state.balance + data.amount };
      },
    },
    decide: { open: (_state, owner: string) => ({ type: "Opened", data: { owner } }) },
  });
  expectTypeOf<EventsOf<typeof listed>>().toEqualTypeOf<{
    Opened: { owner: string };
    Deposited: { amount: number };
  }>();
});

test("infers what a command takes and why it may be refused", () => {
  const door = decider("door", {
    initial: (): { is: "open" | "closed" } => ({ is: "open" }),
    evolve: { Closed: () => ({ is: "closed" }), Opened: (state) => ({ ...state, is: "open" }) },
    decide: {
      close: (state) => {
        if (state.is === "closed") return reject("closed-already", "…");
        return [{ type: "Closed", data: {} }];
      },
      open: (state, payload: { key: number }) =>
        payload.key === 1 && state.is === "open" ? reject("open-already", "…") : reject("wrong-key", "…"),
      rest: () => [],
    },
  });
  expectTypeOf<StateOf<typeof door>>().toEqualTypeOf<{ is: "open" | "closed" }>();
  expectTypeOf<CommandOf<typeof door>>().toEqualTypeOf<"close" | "open" | "rest">();
  expectTypeOf<PayloadOf<typeof door, "open">>().toEqualTypeOf<{ key: number }>();
  expectTypeOf<PayloadOf<typeof door, "close">>().toEqualTypeOf<undefined>();
  expectTypeOf<ReasonOf<typeof door, "open">>().toEqualTypeOf<"open-already" | "wrong-key">();
  expectTypeOf<ReasonOf<typeof door, "close">>().toEqualTypeOf<"closed-already">();
  expectTypeOf<ReasonOf<typeof door, "rest">>().toEqualTypeOf<never>();
});

test("keeps the literal types of decided data, with and without parameters", () => {
  type Placed = { status: "open" | "paid"; items: readonly string[] };
  decider("order", {
    initial: () => 0,
    evolve: { Placed: (count, _data: Placed) => count + 1 },
    decide: {
      place: () => ({ type: "Placed", data: { status: "open", items: [] } }),
      placeMany: (count, _payload: { n: number }) =>
        count > 0 ? [] : [{ type: "Placed", data: { status: "paid", items: ["a"] } }],
    },
  });
});

test("keeps the literal types of states, with and without parameters", () => {
  decider("light", {
    initial: (): "on" | "off" => "off",
    evolve: { SwitchedOn: () => "on", SwitchedOff: (_state, _data: { by: string }) => "off" },
    decide: {},
  });
  decider("light", {
    initial: (): "on" | "off" => "off",
    evolve: {
      // @ts-expect-error "broken" is neither "on" nor "off"
      Broken: (_state) => "broken",
    },
    decide: {},
  });
});

test("refuses an event type that evolve does not know, in a sentence", () => {
  decider("account", {
    initial: () => 0,
    evolve: { Opened: (count) => count + 1 },
    decide: {
      // @ts-expect-error The command "close" decides Closed, an event type that evolve has no function for
      close: () => ({ type: "Closed", data: {} }),
      // @ts-expect-error The command "both" decides Closed, an event type that evolve has no function for
      both: (count) =>
        count > 0
          ? []
          : [
              { type: "Opened", data: {} },
              { type: "Closed", data: {} },
            ],
    },
  });
  type Check = Checked<{ Opened: object }, { close: () => { type: "Closed"; data: object } }>;
  expectTypeOf<Check["close"]>().toEqualTypeOf<
    Problem<'The command "close" decides Closed, an event type that evolve has no function for'>
  >();
});

test("refuses wrong data, missing data, and anything that is no decision", () => {
  decider("account", {
    initial: () => 0,
    evolve: { Deposited: (balance, data: { amount: number }) => balance + data.amount },
    decide: {
      // @ts-expect-error amount is a string where evolve takes a number
      wrong: () => ({ type: "Deposited", data: { amount: "5" } }),
      // @ts-expect-error amount is missing
      missing: (_balance, _payload: { amount: number }) => [{ type: "Deposited", data: {} }],
      // @ts-expect-error an event has data
      none: () => ({ type: "Deposited" }),
      // @ts-expect-error a decision is synchronous
      later: async () => [],
      // @ts-expect-error a string is no decision
      text: () => "Deposited",
    },
  });
});

test("refuses an evolve that forgets a listed event type", () => {
  decider("account", {
    initial: () => 0,
    events: definitions,
    // @ts-expect-error Property 'Deposited' is missing
    evolve: { Opened: (count) => count + 1 },
    decide: {},
  });
});

test("refuses an evolve function for a type that events does not list, or that takes other data", () => {
  decider("account", {
    initial: () => 0,
    events: definitions,
    evolve: {
      Opened: (count) => count + 1,
      Deposited: (count) => count,
      // @ts-expect-error events does not list it
      Closed: (count: number) => count,
    },
    decide: {},
  });
  decider("account", {
    initial: () => 0,
    events: definitions,
    evolve: {
      Opened: (count) => count + 1,
      // @ts-expect-error the amount is a number
      Deposited: (_count, data: { amount: string }) => data.amount.length,
    },
    decide: {},
  });
});

test("refuses an evolve function that returns another state", () => {
  decider("account", {
    initial: () => ({ balance: 0 }),
    evolve: {
      // @ts-expect-error balance is missing
      Opened: () => ({ total: 0 }),
    },
    decide: {},
  });
});

test("types commands, states and results of decide", () => {
  const context = { now: "", stream: "", id: "", metadata: {} };
  const state = { open: true, balance: 0 };
  const decided = decide(account, state, { name: "deposit", payload: { amount: 1 } }, context);
  if (isRejection(decided)) expectTypeOf(decided.reason).toEqualTypeOf<"account-not-open">();
  // @ts-expect-error there is no such command
  decide(account, state, { name: "withdraw", payload: { amount: 1 } }, context);
  // @ts-expect-error the amount is a number
  decide(account, state, { name: "deposit", payload: { amount: "1" } }, context);
  // @ts-expect-error balance is missing from the state
  decide(account, { open: true }, { name: "deposit", payload: { amount: 1 } }, context);
});

test("every decider fits AnyDecider and folds to its state", () => {
  expectTypeOf(account).toExtend<AnyDecider>();
  expectTypeOf(fold(account, [])).toEqualTypeOf<{ open: boolean; balance: number }>();
  // @ts-expect-error another state
  fold(account, [], { from: { open: 1 } });
});

test("a decider can be annotated by hand", () => {
  const counter: Decider<number, { Counted: { by: number } }, { count: CommandType<number, "too-many"> }> =
    decider("counter", {
      initial: () => 0,
      evolve: { Counted: (total, data: { by: number }) => total + data.by },
      decide: {
        count: (total, by: number) =>
          total > 9 ? reject("too-many", "…") : { type: "Counted", data: { by } },
      },
    });
  expectTypeOf<PayloadOf<typeof counter, "count">>().toEqualTypeOf<number>();
});

test("values of a decider are readonly", () => {
  // @ts-expect-error readonly
  account.name = "other";
  // @ts-expect-error readonly
  account.evolve.AccountOpened = account.evolve.MoneyDeposited;
});
