/** A morning at the bank, told from what the store says. */
import type { Hitherto } from "hitherto";
import { account, inEuros } from "./account.ts";
import { transferMoney } from "./transfer.ts";

/** Tells the story, line by line. */
export async function tellStory(store: Hitherto, say: (line: string) => void): Promise<void> {
  await openAccounts(store, say);
  await meetTheRules(store, say);
  await moveMoney(store, say);
  await lookBack(store, say);
}

async function openAccounts(store: Hitherto, say: (line: string) => void): Promise<void> {
  say("Ada and Grace open accounts.");
  await store.execute(account, "ada", "open", { owner: "Ada" });
  await store.execute(account, "grace", "open", { owner: "Grace" });
  await store.execute(account, "ada", "deposit", { amount: 100_00 });
  await store.execute(account, "ada", "withdraw", { amount: 30_00 });
  say(`Ada pays 100.00 EUR in and takes 30.00 EUR out: ${await balanceOf(store, "ada")}.`);
}

async function meetTheRules(store: Hitherto, say: (line: string) => void): Promise<void> {
  const refused = [
    await store.execute(account, "ada", "withdraw", { amount: 500_00 }),
    await store.execute(account, "ada", "deposit", { amount: -1 }),
    await store.execute(account, "ada", "close", undefined),
    await store.execute(account, "nobody", "deposit", { amount: 1_00 }),
  ];
  say("");
  say("The rules say no, and nothing is stored:");
  for (const result of refused) {
    if (!result.accepted) say(`  ${result.reason}: ${result.message}`);
  }
}

async function moveMoney(store: Hitherto, say: (line: string) => void): Promise<void> {
  await transferMoney(store, { transfer: "t-1", from: "ada", to: "grace", amount: 25_00 });
  say("");
  say("25.00 EUR go from Ada to Grace, in one append to both accounts:");
  say(`  Ada ${await balanceOf(store, "ada")}, Grace ${await balanceOf(store, "grace")}.`);
}

async function lookBack(store: Hitherto, say: (line: string) => void): Promise<void> {
  say("");
  say("How did Ada's account get here?");
  for await (const { event, after } of store.history(account, "ada")) {
    say(`  ${event.revision}  ${event.type.padEnd(16)} ${inEuros(after.balance).padStart(11)}`);
  }
  const then = await store.load(account, "ada", { atRevision: 1 });
  say(`After revision 1 she had ${inEuros(then.state.balance)}.`);
  const low = await store.bisect(
    account,
    "ada",
    (state, event) => event.revision === 0 || state.balance >= 50_00,
  );
  if (low !== undefined) {
    say(`Her balance first fell below 50.00 EUR with ${low.event.type} at revision ${low.event.revision}.`);
  }
}

async function balanceOf(store: Hitherto, id: string): Promise<string> {
  const { state } = await store.load(account, id);
  return inEuros(state.balance);
}
