import { expect, test } from "vitest";
import { Outage } from "./outage.ts";

function watched(graceMs?: number): { outage: Outage; told: unknown[]; clock: { now: number } } {
  const told: unknown[] = [];
  const clock = { now: 0 };
  const tell = (error: unknown, isOver: boolean): void => void told.push([error, isOver]);
  return { outage: new Outage(tell, { graceMs, now: () => clock.now }), told, clock };
}

test("an outage is told once, and its end with what had been wrong last", () => {
  const { outage, told } = watched();
  outage.passed();
  outage.failed("first");
  outage.failed("second");
  expect(told).toEqual([["first", false]]);
  outage.passed();
  outage.passed();
  expect(told).toEqual([
    ["first", false],
    ["second", true],
  ]);
});

test("an outage that lasts is told again each minute", () => {
  const { outage, told, clock } = watched();
  for (clock.now = 0; clock.now < 150_000; clock.now += 1_000) outage.failed("away");
  expect(told).toHaveLength(3);
});

test("an outage that is over within the grace time is not told", () => {
  const { outage, told, clock } = watched(1_000);
  outage.failed("short");
  clock.now = 999;
  outage.failed("short");
  outage.passed();
  outage.failed("long");
  clock.now = 1_999;
  outage.failed("long");
  expect(outage.lastsMs).toBe(1_000);
  outage.passed();
  expect(outage.lastsMs).toBe(0);
  expect(told).toEqual([
    ["long", false],
    ["long", true],
  ]);
});
