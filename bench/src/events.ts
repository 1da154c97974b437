/**
 * The events that every contender stores: those of a bank's accounts, about 165 bytes of JSON each (type and data), no
 * two alike. They are made before the clock starts.
 */
import { pick, seededRandom } from "./random.ts";
import type { Random } from "./random.ts";

/** An event as every contender takes it. */
export interface BenchEvent {
  readonly type: "MoneyDeposited" | "MoneyWithdrawn" | "TransferReceived" | "CardUsed";
  readonly data: {
    readonly transaction: string;
    readonly cents: number;
    readonly currency: string;
    readonly reference: string;
    readonly channel: string;
    readonly at: string;
  };
}

const types = ["MoneyDeposited", "MoneyWithdrawn", "TransferReceived", "CardUsed"] as const;
const currencies = ["EUR", "USD", "GBP", "SEK"] as const;
const channels = ["branch", "mobile", "web", "card", "transfer"] as const;
const references = [
  "rent",
  "groceries",
  "salary",
  "train ticket",
  "Bücher",
  "électricité",
  "invoice",
] as const;

/** Makes `count` events from a seed. */
export function makeEvents(count: number, seed: number = 1): BenchEvent[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, index) => makeEvent(random, index));
}

/** Makes `count` arrays of `size` events each from a seed. */
export function makeBatches(count: number, size: number, seed: number = 1): BenchEvent[][] {
  const events = makeEvents(count * size, seed);
  return Array.from({ length: count }, (_, index) => events.slice(index * size, (index + 1) * size));
}

const beginningMs = Date.UTC(2026, 0, 1);

function makeEvent(random: Random, index: number): BenchEvent {
  const digits = (): string =>
    Math.floor(random() * 2 ** 32)
      .toString(36)
      .padStart(7, "0");
  return {
    type: pick(random, types),
    data: {
      transaction: digits(),
      cents: Math.floor(random() * 500_000),
      currency: pick(random, currencies),
      reference: `${pick(random, references)} ${Math.floor(random() * 10_000)}`,
      channel: pick(random, channels),
      at: new Date(beginningMs + index * 1_000).toISOString(),
    },
  };
}

/** The state that rebuilding folds the events into. */
export interface Balance {
  readonly cents: number;
  readonly transactions: number;
}

/** The state before the first event. */
export const noBalance: Balance = { cents: 0, transactions: 0 };

/** What each type of event does to the balance; the same functions for every contender. */
export const evolveBalance: Record<
  BenchEvent["type"],
  (state: Balance, data: BenchEvent["data"]) => Balance
> = {
  MoneyDeposited: (state, { cents }) => moved(state, cents),
  MoneyWithdrawn: (state, { cents }) => moved(state, -cents),
  TransferReceived: (state, { cents }) => moved(state, cents),
  CardUsed: (state, { cents }) => moved(state, -cents),
};

function moved(state: Balance, cents: number): Balance {
  return { cents: state.cents + cents, transactions: state.transactions + 1 };
}
