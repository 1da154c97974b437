import { decider, reject } from "hitherto/core";
import type { CommandType, Decider } from "hitherto/core";
import { expectTypeOf, test } from "vitest";

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
