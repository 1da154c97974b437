import { expect, test } from "vitest";
import { EventIds } from "./event-ids.ts";

test("ids of one moment ascend over all calls, and none comes twice", () => {
  const source = new EventIds();
  const ids = [...source.take(5_000, 3), ...source.take(5_000, 1), ...source.take(5_000, 10_000)];
  expect(ids).toEqual([...new Set(ids)].sort());
  expect(ids).toHaveLength(10_004);
});

test("an id is a UUID of version 7 with its moment in front", () => {
  const [id] = new EventIds().take(0x0199_8765_4321, 1);
  expect(id).toMatch(/^01998765-4321-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("another moment begins anew, and so does one for which no more can be counted", () => {
  let seeds = 0;
  const source = new EventIds(() => `${seeds++}-fffffc`, 0x800000);
  expect(source.take(1, 1)).toEqual(["0-7ffffe"]);
  expect(source.take(1, 1)).toEqual(["0-7fffff"]);
  expect(source.take(1, 1)).toEqual(["1-7ffffe"]);
  expect(source.take(2, 2)).toEqual(["2-7ffffe", "2-7fffff"]);
});
