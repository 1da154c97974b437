import { open } from "hitherto";
import { isRejection } from "hitherto/core";
import { expect, test } from "vitest";
import { account, type Account } from "../src/account.ts";
import { decideTransfer, transferMoney } from "../src/transfer.ts";

const rich: Account = { status: "open", owner: "Ada", balance: 70_00 };
const poor: Account = { status: "open", owner: "Grace", balance: 0 };
const command = { transfer: "t-1", from: "ada", to: "grace", amount: 70_00 };

function reasonOf(accounts: { from: Account; to: Account }, overrides: object = {}): string {
  const decision = decideTransfer(accounts, { ...command, ...overrides });
  return isRejection(decision) ? decision.reason : "accepted";
}

test("a transfer takes from the one what it gives to the other", () => {
  expect(decideTransfer({ from: rich, to: poor }, command)).toEqual({
    withdrawn: { type: "MoneyWithdrawn", data: { amount: 70_00, transfer: "t-1" } },
    deposited: { type: "MoneyDeposited", data: { amount: 70_00, transfer: "t-1" } },
  });
});

test("the rules of both accounts hold for a transfer", () => {
  const closed: Account = { ...poor, status: "closed" };
  const none: Account = { ...poor, status: "none" };
  expect(reasonOf({ from: rich, to: poor }, { amount: 70_01 })).toBe("balance-too-low");
  expect(reasonOf({ from: rich, to: poor }, { amount: 0 })).toBe("amount-not-positive");
  expect(reasonOf({ from: rich, to: closed })).toBe("account-closed");
  expect(reasonOf({ from: rich, to: none })).toBe("account-not-open");
  expect(reasonOf({ from: none, to: rich })).toBe("account-not-open");
  expect(reasonOf({ from: rich, to: rich }, { to: "ada" })).toBe("same-account");
});

test("racing transfers neither lose nor make a cent, and never overdraw", async () => {
  await using store = await open("memory:");
  for (const id of ["ada", "grace", "tony"]) {
    await store.execute(account, id, "open", { owner: id });
    await store.execute(account, id, "deposit", { amount: 50_00 });
  }
  const pairs = [["ada", "grace"] as const, ["grace", "tony"] as const, ["tony", "ada"] as const];
  const answers = await Promise.all(
    pairs.flatMap(([from, to], pair) =>
      [1, 2].map((round) => transferMoney(store, { transfer: `${pair}/${round}`, from, to, amount: 30_00 })),
    ),
  );
  const balances = await Promise.all(
    pairs.map(async ([id]) => (await store.load(account, id)).state.balance),
  );
  expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(150_00);
  expect(balances.every((balance) => balance >= 0)).toBe(true);
  expect(answers.some((answer) => answer === undefined)).toBe(true);
});

test("a refused transfer stores nothing", async () => {
  await using store = await open("memory:");
  await store.execute(account, "ada", "open", { owner: "Ada" });
  const head = await store.head();
  expect(await transferMoney(store, { transfer: "t", from: "ada", to: "nobody", amount: 1 })).toMatchObject({
    reason: "account-not-open",
  });
  expect(await store.head()).toBe(head);
});
