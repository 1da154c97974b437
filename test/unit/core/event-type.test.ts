import fc from "fast-check";
import type { StoredEvent, Upcaster } from "hitherto/core";
import { completeEvent, eventType, isHithertoError, upcast } from "hitherto/core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { aStoredEvent, errorOf } from "../../support/stored-event.ts";

const events = {
  Priced: eventType<{ amount: number; currency: string; net: boolean }>({
    version: 3,
    upcast: {
      1: (amount: number) => ({ amount, currency: "EUR" }),
      2: (data: { amount: number }) => ({ ...data, net: false }),
    },
  }),
};

describe("upcasting", () => {
  test("applies each step from the event's schema version to the current one", () => {
    const lifted = upcast(events, aStoredEvent("Priced", 5));
    expect(lifted).toEqual(
      aStoredEvent("Priced", { amount: 5, currency: "EUR", net: false }, { schemaVersion: 3 }),
    );
  });

  test("begins in the middle of the chain", () => {
    const stored = aStoredEvent("Priced", { amount: 5, currency: "USD" }, { schemaVersion: 2 });
    expect(upcast(events, stored).data).toEqual({ amount: 5, currency: "USD", net: false });
  });

  test("returns an event of the current schema version as the same object", () => {
    const current = aStoredEvent("Priced", {}, { schemaVersion: 3 });
    const unlisted = aStoredEvent("SomethingElse");
    expect(upcast(events, current)).toBe(current);
    expect(upcast(events, unlisted)).toBe(unlisted);
  });

  test("leaves the stored event as it was", () => {
    const stored = Object.freeze(aStoredEvent("Priced", 5));
    upcast(events, stored);
    expect(stored).toEqual(aStoredEvent("Priced", 5));
  });

  test("gives an upcaster the stored event, for what its data lack", () => {
    const types = {
      Named: eventType({ version: 2, upcast: { 1: (_data, event) => event.metadata.userId } }),
    };
    expect(upcast(types, aStoredEvent("Named", {}, { metadata: { userId: "ada" } })).data).toBe("ada");
  });

  test("refuses an event newer than the code with EVENT_NEWER_THAN_CODE", () => {
    const error = errorOf(() =>
      upcast(events, aStoredEvent("Priced", {}, { schemaVersion: 4, revision: 7 })),
    );
    expect(isHithertoError(error, "EVENT_NEWER_THAN_CODE") && error.details).toEqual({
      type: "Priced",
      schemaVersion: 4,
      knownVersion: 3,
      stream: "account-42",
      revision: 7,
    });
    const unlisted = errorOf(() => upcast({}, aStoredEvent("Plain", {}, { schemaVersion: 2 })));
    expect(isHithertoError(unlisted, "EVENT_NEWER_THAN_CODE")).toBe(true);
  });

  test("refuses an event older than the chain with UPCASTER_MISSING", () => {
    const types = {
      Priced: eventType({ version: 3, oldestVersion: 2, upcast: { 2: (data) => data as unknown } }),
    };
    const error = errorOf(() => upcast(types, aStoredEvent("Priced")));
    expect(isHithertoError(error, "UPCASTER_MISSING") && error.details).toEqual({
      type: "Priced",
      fromVersion: 1,
      knownVersion: 3,
    });
  });

  test("reports a throwing upcaster as UPCASTER_FAILED with its cause and the event's place", () => {
    const cause = new TypeError("no amount");
    const types = {
      Priced: eventType({
        version: 2,
        upcast: {
          1: () => {
            throw cause;
          },
        },
      }),
    };
    const error = errorOf(() => upcast(types, aStoredEvent("Priced", {}, { revision: 3 })));
    expect(isHithertoError(error, "UPCASTER_FAILED")).toBe(true);
    const problem = "threw TypeError: no amount";
    expect(error).toMatchObject({
      cause,
      details: { fromVersion: 1, stream: "account-42", revision: 3, problem },
    });
  });

  test.each<[string, Upcaster, string]>([
    ["nothing", () => undefined, "returned nothing"],
    ["a promise", () => Promise.resolve(1), "returned a promise"],
  ])("reports an upcaster that returns %s as UPCASTER_FAILED", (_what, step, problem) => {
    const types = { Priced: eventType({ version: 2, upcast: { 1: step } }) };
    const error = errorOf(() => upcast(types, aStoredEvent("Priced")));
    expect(isHithertoError(error, "UPCASTER_FAILED") && error.details.problem).toBe(problem);
  });

  test("a chain from any version equals its steps one after the other", () => {
    const steps = fc.array(fc.func(fc.jsonValue()), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(steps, fc.nat(), fc.jsonValue(), (functions, start, data) => {
        const chain = Object.fromEntries(
          functions.map((step, index) => [index + 1, (d: unknown) => step(d)]),
        );
        const from = (start % functions.length) + 1;
        const types = { T: eventType({ version: functions.length + 1, upcast: chain }) };
        const stored: StoredEvent = aStoredEvent("T", data, { schemaVersion: from });
        const oneByOne = functions.slice(from - 1).reduce<unknown>((lifted, step) => step(lifted), data);
        expect(upcast(types, stored).data).toEqual(oneByOne);
      }),
    );
  });
});

