import { composeModels, decider, decisionModel, eventType, open, projection, reject } from "hitherto";
import type { Accepted, ExecuteResult, Hitherto, JoinedHitherto, Loaded, Rejected } from "hitherto";
import type { EventStore, JoinedStore } from "hitherto/store";
import type pg from "pg";
import { expectTypeOf, test } from "vitest";

declare const store: Hitherto;

interface Account {
  readonly balance: number;
}

const account = decider("account", {
  initial: (): Account => ({ balance: 0 }),
  evolve: {
    Deposited: (state, data: { amount: number }) => ({ balance: state.balance + data.amount }),
    Withdrawn: (state, data: { amount: number }) => ({ balance: state.balance - data.amount }),
  },
  decide: {
    deposit: (_state, payload: { amount: number }) => ({ type: "Deposited", data: payload }),
    withdraw: (state, payload: { amount: number }) =>
      state.balance < payload.amount ? reject("balance-too-low", "…") : { type: "Withdrawn", data: payload },
    audit: () => [],
  },
});

test("opens by URL or path", () => {
  expectTypeOf(open).parameter(0).toEqualTypeOf<string | URL>();
  expectTypeOf(open("memory:")).resolves.toEqualTypeOf<Hitherto>();
});

test("infers state and reasons of a command's result", () => {
  const result = store.execute(account, "42", "withdraw", { amount: 1 });
  expectTypeOf(result).resolves.toEqualTypeOf<ExecuteResult<Account, "balance-too-low">>();
});

test("tells the two outcomes apart", async () => {
  const result = await store.execute(account, "42", "withdraw", { amount: 1 });
  if (result.accepted) expectTypeOf(result).toEqualTypeOf<Accepted<Account>>();
  else expectTypeOf(result).toEqualTypeOf<Rejected<"balance-too-low">>();
});

test("refuses a command that there is not, and a payload of another shape", () => {
  // @ts-expect-error -- there is no such command
  void store.execute(account, "42", "steal", { amount: 1 });
  // @ts-expect-error -- the amount is a number
  void store.execute(account, "42", "deposit", { amount: "1" });
  // @ts-expect-error -- the payload is missing
  void store.execute(account, "42", "deposit");
  // @ts-expect-error -- a command that takes nothing is given nothing
  void store.execute(account, "42", "audit", { amount: 1 });
  void store.execute(account, "42", "audit", undefined);
  // @ts-expect-error -- a store is no decider
  void store.execute(store, "42", "deposit", { amount: 1 });
});

test("gives the state wherever it is loaded, and asks for a predicate on it", () => {
  expectTypeOf(store.load(account, "42")).resolves.toEqualTypeOf<Loaded<Account>>();
  void store.bisect(account, "42", (state) => state.balance >= 0);
  void store.bisect(account, "42", async (state, event) => state.balance >= event.revision);
  // @ts-expect-error -- there is no owner in the state
  void store.bisect(account, "42", (state) => state.owner === "Ada");
});

test("does not let a caller change a result", async () => {
  const loaded = await store.load(account, "42");
  // @ts-expect-error -- read-only
  loaded.state = { balance: 1 };
});

test("infers the composed state and the reasons of a decision on models", () => {
  const capacity = decisionModel({
    initial: () => 0,
    events: { CourseDefined: eventType<{ capacity: number }>() },
    evolve: { CourseDefined: (_capacity, data) => data.capacity },
  });
  const result = store.decide(composeModels({ capacity }), (state) =>
    state.capacity === 0 ? reject("course-full", "…") : { type: "SeatTaken", data: {} },
  );
  expectTypeOf(result).resolves.toEqualTypeOf<ExecuteResult<{ readonly capacity: number }, "course-full">>();
  // @ts-expect-error -- a decision is made at once
  void store.decide(capacity, async () => ({ type: "SeatTaken", data: {} }));
  // @ts-expect-error -- an event has data
  void store.decide(capacity, () => ({ type: "SeatTaken" }));
  expectTypeOf(store.loadModel(capacity)).resolves.toHaveProperty("state").toEqualTypeOf<number>();
});

test("lets a codec only say how the decider's own state is kept", () => {
  decider("visits", {
    initial: () => new Map<string, number>(),
    evolve: { Visited: (state, data: { name: string }) => new Map([...state, [data.name, 1]]) },
    decide: {},
    snapshot: { encode: (state) => [...state], decode: (json: Array<[string, number]>) => new Map(json) },
  });
  decider("visits", {
    initial: () => new Map<string, number>(),
    evolve: { Visited: (state: Map<string, number>) => state },
    decide: {},
    // @ts-expect-error -- a set is not the state
    snapshot: { encode: (state) => [...state], decode: () => new Set<string>() },
  });
});

test("joins clients of pg, and runs the same definitions there", async () => {
  void store.join({} as pg.Client);
  void store.join({} as pg.PoolClient);
  // @ts-expect-error -- a URL is no client
  void store.join("postgres://localhost");
  const joined = await store.join({} as pg.Client);
  expectTypeOf(joined).toEqualTypeOf<JoinedHitherto>();
  expectTypeOf(joined).toExtend<JoinedStore>();
  const result = joined.execute(account, "42", "withdraw", { amount: 1 }, { idempotencyKey: "k" });
  expectTypeOf(result).resolves.toEqualTypeOf<ExecuteResult<Account, "balance-too-low">>();
  // @ts-expect-error -- the payload is missing
  void joined.execute(account, "42", "deposit");
  // @ts-expect-error -- what may be undone is kept in no snapshot
  void joined.execute(account, "42", "audit", undefined, { snapshot: "now" });
  expectTypeOf(joined.load(account, "42")).resolves.toEqualTypeOf<Loaded<Account>>();
  const balances = projection("balances", {
    initial: () => ({ balance: 0 }),
    indexes: ["balance"],
    evolve: {
      Deposited: (document, { amount }: { amount: number }) => ({ balance: document.balance + amount }),
    },
  });
  const { document } = await joined.readModel(balances).get("42");
  expectTypeOf(document).toEqualTypeOf<{ balance: number } | undefined>();
  // What there is to wait for, nobody else can see before it is committed.
  expectTypeOf(joined.readModel(balances)).not.toHaveProperty("live");
  expectTypeOf(joined.readModel(balances)).not.toHaveProperty("waitFor");
});

test("takes a store that joins nothing for a store", () => {
  expectTypeOf<EventStore["join"]>().toEqualTypeOf<((client: unknown) => Promise<JoinedStore>) | undefined>();
  expectTypeOf<Hitherto>().toExtend<EventStore>();
});
