/**
 * The stores that the runtime is tested on, and the small domain that it is tested with.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decider, reject } from "../../../src/core/index.ts";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { open } from "../../../src/runtime/open.ts";
import type { RuntimeOptions } from "../../../src/runtime/runtime-options.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";

/** One log, and as many handles on it as a test wants. */
export interface Log extends AsyncDisposable {
  open(options?: RuntimeOptions): Promise<Hitherto>;
}

export interface Engine {
  readonly name: string;
  createLog(): Promise<Log>;
}

export const engines: readonly Engine[] = [
  { name: "memory", createLog: async () => createMemoryLog() },
  { name: "sqlite", createLog: createSqliteLog },
];

function createMemoryLog(): Log {
  const store = openMemoryStore();
  return {
    open: async (options) => createHitherto(store, options),
    [Symbol.asyncDispose]: () => store.close(),
  };
}

async function createSqliteLog(): Promise<Log> {
  const folder = await mkdtemp(join(tmpdir(), "hitherto-runtime-"));
  const handles: Hitherto[] = [];
  return {
    open: async (options) => {
      const handle = await open(join(folder, "test.db"), options);
      handles.push(handle);
      return handle;
    },
    [Symbol.asyncDispose]: async () => {
      for (const handle of handles) await handle.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** The same store with some methods of its own. */
export function overriding(store: EventStore, methods: Partial<EventStore>): EventStore {
  return new Proxy(store, {
    get: (target, key) => {
      if (Object.hasOwn(methods, key)) return Reflect.get(methods, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The same store, but `interfere` happens before each append, and has ended when the append begins. */
export function interferedWith(store: EventStore, interfere: () => Promise<unknown>): EventStore {
  return overriding(store, {
    append: async (...given) => {
      await interfere();
      return store.append(...given);
    },
  });
}

export interface AccountState {
  readonly balance: number;
  readonly transactions: number;
}

/** An account that counts how many events it has folded, which tells where a state came from. */
export function anAccount(options: { readonly stateVersion?: number } = {}) {
  const folded = { events: 0 };
  const changed = (state: AccountState, amount: number): AccountState => {
    folded.events += 1;
    return { balance: state.balance + amount, transactions: state.transactions + 1 };
  };
  const account = decider("account", {
    ...options,
    initial: (): AccountState => ({ balance: 0, transactions: 0 }),
    evolve: {
      Deposited: (state, data: { amount: number }) => changed(state, data.amount),
      Withdrawn: (state, data: { amount: number }) => changed(state, -data.amount),
      Closed: (state) => changed(state, 0),
    },
    decide: {
      deposit: (_state, payload: { amount: number }) => ({ type: "Deposited", data: payload }),
      depositOften: (_state, payload: { times: number }) =>
        Array.from({ length: payload.times }, () => ({ type: "Deposited" as const, data: { amount: 1 } })),
      withdraw: (state, payload: { amount: number }) =>
        state.balance < payload.amount
          ? reject("balance-too-low", "The balance does not cover the amount.", { balance: state.balance })
          : { type: "Withdrawn", data: payload },
      payOut: (state) =>
        state.balance === 0
          ? { type: "Closed", data: {} }
          : [
              { type: "Withdrawn", data: { amount: state.balance } },
              { type: "Closed", data: {} },
            ],
      audit: () => [],
    },
  });
  return { account, folded };
}
