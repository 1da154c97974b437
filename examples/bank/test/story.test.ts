import { open } from "hitherto";
import { expect, test } from "vitest";
import { tellStory } from "../src/story.ts";

test("the story is what the store says", async () => {
  await using store = await open("memory:");
  const lines: string[] = [];
  await tellStory(store, (line) => lines.push(line));
  expect(lines).toEqual([
    "Ada and Grace open accounts.",
    "Ada pays 100.00 EUR in and takes 30.00 EUR out: 70.00 EUR.",
    "",
    "The rules say no, and nothing is stored:",
    "  balance-too-low: 70.00 EUR do not cover 500.00 EUR.",
    "  amount-not-positive: An amount is a positive whole number of cents.",
    "  balance-not-zero: 70.00 EUR are still in the account.",
    "  account-not-open: There is no such account.",
    "",
    "25.00 EUR go from Ada to Grace, in one append to both accounts:",
    "  Ada 45.00 EUR, Grace 25.00 EUR.",
    "",
    "How did Ada's account get here?",
    "  0  AccountOpened       0.00 EUR",
    "  1  MoneyDeposited    100.00 EUR",
    "  2  MoneyWithdrawn     70.00 EUR",
    "  3  MoneyWithdrawn     45.00 EUR",
    "After revision 1 she had 100.00 EUR.",
    "Her balance first fell below 50.00 EUR with MoneyWithdrawn at revision 3.",
  ]);
});
