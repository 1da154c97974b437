/**
 * Programs for the tests of the command: what a user's processes would run.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { installHitherto } from "./examples.ts";
import { scratchFolder } from "./hitherto-process.ts";

/** A folder with `hitherto` installed and these programs in it; gives paths within it. */
export function workshop(): (name: string) => string {
  const at = scratchFolder();
  mkdirSync(at("."), { recursive: true });
  installHitherto(at("."));
  writeFileSync(at("orders.ts"), orders(1, "total + amount"));
  writeFileSync(at("mended.ts"), orders(2, "total + amount * 2"));
  writeFileSync(at("emails.ts"), emails);
  return at;
}

/** A projection that adds up amounts by stream. It fails on amounts below zero. */
function orders(version: number, sum: string): string {
  return `
import { projection } from "hitherto";
export const orders = projection("orders", {
  version: ${version},
  initial: () => ({ total: 0 }),
  evolve: {
    Ordered: ({ total }, { amount }: { amount: number }) => {
      if (amount < 0) throw new Error("negative amount");
      return { total: ${sum} };
    },
  },
});
`;
}

/** A consumer that writes down what it is given. Poison is refused until there is a file "antidote". */
const emails = `
import { appendFileSync, existsSync } from "node:fs";
import { consumer, open } from "hitherto";
const emails = consumer("emails", {
  on: {
    Ordered: ({ amount }: { amount: number }, event) => {
      if (amount < 0 && !existsSync("antidote")) throw new Error("no such mailbox");
      appendFileSync("sent.txt", event.stream + "@" + event.revision + "\\n");
    },
  },
  retry: { max: 1, delayMs: 5 },
});
const store = await open("shop.db");
await store.consume(emails);
console.log("consuming");
process.once("SIGTERM", () => void store.close().then(() => process.exit()));
setInterval(() => {}, 60_000);
`;