describe("defining an event type", () => {
  const identity: Upcaster = (data) => data as unknown;

  test.each<[string, () => unknown, string]>([
    [
      "a gap in the middle",
      () => eventType({ version: 4, upcast: { 1: identity, 3: identity } }),
      "version 2 to 3",
    ],
    ["options that are none", () => eventType(null as never), "argument"],
    ["upcasters that are none", () => eventType({ upcast: null as never }), "upcast"],
    ["a schema that is null", () => eventType({ schema: null as never }), "schema"],
    ["no upcasters at all", () => eventType({ version: 2 }), "version 1 to 2"],
    ["a missing last step", () => eventType({ version: 3, upcast: { 1: identity } }), "version 2 to 3"],
    [
      "a step beyond the version",
      () => eventType({ version: 2, upcast: { 1: identity, 2: identity } }),
      "upcast.2",
    ],
    [
      "a step before the oldest",
      () => eventType({ version: 2, oldestVersion: 2, upcast: { 1: identity } }),
      "upcast.1",
    ],
    ["a version of 0", () => eventType({ version: 0 }), "version"],
    ["a version of 1.5", () => eventType({ version: 1.5 }), "version"],
    ["a version that is a string", () => eventType({ version: "2" as unknown as number }), "version"],
    ["a version beyond 65,535", () => eventType({ version: 65_536, oldestVersion: 65_536 }), "65535"],
    ["an oldest version beyond the version", () => eventType({ oldestVersion: 2 }), "oldestVersion"],
    ["a schema that is none", () => eventType({ schema: {} as never }), "schema"],
    ["tags that are no function", () => eventType({ tags: ["a"] as never }), "tags"],
  ])("refuses %s with DEFINITION_INVALID", (_what, define, part) => {
    const error = errorOf(define);
    expect(isHithertoError(error, "DEFINITION_INVALID") && error.details.problem).toContain(part);
  });

  test("does not notice what happens to its options afterwards", () => {
    const steps: Record<number, Upcaster> = { 1: identity };
    const type = eventType({ version: 2, upcast: steps });
    delete steps[1];
    expect(upcast({ T: type }, aStoredEvent("T")).schemaVersion).toBe(2);
    expect(Object.isFrozen(type)).toBe(true);
  });
});

describe("completing an event", () => {
  const Joined = eventType({
    version: 2,
    oldestVersion: 2,
    schema: z.object({ student: z.string().min(1) }),
    tags: (data) => [`student:${data.student}`],
  });

  test("adds the schema version, derived tags first, each once", () => {
    const event = { type: "Joined", data: { student: "s1" }, tags: ["course:c1", "student:s1"] };
    expect(completeEvent({ Joined }, event)).toEqual({
      ...event,
      schemaVersion: 2,
      tags: ["student:s1", "course:c1"],
    });
  });

  test("stores what the schema returns", () => {
    const event = { type: "Joined", data: { student: "s1", password: "secret" } };
    expect(completeEvent({ Joined }, event).data).toEqual({ student: "s1" });
  });

  test("returns an event of an unlisted type as it is", () => {
    const event = { type: "Other", data: {} };
    expect(completeEvent({ Joined }, event)).toBe(event);
    expect(completeEvent({ Joined }, { type: "toString", data: 1 })).toEqual({ type: "toString", data: 1 });
  });

  test("refuses data that do not fit the schema with SCHEMA_VIOLATION, naming each path", () => {
    const error = errorOf(() => completeEvent({ Joined }, { type: "Joined", data: { student: 5 } }));
    expect(isHithertoError(error, "SCHEMA_VIOLATION") && error.details.issues).toEqual([
      expect.stringMatching(/^student: /),
    ]);
  });

  test("refuses an asynchronous schema with DEFINITION_INVALID", () => {
    const schema = z.string().refine(async () => true);
    const types = { Slow: eventType({ schema: { "~standard": schema["~standard"] } }) };
    const error = errorOf(() => completeEvent(types, { type: "Slow", data: "x" }));
    expect(isHithertoError(error, "DEFINITION_INVALID") && error.details.problem).toContain("asynchronously");
  });

  test("refuses another schema version than the code's with ARGUMENT_INVALID", () => {
    const error = errorOf(() =>
      completeEvent({ Joined }, { type: "Joined", data: { student: "s" }, schemaVersion: 1 }),
    );
    expect(isHithertoError(error, "ARGUMENT_INVALID")).toBe(true);
  });
});
