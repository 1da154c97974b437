import { eventType, projection, sqlProjection } from "hitherto/core";
import type { DocumentOf, FieldOf, FieldPath, Projection, SqlTransaction, StoredEvent } from "hitherto/core";
import { expectTypeOf, test } from "vitest";

interface Order {
  readonly id: string;
  readonly customer: { readonly name: string; readonly since?: number };
  readonly status: "placed" | "paid";
  readonly isUrgent: boolean;
  readonly note: string | null;
  readonly lines: ReadonlyArray<{ readonly sku: string }>;
  readonly totals: Readonly<Record<string, number>>;
}

const anOrder = (id: string): Order => ({
  id,
  customer: { name: "" },
  status: "placed",
  isUrgent: false,
  note: null,
  lines: [],
  totals: {},
});

test("infers document and fields from the functions alone", () => {
  const orders = projection("orders", {
    initial: (id) => ({ id, customer: "", status: "placed" as "placed" | "paid" }),
    evolve: {
      OrderPlaced: (order, data: { customer: string }) => ({ ...order, customer: data.customer }),
      OrderPaid: (order) => ({ ...order, status: "paid" }),
      OrderWithdrawn: () => null,
    },
    indexes: ["status", ["customer", "id"]],
  });
  expectTypeOf(orders).toEqualTypeOf<
    Projection<{ id: string; customer: string; status: "placed" | "paid" }, "status" | "customer" | "id">
  >();
  expectTypeOf<FieldOf<typeof orders>>().toEqualTypeOf<"status" | "customer" | "id">();
  expectTypeOf<DocumentOf<typeof orders>["status"]>().toEqualTypeOf<"placed" | "paid">();
});

test("has no fields without indexes", () => {
  const counts = projection("counts", { initial: () => 0, evolve: { Counted: (count) => count + 1 } });
  expectTypeOf(counts).toEqualTypeOf<Projection<number, never>>();
});

test("types the event that key is given, by the functions' annotations", () => {
  projection("byCustomer", {
    initial: () => 0,
    evolve: {
      OrderPlaced: (count, _data: { customer: string }) => count + 1,
      OrderMoved: (count, _data: { from: string; to: string }) => count,
    },
    key: (event) => {
      expectTypeOf(event).toEqualTypeOf<
        | StoredEvent<"OrderPlaced", { customer: string }>
        | StoredEvent<"OrderMoved", { from: string; to: string }>
      >();
      return event.type === "OrderPlaced" ? event.data.customer : [event.data.from, event.data.to];
    },
  });
});

const events = {
  OrderPlaced: eventType<{ customer: string }>(),
  OrderPaid: eventType<{ amount: number }>(),
  OrderShipped: eventType<{ parcel: string }>(),
};

test("needs no annotation where data are not looked at", () => {
  projection("byDay", {
    initial: () => 0,
    evolve: {
      OrderCancelled: (count, _data, event) => {
        expectTypeOf(event.recordedAt).toEqualTypeOf<string>();
        expectTypeOf(count).toEqualTypeOf<number>();
        return count - 1;
      },
      OrderPlaced: (count, data: { lines: number }, event) => count + data.lines + event.position,
    },
    key: (event) => (event.type === "OrderPlaced" ? String(event.data.lines) : event.recordedAt),
  });
});

test("types data from event definitions, and shows key only the types that evolve handles", () => {
  projection("byCustomer", {
    initial: () => ({ paid: 0 }),
    events,
    evolve: {
      OrderPlaced: (document, data, event) => {
        expectTypeOf(data).toEqualTypeOf<{ customer: string }>();
        expectTypeOf(event.type).toEqualTypeOf<"OrderPlaced">();
        return document;
      },
      OrderPaid: (document, data) => ({ paid: document.paid + data.amount }),
    },
    key: (event) => {
      expectTypeOf(event.type).toEqualTypeOf<"OrderPlaced" | "OrderPaid">();
      return event.stream;
    },
  });
});

test("offers every path to a value as a field, and no other", () => {
  expectTypeOf<FieldPath<Order>>().toEqualTypeOf<
    "id" | "customer.name" | "customer.since" | "status" | "isUrgent" | "note" | `totals.${string}`
  >();
  expectTypeOf<FieldPath<number>>().toEqualTypeOf<never>();
  projection("orders", {
    initial: anOrder,
    evolve: { OrderPaid: (order) => ({ ...order, status: "paid" }) },
    indexes: ["customer.name", ["status", "customer.since"], "totals.EUR"],
  });
  projection("orders", {
    initial: anOrder,
    evolve: { OrderWithdrawn: () => null },
    // @ts-expect-error "customer" is an object
    indexes: ["customer"],
  });
  projection("orders", {
    initial: anOrder,
    evolve: { OrderWithdrawn: () => null },
    // @ts-expect-error there is no field "state"
    indexes: [["status", "state"]],
  });
});

test("keeps the literal types of documents, with and without parameters", () => {
  projection("lights", {
    initial: (): { is: "on" | "off" } => ({ is: "off" }),
    evolve: { SwitchedOn: () => ({ is: "on" }), SwitchedOff: (_light) => ({ is: "off" }) },
  });
});

test("refuses functions that make no document", () => {
  projection("lights", {
    initial: (): { is: "on" | "off" } => ({ is: "off" }),
    evolve: {
      // @ts-expect-error "broken" is neither "on" nor "off"
      Broken: (_light) => ({ is: "broken" }),
      // @ts-expect-error a document is made at once
      Slow: async (light) => light,
      // @ts-expect-error undefined is no document
      Nothing: (_light) => undefined,
    },
  });
});

test("refuses types that events does not list, wrong annotations, and keys that are none", () => {
  projection("orders", {
    initial: () => 0,
    events,
    evolve: {
      OrderPlaced: (count) => count,
      // @ts-expect-error events does not list the type OrderLost
      OrderLost: (count) => count,
    },
  });
  projection("orders", {
    initial: () => 0,
    events,
    evolve: {
      // @ts-expect-error amount is a number
      OrderPaid: (count, _data: { amount: string }) => count,
    },
  });
  projection("orders", {
    initial: () => 0,
    evolve: { OrderPaid: (count, _data: { amount: number }) => count },
    // @ts-expect-error a key is a string
    key: (event) => event.data.amount,
  });
});

test("types the functions of an SQL projection", () => {
  sqlProjection("daily", {
    tables: { days: "day TEXT" },
    events,
    on: {
      OrderPaid: async (transaction, data, event) => {
        expectTypeOf(transaction).toEqualTypeOf<SqlTransaction>();
        expectTypeOf(data).toEqualTypeOf<{ amount: number }>();
        expectTypeOf(event).toEqualTypeOf<StoredEvent<"OrderPaid", { amount: number }>>();
      },
    },
  });
  sqlProjection("daily", {
    tables: { days: "day TEXT" },
    on: {
      OrderPaid: async (transaction, data: { amount: number }, event) => {
        expectTypeOf(event.type).toEqualTypeOf<"OrderPaid">();
        expectTypeOf(transaction).toEqualTypeOf<SqlTransaction>();
        await transaction.run("…", [data.amount]);
      },
    },
  });
  sqlProjection("daily", {
    tables: { days: "day TEXT" },
    events,
    on: {
      // @ts-expect-error events lists no such type
      OrderLost: () => undefined,
    },
  });
});
