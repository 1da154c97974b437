import { expect, test } from "vitest";
import type { AppendCondition } from "../core/query.ts";
import type { StreamAppend } from "../store/event-store.ts";
import { groupValues, nameAppend, namesAnyOf, readOutcomes } from "./append-group.ts";
import type { NamedAppend } from "./append-group.ts";

const events = (count: number): StreamAppend["events"] =>
  Array.from({ length: count }, () => ({ type: "ThingDone", data: null }));
const named = (...batch: StreamAppend[]): NamedAppend => nameAppend(batch, undefined, 1_000);
const id = "01a1fed7-86ee-7ff7-8226-b9733bd8e380";

test("events without an id get one, over all streams of an append", () => {
  const given = [...events(1), { id, type: "ThingDone", data: 1 }];
  const { ids } = named({ stream: "a", events: events(2) }, { stream: "b", events: given });
  expect(ids).toHaveLength(4);
  expect(ids[3]).toBe(id);
  expect(ids.slice(0, 3)).toEqual([...new Set(ids.slice(0, 3))].sort());
});

test("events are handed over by columns, a line for each, and none where nobody has such a value", () => {
  const rich = {
    type: "ThingDone",
    data: { a: 1 },
    tags: ["x", "y"],
    schemaVersion: 2,
    metadata: { userId: "u" },
  };
  const bytes = { type: "ThingSeen", data: Uint8Array.of(1, 2) };
  const group = [named({ stream: "a", events: [bytes, rich] }), named({ stream: "b", events: events(2) })];
  const values = groupValues(group, { nowMs: 1, timeoutMs: 5 });
  expect(values.slice(6, 9)).toEqual(["{1,3}", "{-1,-1}", "{1,1,2,2}"]);
  expect(values.slice(10, 17)).toEqual([
    "ThingSeen\nThingDone\nThingDone\nThingDone",
    "\n2\n\n",
    '\n{"a":1}\n\n',
    " AQI=\n\n\n",
    '\n{"userId":"u"}\n\n',
    "\nx\ty\n\n",
    null,
  ]);
});

test("each stream of a group is named once, however many parts go to it", () => {
  const group = [named({ stream: "a", events: events(1) }), named({ stream: "b", events: events(2) })];
  const values = groupValues([...group, ...group], { nowMs: undefined, timeoutMs: 5 });
  expect(values.slice(0, 6)).toEqual([
    "a\nb",
    "{1,2,3,4}",
    "{1,2,1,2}",
    "{-1,-1,-1,-1}",
    "{-1,-1,-1,-1}",
    "{1,2,1,2}",
  ]);
});

test("ids are looked for when a caller gave them or an answer was lost", () => {
  const idsOf = (one: NamedAppend): unknown => groupValues([one], { nowMs: 1, timeoutMs: 5 })[18];
  const without = named({ stream: "a", events: events(2) });
  expect(idsOf(without)).toBe("{}");
  without.mayBeStored = true;
  expect(idsOf(without)).toBe(`{${without.ids[0]}}`);
  const withId = named({ stream: "a", events: [...events(1), { id, type: "ThingDone", data: 1 }] });
  expect(idsOf(withId)).toBe(`{${id}}`);
  expect(namesAnyOf(new Set([id]), withId)).toBe(true);
  expect(namesAnyOf(new Set([id]), without)).toBe(false);
});

test("a condition says whether an earlier append of its group may be in its way", () => {
  const append = (tag: string, failIfMatch: AppendCondition["failIfMatch"]): NamedAppend => {
    const batch = { events: [{ type: "SeatTaken", data: null, tags: [tag, "hall"] }] };
    return nameAppend(batch, { condition: { failIfMatch } }, 0);
  };
  const flags = (...group: NamedAppend[]): unknown => {
    const conditions = groupValues(group, { nowMs: 1, timeoutMs: 5 })[17] as string;
    return (JSON.parse(conditions) as { mayMeetGroup: boolean }[]).map((one) => one.mayMeetGroup);
  };
  const seat = (n: number): NamedAppend => append(`seat:${n}`, [{ tags: [`seat:${n}`, "hall"] }]);
  expect(flags(seat(1), seat(2), seat(1))).toEqual([false, false, true]);
  expect(flags(append("a", []), append("b", []))).toEqual([false, true]);
  const types = (...names: string[]): NamedAppend => append("a", [{ types: names }]);
  expect(flags(types("Never"), types("Never"), types("Never", "SeatTaken"))).toEqual([false, false, true]);
});

test("each append of a group gets its own answer", () => {
  const group = [
    named({ stream: "a", events: events(2) }, { stream: "b", events: events(1) }),
    named({ stream: "a", expect: "none", events: events(1) }),
    named({ stream: "a", events: [{ id, type: "ThingDone", data: 1 }] }),
  ];
  const refusal = { code: "REVISION_CONFLICT", details: { stream: "a", expected: "none", actual: 1 } };
  const repetition = { firstPosition: 4, position: 4, revisions: [[7, 7]] };
  const answers = [
    { append: 2, answer: refusal },
    { append: 3, answer: repetition },
  ];
  const answer = JSON.stringify({ positions: [11, 13, 0, 0], revisions: [0, 5, 0, 0], answers });
  expect(readOutcomes(answer, group)).toMatchObject([
    {
      firstPosition: 11,
      position: 13,
      streams: [
        { stream: "a", firstRevision: 0, revision: 1 },
        { stream: "b", firstRevision: 5, revision: 5 },
      ],
      isDuplicate: false,
    },
    refusal,
    { firstPosition: 4, position: 4, revision: 7, isDuplicate: true },
  ]);
});
