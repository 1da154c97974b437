import fc from "fast-check";
import type { StoredEvent } from "hitherto/core";
import { composeModels, decisionModel, eventType, isHithertoError, matchesQuery } from "hitherto/core";
import { describe, expect, test } from "vitest";
import { capacityOf, subscriptionsOf } from "../../support/course.ts";
import { aStoredEvent, errorOf } from "../../support/stored-event.ts";

const defined = (capacity: number, course = "c1"): StoredEvent =>
  aStoredEvent("CourseDefined", { capacity }, { tags: [`course:${course}`] });
const subscribed = (student: string, course = "c1"): StoredEvent =>
  aStoredEvent("StudentSubscribed", { student }, { tags: [`course:${course}`, `student:${student}`] });

test("looks at the events that have one of its types and all of its tags", () => {
  const model = capacityOf("c1");
  expect(model.query).toEqual([{ types: ["CourseDefined", "CapacityChanged"], tags: ["course:c1"] }]);
  expect(model.fold([defined(3), defined(9, "c2"), subscribed("s1")])).toBe(3);
});

test("without tags looks at every event of its types", () => {
  const courses = decisionModel({ initial: () => 0, evolve: { CourseDefined: (count) => count + 1 } });
  expect(courses.query).toEqual([{ types: ["CourseDefined"] }]);
  expect(courses.fold([defined(3), defined(9, "c2")])).toBe(2);
});

test("the append condition is the query, after the position that was read", () => {
  const model = capacityOf("c1");
  expect(model.condition(17)).toEqual({ failIfMatch: model.query, after: 17 });
  expect(model.condition(0)).toEqual({ failIfMatch: model.query, after: 0 });
  expect(model.condition()).toEqual({ failIfMatch: model.query });
});

test("goes on from a state", () => {
  expect(subscriptionsOf("c1").fold([subscribed("s3")], { from: ["s1"] })).toEqual(["s1", "s3"]);
});

describe("composed models", () => {
  const model = composeModels({ capacity: capacityOf("c1"), subscriptions: subscriptionsOf("c1") });

  test("fold each into its own name, from its own events only", () => {
    const events = [defined(2), subscribed("s1"), subscribed("s2", "c2"), defined(7, "c2")];
    expect(model.fold(events)).toEqual({ capacity: 2, subscriptions: ["s1"] });
    expect(model.fold(new Set(events).values())).toEqual({ capacity: 2, subscriptions: ["s1"] });
    expect(model.fold([])).toEqual(model.initial());
  });

  test("go on from a state", () => {
    expect(model.fold([subscribed("s2")], { from: { capacity: 2, subscriptions: ["s1"] } })).toEqual({
      capacity: 2,
      subscriptions: ["s1", "s2"],
    });
  });

  test("put all their queries into one condition, equal items once", () => {
    const twice = composeModels({ a: capacityOf("c1"), b: capacityOf("c1"), c: subscriptionsOf("c1") });
    expect(twice.condition(5)).toEqual({
      failIfMatch: [
        { types: ["CourseDefined", "CapacityChanged"], tags: ["course:c1"] },
        { types: ["StudentSubscribed"], tags: ["course:c1"] },
      ],
      after: 5,
    });
  });

  test("compose again", () => {
    const both = composeModels({ first: model, second: composeModels({ capacity: capacityOf("c2") }) });
    expect(both.fold([defined(2), defined(7, "c2")])).toEqual({
      first: { capacity: 2, subscriptions: [] },
      second: { capacity: 7 },
    });
    expect(both.query).toHaveLength(3);
  });

  test("see no other events than those of their query", () => {
    const event = fc.oneof(
      fc.tuple(fc.nat(), fc.constantFrom("c1", "c2")).map(([capacity, course]) => defined(capacity, course)),
      fc.tuple(fc.constantFrom("s1", "s2"), fc.constantFrom("c1", "c2")).map(([s, c]) => subscribed(s, c)),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const matching = events.filter((one) => matchesQuery(model.query, one));
        expect(model.fold(events)).toEqual(model.fold(matching));
      }),
    );
  });
});

test("lifts old events by their definitions, and passes the definitions on when composed", () => {
  const events = {
    CourseDefined: eventType<{ seats: number }>({
      version: 2,
      upcast: { 1: (data: { capacity: number }) => ({ seats: data.capacity }) },
    }),
    Other: eventType(),
  };
  const seats = decisionModel({
    initial: () => 0,
    events,
    evolve: { CourseDefined: (_seats, data) => data.seats },
  });
  expect(seats.fold([defined(3)])).toBe(3);
  expect(composeModels({ seats }).events).toEqual(events);
});

test.each<[string, () => unknown]>([
  ["no options", () => decisionModel(undefined as never)],
  [
    "an initial state that is no function",
    () => decisionModel({ initial: 0 as never, evolve: { A: () => 0 } }),
  ],
  ["an empty evolve", () => decisionModel({ initial: () => 0, evolve: {} })],
  [
    "an evolve member that is no function",
    () => decisionModel({ initial: () => 0, evolve: { A: 1 as never } }),
  ],
  [
    "tags that are no array",
    () => decisionModel({ initial: () => 0, evolve: { A: () => 0 }, tags: "a" as never }),
  ],
  ["an empty tag", () => decisionModel({ initial: () => 0, evolve: { A: () => 0 }, tags: [""] })],
  [
    "a definition made by hand",
    () => decisionModel({ initial: () => 0, evolve: { A: () => 0 }, events: { A: {} as never } }),
  ],
  ["no models", () => composeModels({})],
  ["a model that is none", () => composeModels({ a: { fold: () => 0 } as never })],
  ["models that are a list of none", () => composeModels([] as never)],
])("refuses %s with DEFINITION_INVALID", (_what, define) => {
  expect(isHithertoError(errorOf(define), "DEFINITION_INVALID")).toBe(true);
});

test("refuses models that define one event type differently with DEFINITION_INVALID", () => {
  const counting = (): ReturnType<typeof decisionModel<number, { A: unknown }>> =>
    decisionModel({
      initial: () => 0,
      events: { A: eventType() },
      evolve: { A: (count: number) => count + 1 },
    });
  const error = errorOf(() => composeModels({ one: counting(), two: counting() }));
  expect(isHithertoError(error, "DEFINITION_INVALID") && error.details.problem).toContain("A");
});
