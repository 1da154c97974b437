import { metadataCausedBy, metadataOf } from "hitherto/core";
import { expect, test } from "vitest";
import { aStoredEvent } from "../../support/stored-event.ts";

test("events carry all that their command carries, and the command's id as causation", () => {
  const metadata = { correlationId: "k", userId: "ada", traceparent: "00-a-b-01", tenant: "t1" };
  expect(metadataOf({ id: "c1", metadata })).toEqual({ ...metadata, causationId: "c1" });
});

test("a command without a correlation begins one with its own id", () => {
  expect(metadataOf({ id: "c1" })).toEqual({ correlationId: "c1", causationId: "c1" });
});

test("a command without an id hands on the causation that it was given", () => {
  expect(metadataOf({ metadata: { correlationId: "k", causationId: "e1" } })).toEqual({
    correlationId: "k",
    causationId: "e1",
  });
});

test("keys without a value are left out", () => {
  expect(Object.keys(metadataOf({ metadata: { userId: undefined } }))).toEqual([]);
});

test("what an event leads to carries its correlation and trace, and the event as causation", () => {
  const event = aStoredEvent(
    "Paid",
    {},
    {
      id: "e1",
      metadata: { correlationId: "k", causationId: "c1", userId: "ada", traceparent: "00-a-b-01" },
    },
  );
  expect(metadataCausedBy(event)).toEqual({
    correlationId: "k",
    causationId: "e1",
    traceparent: "00-a-b-01",
  });
});

test("an event without a correlation begins one with its own id", () => {
  expect(metadataCausedBy({ id: "e1", metadata: {} })).toEqual({ correlationId: "e1", causationId: "e1" });
});
