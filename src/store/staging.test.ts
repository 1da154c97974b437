import { expect, test } from "vitest";
import { Stage, StagedMap } from "./staging.ts";

function filled(): { readonly stage: Stage; readonly map: StagedMap<number> } {
  const stage = new Stage();
  const map = new StagedMap<number>(stage);
  map.set("kept", 1);
  map.set("changed", 2);
  map.set("removed", 3);
  return { stage, map };
}

function change(stage: Stage, map: StagedMap<number>): void {
  stage.begin();
  map.set("changed", 20);
  map.set("changed", 200);
  map.set("removed", undefined);
  map.set("added", 4);
  map.set("added and removed", 5);
  map.set("added and removed", undefined);
}

const before = { kept: 1, changed: 2, removed: 3 };
const after = { kept: 1, changed: 200, added: 4 };

test("while the stage is closed, changes are everybody's at once", () => {
  const { map } = filled();
  expect(Object.fromEntries(map.entries("committed"))).toEqual(before);
  expect(map.get("committed", "kept")).toBe(1);
});

test("while it is open, the committed view is as before", () => {
  const { stage, map } = filled();
  change(stage, map);
  expect(Object.fromEntries(map.entries("committed"))).toEqual(before);
  expect(Object.fromEntries(map.entries("staged"))).toEqual(after);
  expect(["changed", "removed", "added"].map((key) => map.get("committed", key))).toEqual([2, 3, undefined]);
  expect(["changed", "removed", "added"].map((key) => map.get("staged", key))).toEqual([200, undefined, 4]);
});

test("the end keeps the changes or takes them back, for both views", () => {
  for (const isKept of [true, false]) {
    const { stage, map } = filled();
    change(stage, map);
    stage.end(isKept);
    for (const view of ["committed", "staged"] as const) {
      expect(Object.fromEntries(map.entries(view))).toEqual(isKept ? after : before);
    }
    stage.begin();
    map.set("kept", 7);
    stage.end(false);
    expect(map.get("committed", "kept")).toBe(1);
  }
});
