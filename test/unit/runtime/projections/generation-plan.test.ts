import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planGenerations } from "../../../../src/runtime/projections/generation-plan.ts";
import type { KnownGeneration } from "../../../../src/runtime/projections/generation-plan.ts";

const shape = { kind: "documents", indexes: [] } as const;

function aGeneration(
  generation: number,
  state: "active" | "building",
  { version = 1, rebuild = 0, isHeld = false } = {},
): KnownGeneration {
  return { model: { generation, name: "orders", version, shape, state, position: 0 }, rebuild, isHeld };
}

function plan(known: readonly KnownGeneration[], wanted: { version?: number; rebuild?: number } = {}) {
  const { run, drop, ...rest } = planGenerations(known, { version: 1, rebuild: 0, ...wanted });
  const ids = (models: typeof run): number[] => models.map(({ generation }) => generation);
  return { ...rest, run: ids(run), drop: ids(drop) };
}

const nothing = { newerVersion: undefined, run: [], drop: [], isBuildNeeded: false };

describe("the plan for the generations of a projection", () => {
  test("builds a first generation", () => {
    expect(plan([])).toEqual({ ...nothing, isBuildNeeded: true });
  });

  test("runs the active generation of its version", () => {
    expect(plan([aGeneration(1, "active")])).toEqual({ ...nothing, run: [1] });
  });

  test("builds a higher version, and leaves the active one to those who know it", () => {
    expect(plan([aGeneration(1, "active")], { version: 2 })).toEqual({ ...nothing, isBuildNeeded: true });
  });

  test("builds anew when a rebuild was asked for, and runs the active one meanwhile", () => {
    const active = aGeneration(1, "active");
    expect(plan([active], { rebuild: 1 })).toEqual({ ...nothing, run: [1], isBuildNeeded: true });
    const begun = aGeneration(2, "building", { rebuild: 1 });
    expect(plan([active, begun], { rebuild: 1 })).toEqual({ ...nothing, run: [1, 2] });
  });

  test("goes on with a build that was interrupted", () => {
    const begun = aGeneration(2, "building", { version: 2 });
    expect(plan([aGeneration(1, "active"), begun], { version: 2 })).toEqual({ ...nothing, run: [2] });
  });

  test("drops what lower versions and earlier rebuilds were building", () => {
    const known = [
      aGeneration(1, "active"),
      aGeneration(2, "building", { version: 2 }),
      aGeneration(3, "building", { version: 3, rebuild: 0 }),
      aGeneration(4, "building", { version: 3, rebuild: 1 }),
    ];
    expect(plan(known, { version: 3, rebuild: 1 })).toEqual({ ...nothing, run: [4], drop: [2, 3] });
  });

  test("stands aside for a higher version that readers see", () => {
    const known = [aGeneration(1, "active", { version: 2 }), aGeneration(2, "building")];
    expect(plan(known)).toEqual({ ...nothing, newerVersion: 2 });
  });

  test("does not build beside a higher version that somebody builds, but goes on with what readers see", () => {
    const higher = aGeneration(2, "building", { version: 3, isHeld: true });
    expect(plan([higher], { version: 2 })).toEqual(nothing);
    expect(plan([aGeneration(1, "active", { version: 2 }), higher], { version: 2 })).toEqual({
      ...nothing,
      run: [1],
    });
  });

  test("builds when nobody is left who builds the higher version, and leaves that one where it is", () => {
    expect(plan([aGeneration(2, "building", { version: 3 })], { version: 2 })).toEqual({
      ...nothing,
      isBuildNeeded: true,
    });
  });

  test("of two builds of one version, goes on with the older", () => {
    const known = [aGeneration(1, "building"), aGeneration(2, "building")];
    expect(plan(known)).toEqual({ ...nothing, run: [1], drop: [2] });
  });

  test("never drops what readers see, never what it runs, and comes to rest", () => {
    const generation = fc.record({
      state: fc.constantFrom("active" as const, "building" as const),
      version: fc.integer({ min: 1, max: 3 }),
      rebuild: fc.nat(2),
      isHeld: fc.boolean(),
    });
    const wanted = fc.record({ version: fc.integer({ min: 1, max: 3 }), rebuild: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(generation, { maxLength: 6 }), wanted, (parts, { version, rebuild }) => {
        const firstActive = parts.findIndex(({ state }) => state === "active");
        const known = parts.map(({ state, ...part }, index) =>
          aGeneration(index + 1, index === firstActive ? state : "building", part),
        );
        const made = planGenerations(known, { version, rebuild });
        for (const model of made.drop) {
          expect(model.state).toBe("building");
          expect(made.run).not.toContain(model);
        }
        const left = known.filter(({ model }) => !made.drop.includes(model));
        const built = made.isBuildNeeded ? [aGeneration(9, "building", { version, rebuild })] : [];
        const next = planGenerations([...left, ...built], { version, rebuild });
        expect([next.isBuildNeeded, next.drop]).toEqual([false, []]);
      }),
    );
  });
});
