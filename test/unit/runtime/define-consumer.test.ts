import { consumer, eventType } from "hitherto";
import type { Consumer, DeliveryContext, PublicEvent } from "hitherto";
import { describe, expect, test } from "vitest";
import { aStoredEvent, errorOf } from "../../support/stored-event.ts";

const minimal = { on: { OrderPaid: () => undefined } };

const context = { idempotencyKey: "00000000-0000-8000-8000-000000000001", key: "order-7" } as DeliveryContext;

function deliver({ handlerOf }: Consumer, event = aStoredEvent("OrderPaid", { amount: "1.00" })): unknown {
  return handlerOf(event.type)?.(event.data, event, context);
}

describe("consumer()", () => {
  test("is a frozen value with defaults", () => {
    const receipts = consumer("receipts.v2", minimal);
    expect(Object.isFrozen(receipts) && Object.isFrozen(receipts.filter)).toBe(true);
    expect(receipts).toMatchObject({
      kind: "consumer",
      name: "receipts.v2",
      filter: { types: ["OrderPaid"] },
      from: "start",
      partitions: 8,
      policy: { onError: "park", retry: { max: 5, delayMs: 100, factor: 2, delayMsMax: 10_000 } },
    });
    expect(receipts.policy.classify(new Error("no"), aStoredEvent("OrderPaid"))).toBe("transient");
    expect(receipts.partitionBy(aStoredEvent("OrderPaid"))).toBe("account-42");
  });

  test("keeps a moment apart from the caller's", () => {
    const from = new Date(5);
    const receipts = consumer("receipts", { ...minimal, from });
    from.setTime(9);
    expect(receipts.from).toEqual(new Date(5));
  });

  test("filters by the types that have functions, else by those that events lists, else by none", () => {
    const events = { OrderPaid: eventType(), OrderPlaced: eventType() };
    const handle = () => undefined;
    expect(consumer("a", { events, ...minimal }).filter.types).toEqual(["OrderPaid"]);
    expect(consumer("a", { events, handle }).filter.types).toEqual(["OrderPaid", "OrderPlaced"]);
    expect(consumer("a", { events, types: ["OrderPaid"], handle }).filter.types).toEqual(["OrderPaid"]);
    expect(consumer("a", { tags: ["vip"], categories: ["order"], handle }).filter).toMatchObject({
      tags: ["vip"],
      categories: ["order"],
    });
    expect(consumer("a", { handle }).filter.types).toBeUndefined();
  });

  test("hands events to the function of their type; others pass by", () => {
    const seen: unknown[] = [];
    const receipts = consumer("receipts", {
      on: { OrderPaid: (data: { amount: string }, event, { key }) => void seen.push(data, event.type, key) },
    });
    deliver(receipts);
    expect(seen).toEqual([{ amount: "1.00" }, "OrderPaid", "order-7"]);
    expect(receipts.handlerOf("OrderPlaced")).toBeUndefined();
    expect(receipts.handlerOf("toString")).toBeUndefined();
  });

  test.each([
    ["a bad name", ["-a", minimal], /its name "-a"/],
    ["a long name", [`a${"b".repeat(64)}`, minimal], /1 to 64/],
    ["no options", ["a"], /the second argument is not an object/],
    ["no one who takes the events", ["a", {}], /neither on nor handle/],
    ["two who take the events", ["a", { ...minimal, handle: () => undefined }], /both on and handle/],
    ["a map for on", ["a", { ...minimal, map: { A: () => undefined } }], /map makes events for handle/],
    ["an empty on", ["a", { on: {} }], /on is empty/],
    ["an empty map", ["a", { map: {}, handle: () => undefined }], /map is empty/],
    ["what is no function", ["a", { on: { A: 1 } }], /on\.A is not a function/],
    ["types beside on", ["a", { ...minimal, types: ["A"] }], /but on already names them/],
    [
      "types that events does not list",
      ["a", { types: ["A"], events: { B: eventType() }, handle: () => undefined }],
      /types names A/,
    ],
    ["0 partitions", ["a", { ...minimal, partitions: 0 }], /partitions is not an integer from 1 to 1024/],
    ["an unknown policy", ["a", { ...minimal, onError: "ignore" }], /onError is not/],
    ["a bad place", ["a", { ...minimal, from: -1 }], /from is not/],
    ["a bad moment", ["a", { ...minimal, from: new Date(Number.NaN) }], /from is not/],
    ["bad retries", ["a", { ...minimal, retry: { max: -1 } }], /its retry\.max is not valid/],
    ["a bad filter", ["a", { ...minimal, tags: "vip" }], /its tags is not valid/],
    ["a bad query", ["a", { ...minimal, query: [{ types: 7 }] }], /its query/],
    ["a partitionBy that is none", ["a", { ...minimal, partitionBy: "id" }], /partitionBy is not a function/],
    ["a classify that is none", ["a", { ...minimal, classify: "x" }], /classify is not a function/],
  ])("refuses %s", (_what, given, problem) => {
    const error = errorOf(() => consumer(...(given as Parameters<typeof consumer>)));
    expect(error).toMatchObject({ code: "DEFINITION_INVALID", message: expect.stringMatching(problem) });
  });
});

describe("public events", () => {
  const seen: PublicEvent[] = [];
  const published = consumer("published", {
    map: {
      OrderPaid: (data: { amount: string }) =>
        data.amount === "0" ? undefined : { type: "shop.OrderPaid", data: { total: data.amount } },
    },
    handle: (event) => void seen.push(event),
  });

  test("carry type, data, key, place, time and correlation, and nothing else of the private event", () => {
    seen.length = 0;
    const metadata = { correlationId: "c", userId: "ada", traceparent: "00-1", secret: 1 };
    deliver(published, aStoredEvent("OrderPaid", { amount: "5" }, { id: "e", position: 9, metadata }));
    expect(seen).toEqual([
      {
        id: context.idempotencyKey,
        type: "shop.OrderPaid",
        data: { total: "5" },
        key: "order-7",
        position: 9,
        recordedAt: "2026-01-01T00:00:00.000Z",
        metadata: { correlationId: "c", causationId: "e", traceparent: "00-1" },
      },
    ]);
  });

  test("are not made where map returns undefined, nor of types without a function", () => {
    seen.length = 0;
    deliver(published, aStoredEvent("OrderPaid", { amount: "0" }));
    expect(seen).toEqual([]);
    expect(published.filter.types).toEqual(["OrderPaid"]);
  });

  test.each([null, {}, { type: "", data: 1 }, { type: "A" }, Promise.resolve({ type: "A", data: 1 })])(
    "are refused when map makes something else: %j",
    (made) => {
      const wrong = consumer("wrong", { map: { OrderPaid: () => made as never }, handle: () => undefined });
      expect(errorOf(() => deliver(wrong))).toMatchObject({ code: "DEFINITION_INVALID" });
    },
  );
});
