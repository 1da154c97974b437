import { decider, decisionModel, projection, reject } from "hitherto/core";
import { given } from "hitherto/testing";
import { expectTypeOf, test } from "vitest";

const account = decider("account", {
  initial: () => ({ open: false }),
  evolve: { Opened: (_state, _data: { owner: string }) => ({ open: true }) },
  decide: {
    open: (state, owner: string) =>
      state.open ? reject("open-already", "…") : { type: "Opened", data: { owner } },
    close: () => [],
  },
});
const count = decisionModel({ initial: () => 0, evolve: { Opened: (all) => all + 1 } });

test("knows the events, commands, states and reasons of a decider", () => {
  const command = given(account, [{ type: "Opened", data: { owner: "Ada" } }]).when("open", "Ada");
  expectTypeOf(command.thenRejected).parameter(0).toEqualTypeOf<"open-already">();
  expectTypeOf(command.thenState).parameter(0).toEqualTypeOf<{ open: boolean }>();
  expectTypeOf(command.thenNothing).returns.toEqualTypeOf<void>();
  given(account, []).when("close");
  // @ts-expect-error there is no such command
  given(account, []).when("fly");
  // @ts-expect-error the owner is a string
  given(account, []).when("open", 5);
  // @ts-expect-error the owner is missing
  given(account, []).when("open");
  // @ts-expect-error there is no such reason
  command.thenRejected("closed");
  // @ts-expect-error there is no such event
  command.then([{ type: "Closed", data: {} }]);
  // @ts-expect-error the owner is a string
  command.then([{ type: "Opened", data: { owner: 5 } }]);
  // @ts-expect-error open is a boolean
  given(account, []).thenState({ open: 1 });
});

test("takes events of older schema versions, in any shape", () => {
  given(account, [{ type: "Opened", data: "Ada", schemaVersion: 1 }]);
  // @ts-expect-error in today's shape the owner is a property
  given(account, [{ type: "Opened", data: "Ada" }]);
});

test("returns promises when the past is one", () => {
  const later = given(account, Promise.resolve([]));
  expectTypeOf(later.thenState).returns.toEqualTypeOf<Promise<void>>();
  expectTypeOf(later.when("close").thenNothing).returns.toEqualTypeOf<Promise<void>>();
});

test("knows the state of a decision model", () => {
  given(count, []).when((all) => {
    expectTypeOf(all).toEqualTypeOf<number>();
    return undefined;
  });
  // @ts-expect-error the state is a number
  given(count, []).thenState("many");
  // @ts-expect-error a decision that takes its time needs a past that does
  given(count, []).when(async () => undefined);
  given(count, Promise.resolve([])).when(async () => undefined);
});

test("types the documents that are expected of a projection", () => {
  const stock = projection("stock", {
    initial: () => ({ quantity: 0 }),
    evolve: { Received: (item, data: { quantity: number }) => ({ quantity: item.quantity + data.quantity }) },
  });
  const past = [{ type: "Received", stream: "item-1", data: { quantity: 1 } }];
  given(stock, past).thenDocuments({ 1: { quantity: 1 } });
  given(stock, past).thenDocument("2", undefined);
  expectTypeOf(given(stock, Promise.resolve(past)).thenThrows("PROJECTION_FAILED")).toEqualTypeOf<
    Promise<void>
  >();
  // @ts-expect-error quantity is a number
  given(stock, past).thenDocument("1", { quantity: "1" });
  // @ts-expect-error the document has no such field
  given(stock, past).thenDocuments({ 1: { quantity: 1, price: 2 } });
});
