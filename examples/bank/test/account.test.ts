import { given } from "hitherto/testing";
import { expect, test } from "vitest";
import { account, amountMax, inEuros } from "../src/account.ts";

const opened = { type: "AccountOpened", data: { owner: "Ada" } } as const;
const deposited = (amount: number) => ({ type: "MoneyDeposited", data: { amount } }) as const;
const withdrawn = (amount: number) => ({ type: "MoneyWithdrawn", data: { amount } }) as const;
const closed = { type: "AccountClosed", data: {} } as const;

test("an account is opened once", () => {
  given(account, []).when("open", { owner: "Ada" }).then([opened]);
  given(account, [opened]).when("open", { owner: "Eve" }).thenRejected("account-exists");
  given(account, [opened, closed]).when("open", { owner: "Ada" }).thenRejected("account-exists");
});

test("money comes in and goes out", () => {
  given(account, [opened])
    .when("deposit", { amount: 70_00 })
    .then([deposited(70_00)]);
  given(account, [opened, deposited(70_00)])
    .when("withdraw", { amount: 70_00 })
    .then([withdrawn(70_00)]);
});

test.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "1", 1n])(
  "the amount %s is refused",
  (amount) => {
    const payload = { amount: amount as number };
    const past = [opened, deposited(1_00)];
    given(account, past).when("deposit", payload).thenRejected("amount-not-positive");
    given(account, past).when("withdraw", payload).thenRejected("amount-not-positive");
  },
);

test("an amount beyond the most is refused", () => {
  given(account, [opened])
    .when("deposit", { amount: amountMax })
    .then([deposited(amountMax)]);
  given(account, [opened])
    .when("deposit", { amount: amountMax + 1 })
    .thenRejected("amount-too-large");
});

test("an account is never overdrawn", () => {
  given(account, [opened, deposited(70_00), withdrawn(20_00)])
    .when("withdraw", { amount: 50_01 })
    .thenRejected("balance-too-low", { balance: 50_00 });
});

test("an account that was never opened takes no commands", () => {
  given(account, []).when("deposit", { amount: 1 }).thenRejected("account-not-open");
  given(account, []).when("withdraw", { amount: 1 }).thenRejected("account-not-open");
  given(account, []).when("close").thenRejected("account-not-open");
});

test("only an empty account is closed, and closed is closed", () => {
  given(account, [opened]).when("close").then([closed]);
  given(account, [opened, deposited(1)])
    .when("close")
    .thenRejected("balance-not-zero");
  given(account, [opened, closed]).when("close").thenRejected("account-closed");
  given(account, [opened, closed]).when("deposit", { amount: 1 }).thenRejected("account-closed");
  given(account, [opened, closed]).when("withdraw", { amount: 1 }).thenRejected("account-closed");
});

test("the balance is what came in less what went out", () => {
  given(account, [opened, deposited(100_00), withdrawn(30_00)]).thenState({
    status: "open",
    owner: "Ada",
    balance: 70_00,
  });
  expect(inEuros(70_05)).toBe("70.05 EUR");
});
