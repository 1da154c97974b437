import { projection } from "hitherto/core";
import { given } from "hitherto/testing";
import { expect, test } from "vitest";
import { errorOf } from "../../support/stored-event.ts";

interface Item {
  readonly quantity: number;
  readonly note?: string | undefined;
}

const stock = projection("stock", {
  initial: (): Item => ({ quantity: 0 }),
  evolve: {
    Received: (item, data: { quantity: number }) => ({ ...item, quantity: item.quantity + data.quantity }),
    Noted: (item) => ({ ...item, note: undefined }),
    Moved: (item) => item,
    Dropped: () => null,
    Changed: (item) => Object.assign(item, { quantity: 9 }),
    Failed: () => {
      throw new RangeError("no");
    },
  },
  key: (event) => (event.type === "Moved" ? ["a", "b"] : event.stream),
});

const received = (stream: string, quantity: number) => ({ type: "Received", stream, data: { quantity } });

test("holds when exactly these documents are there", () => {
  given(stock, [received("a", 1), received("b", 2), received("a", 3)]).thenDocuments({
    a: { quantity: 4 },
    b: { quantity: 2 },
  });
  given(stock, [received("a", 1), { type: "Dropped", stream: "a", data: null }]).thenDocuments({});
  given(stock, [{ type: "Moved", data: null }]).thenDocuments({ a: { quantity: 0 }, b: { quantity: 0 } });
});

test("fails for a document too many, one too few, another value, and an extra field", () => {
  const twice = given(stock, [received("a", 1), received("b", 2)]);
  for (const [documents, difference] of [
    [{ a: { quantity: 1 } }, /\/b: not expected/],
    [{ a: { quantity: 1 }, b: { quantity: 2 }, c: { quantity: 0 } }, /\/c: expected .* missing/],
    [{ a: { quantity: 1 }, b: { quantity: 3 } }, /\/b\/quantity: expected 3, found 2/],
    [{ a: { quantity: 1, note: "x" }, b: { quantity: 2 } }, /\/a\/note: expected "x", missing/],
  ] as const) {
    const error = errorOf(() => twice.thenDocuments(documents));
    expect(error).toMatchObject({
      name: "AssertionError",
      message: expect.stringMatching(/^stock made other documents/),
    });
    expect((error as Error).message).toMatch(difference);
  }
});

test("looks at one document alone", () => {
  const twice = given(stock, [received("a", 1), received("b", 2)]);
  twice.thenDocument("b", { quantity: 2 });
  twice.thenDocument("toString", undefined);
  expect(errorOf(() => twice.thenDocument("a", undefined))).toMatchObject({ name: "AssertionError" });
  expect(errorOf(() => twice.thenDocument("c", { quantity: 0 }))).toMatchObject({ name: "AssertionError" });
});

test("passes documents through JSON, as a store does", () => {
  given(stock, [{ type: "Noted", stream: "a", data: null }]).thenDocuments({ a: { quantity: 0 } });
});

test("freezes documents, so that changing one in place fails", () => {
  given(stock, [received("a", 1), { type: "Changed", stream: "a", data: null }]).thenThrows(
    "PROJECTION_FAILED",
  );
});

test("expects errors, and names those that were not expected", () => {
  given(stock, [{ type: "Failed", data: null }]).thenThrows("PROJECTION_FAILED");
  const failing = given(stock, [{ type: "Failed", data: null }]);
  expect(errorOf(() => failing.thenDocuments({}))).toMatchObject({
    message: expect.stringContaining("threw RangeError: no"),
  });
  const fine = given(stock, [received("a", 1)]);
  expect(errorOf(() => fine.thenThrows("PROJECTION_FAILED"))).toMatchObject({ name: "AssertionError" });
});

test("shows only events of the projection's categories, and refuses their unknown types", () => {
  const items = projection("items", {
    categories: ["item"],
    ignore: ["Printed"],
    initial: () => 0,
    evolve: { Added: (count) => count + 1 },
  });
  const past = [
    { type: "Added", data: null },
    { type: "Added", stream: "other-1", data: null },
    { type: "Printed", data: null },
  ];
  given(items, past).thenDocuments({ 1: 1 });
  given(items, [{ type: "Burnt", data: null }]).thenThrows("EVENT_TYPE_UNKNOWN");
});

test("waits for a past that is a promise", async () => {
  await given(stock, Promise.resolve([received("a", 1)])).thenDocument("a", { quantity: 1 });
  await expect(given(stock, Promise.resolve([])).thenDocument("a", { quantity: 1 })).rejects.toMatchObject({
    name: "AssertionError",
  });
});
