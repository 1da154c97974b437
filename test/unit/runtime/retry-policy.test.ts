import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planRetry, retryDelayMs } from "../../../src/runtime/retry-policy.ts";

describe("retry policies", () => {
  test("grow their waits from delayMs by the factor, up to delayMsMax", () => {
    const plan = planRetry({ delayMs: 10, factor: 3, delayMsMax: 200, jitter: 0 });
    expect([1, 2, 3, 4, 5].map((attempt) => retryDelayMs(plan, attempt, () => 0.9))).toEqual([
      10, 30, 90, 200, 200,
    ]);
  });

  test("vary each wait downwards by at most the jitter", () => {
    const parts = { delayMs: fc.nat(1_000), jitter: fc.double({ min: 0, max: 1, noNaN: true }) };
    fc.assert(
      fc.property(
        fc.record(parts),
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (policy, attempt, random) => {
          const full = retryDelayMs(planRetry({ ...policy, jitter: 0 }), attempt, () => random);
          const wait = retryDelayMs(planRetry(policy), attempt, () => random);
          expect(wait).toBeLessThanOrEqual(full);
          expect(wait).toBeGreaterThanOrEqual(full * (1 - policy.jitter) - 1e-6);
        },
      ),
    );
  });

  test("stay finite however often something fails", () => {
    expect(retryDelayMs(planRetry({ jitter: 0 }), 5_000, () => 0)).toBe(10_000);
    expect(retryDelayMs(planRetry({ delayMs: 0 }), 5_000, () => 0)).toBe(0);
  });

  test.each([
    [{ max: -1 }, "retry.max"],
    [{ max: 1.5 }, "retry.max"],
    [{ delayMs: Number.NaN }, "retry.delayMs"],
    [{ factor: 0.5 }, "retry.factor"],
    [{ delayMsMax: Infinity }, "retry.delayMsMax"],
    [{ jitter: 2 }, "retry.jitter"],
    [7, "retry"],
    [null, "retry"],
  ])("refuse %j", (policy, argument) => {
    const plan = (): unknown => planRetry(policy as never);
    expect(plan).toThrow(
      expect.objectContaining({ code: "ARGUMENT_INVALID", details: expect.objectContaining({ argument }) }),
    );
  });
});
