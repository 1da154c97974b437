/** A bank account: its events, its state and its rules. Amounts are whole cents. */
import { decider, reject } from "hitherto/core";

/** What the rules need to know of an account. */
export interface Account {
  readonly status: "none" | "open" | "closed";
  readonly owner: string;
  /** In cents. */
  readonly balance: number;
}

const noAccount: Account = { status: "none", owner: "", balance: 0 };

/** Its streams are `account-…`. Every amount is in cents. */
export const account = decider("account", {
  initial: () => noAccount,
  evolve: {
    AccountOpened: (state, { owner }: { owner: string }) => ({ ...state, status: "open", owner }),
    MoneyDeposited: (state, { amount }: Movement) => ({ ...state, balance: state.balance + amount }),
    MoneyWithdrawn: (state, { amount }: Movement) => ({ ...state, balance: state.balance - amount }),
    AccountClosed: (state, _data: object) => ({ ...state, status: "closed" }),
  },
  decide: {
    open: (state, { owner }: { owner: string }) =>
      state.status === "none"
        ? { type: "AccountOpened", data: { owner } }
        : reject("account-exists", "This account was opened before."),

    deposit: (state, { amount }: { amount: number }) =>
      refuse(state, amount) ?? { type: "MoneyDeposited", data: { amount } },

    withdraw: (state, { amount }: { amount: number }) =>
      refuse(state, amount) ?? refuseOverdraft(state, amount) ?? { type: "MoneyWithdrawn", data: { amount } },

    close: (state) => {
      if (state.balance > 0) {
        return reject("balance-not-zero", `${inEuros(state.balance)} are still in the account.`);
      }
      return refuseUnlessOpen(state) ?? { type: "AccountClosed", data: {} };
    },
  },
});

/** Money that came in or went out; `transfer` names the transfer that it belongs to. */
export interface Movement {
  readonly amount: number;
  readonly transfer?: string | undefined;
}

/** The most that moves at a time, in cents: sums of amounts stay exact. */
export const amountMax = 1_000_000_000_00;

/** Writes cents as people do: `1234.50 EUR`. */
export function inEuros(cents: number): string {
  return `${(cents / 100).toFixed(2)} EUR`;
}

/** Why an amount cannot be moved on this account, whichever way. */
export function refuse(state: Account, amount: number) {
  return refuseUnlessOpen(state) ?? refuseAmount(amount);
}

/** Why an account cannot give the amount. */
export function refuseOverdraft({ balance }: Account, amount: number) {
  return amount <= balance
    ? undefined
    : reject("balance-too-low", `${inEuros(balance)} do not cover ${inEuros(amount)}.`, { balance });
}

function refuseUnlessOpen({ status }: Account) {
  if (status === "open") return undefined;
  return status === "none"
    ? reject("account-not-open", "There is no such account.")
    : reject("account-closed", "The account is closed, and closed is closed.");
}

function refuseAmount(amount: number) {
  if (!Number.isSafeInteger(amount) || amount <= 0) {
    return reject("amount-not-positive", "An amount is a positive whole number of cents.");
  }
  return amount <= amountMax
    ? undefined
    : reject("amount-too-large", `${inEuros(amountMax)} at a time, not more.`);
}
