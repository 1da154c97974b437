import { composeModels, decisionModel, eventType } from "hitherto/core";
import type { AppendCondition, DecisionModel, ModelStateOf, Query } from "hitherto/core";
import { expectTypeOf, test } from "vitest";

const capacity = decisionModel({
  tags: ["course:c1"],
  initial: () => 0,
  evolve: { CourseDefined: (_capacity, data: { capacity: number }) => data.capacity },
});
const students = decisionModel({
  tags: ["course:c1"],
  initial: (): readonly string[] => [],
  evolve: { StudentSubscribed: (all, data: { student: string }) => [...all, data.student] },
});

test("infers the state, and composes by name", () => {
  expectTypeOf(capacity).toEqualTypeOf<DecisionModel<number>>();
  const model = composeModels({ capacity, students });
  expectTypeOf<ModelStateOf<typeof model>>().toEqualTypeOf<{
    readonly capacity: number;
    readonly students: readonly string[];
  }>();
  const nested = composeModels({ course: model, seats: capacity });
  expectTypeOf(nested.fold([]).course.students).toEqualTypeOf<readonly string[]>();
  expectTypeOf(nested.condition(1)).toEqualTypeOf<AppendCondition>();
  expectTypeOf(nested.query).toEqualTypeOf<Query>();
  // @ts-expect-error there is no such model
  expectTypeOf(nested.fold([]).other).toBeUndefined();
});

test("takes data types from definitions, of which it may use a part", () => {
  const events = { Defined: eventType<{ seats: number }>(), Renamed: eventType<{ name: string }>() };
  const seats = decisionModel({
    initial: () => 0,
    events,
    evolve: {
      Defined: (_seats, data) => {
        expectTypeOf(data).toEqualTypeOf<{ seats: number }>();
        return data.seats;
      },
    },
  });
  expectTypeOf(seats).toEqualTypeOf<DecisionModel<number>>();
  decisionModel({
    initial: () => 0,
    events,
    evolve: {
      // @ts-expect-error events does not list it
      Closed: () => 1,
    },
  });
});

test("refuses a function that returns another state", () => {
  decisionModel({
    initial: () => 0,
    evolve: {
      // @ts-expect-error the state is a number
      Defined: () => "many",
    },
  });
});

test("refuses to compose what is no model", () => {
  // @ts-expect-error a number is no model
  composeModels({ capacity: 5 });
});
