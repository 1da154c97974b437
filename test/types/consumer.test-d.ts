import { consumer, eventType } from "hitherto";
import type { Consumer, DeliveryContext, PublicEvent, StoredEvent } from "hitherto";
import { expectTypeOf, test } from "vitest";

const events = {
  OrderPlaced: eventType<{ customer: string }>(),
  OrderPaid: eventType<{ amount: number }>(),
};

test("types handlers by their annotations, or by event definitions", () => {
  const annotated = consumer("receipts", {
    on: {
      OrderPaid: async (data: { amount: number }, event, context) => {
        expectTypeOf(event.type).toEqualTypeOf<"OrderPaid">();
        expectTypeOf(context).toEqualTypeOf<DeliveryContext>();
        await context.once(async (transaction) => void (await transaction.run("…", [data.amount])));
      },
    },
  });
  expectTypeOf(annotated).toEqualTypeOf<Consumer>();
  consumer("receipts", {
    events,
    on: {
      OrderPlaced: () => undefined,
      OrderPaid: (data, event) => {
        expectTypeOf(data).toEqualTypeOf<{ amount: number }>();
        expectTypeOf(event).toEqualTypeOf<StoredEvent<"OrderPaid", { amount: number }>>();
      },
    },
    partitionBy: (event) => (event.type === "OrderPlaced" ? event.data.customer : event.stream),
  });
});

test("types what partitionBy is given by the functions", () => {
  consumer("receipts", {
    on: {
      OrderPaid: (_data: { amount: number }, _event, _context) => undefined,
      OrderMoved: async (_data: { to: string }) => undefined,
    },
    partitionBy: (event) => {
      expectTypeOf(event).toEqualTypeOf<
        StoredEvent<"OrderPaid", { amount: number }> | StoredEvent<"OrderMoved", { to: string }>
      >();
      return event.type === "OrderMoved" ? event.data.to : event.stream;
    },
  });
});

test("types what handle is given: any event, or those that events lists", () => {
  consumer("everything", { handle: (event) => void expectTypeOf(event).toEqualTypeOf<StoredEvent>() });
  consumer("orders", {
    events,
    handle: (event) =>
      void expectTypeOf(event).toEqualTypeOf<
        StoredEvent<"OrderPlaced", { customer: string }> | StoredEvent<"OrderPaid", { amount: number }>
      >(),
  });
});

test("types public events by what map makes", () => {
  consumer("published", {
    map: {
      OrderPlaced: (data: { customer: string }) => ({
        type: "shop.OrderPlaced",
        data: { by: data.customer },
      }),
      OrderPaid: (data: { amount: number }, event) =>
        data.amount > 0 ? { type: "shop.OrderPaid", data: { order: event.stream } } : undefined,
    },
    handle: (event) => {
      expectTypeOf(event).toEqualTypeOf<
        PublicEvent<"shop.OrderPlaced", { by: string }> | PublicEvent<"shop.OrderPaid", { order: string }>
      >();
    },
  });
});

test("refuses types that events does not list, and what is no public event", () => {
  consumer("receipts", {
    events,
    on: {
      // @ts-expect-error events does not list the type OrderLost
      OrderLost: () => undefined,
    },
  });
  consumer("published", {
    events,
    map: {
      // @ts-expect-error a public event has data
      OrderPaid: () => ({ type: "shop.OrderPaid" }),
      // @ts-expect-error a map is synchronous
      OrderPlaced: async (data) => ({ type: "shop.OrderPlaced", data }),
    },
    handle: () => undefined,
  });
  consumer("receipts", {
    handle: () => undefined,
    // @ts-expect-error there is no such policy
    onError: "ignore",
  });
});
