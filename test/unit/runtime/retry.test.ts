import { describe, expect, test } from "vitest";
import { HithertoError } from "../../../src/core/errors.ts";
import { Conflict, retry, toConflict } from "../../../src/runtime/retry.ts";
import type { RetryOptions } from "../../../src/runtime/retry.ts";

const conflictError = (actual: number): HithertoError =>
  new HithertoError("REVISION_CONFLICT", { stream: "s", expected: 0, actual });
const conflict = (actual: number): Conflict => new Conflict(conflictError(actual));

const options: RetryOptions = {
  operation: "test",
  retries: 3,
  random: () => 0,
  signal: undefined,
};

describe("retry", () => {
  test("tries again after a conflict until it succeeds", async () => {
    let attempts = 0;
    const attempt = async (number: number): Promise<number | Conflict> => {
      attempts += 1;
      return number < 4 ? conflict(number) : number;
    };
    await expect(retry(attempt, options)).resolves.toBe(4);
    expect(attempts).toBe(4);
  });

  test("gives up with RETRIES_EXHAUSTED after the limit, and hands on the last conflict", async () => {
    let attempts = 0;
    const attempt = async (number: number): Promise<Conflict> => {
      attempts = number;
      return conflict(number);
    };
    const error = await retry(attempt, options).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "RETRIES_EXHAUSTED", details: { operation: "test", attempts: 4 } });
    expect(error).toMatchObject({ cause: { details: { actual: 4 } } });
    expect(attempts).toBe(4);
  });

  test("does not try again after an error, be it of a conflict", async () => {
    let attempts = 0;
    const attempt = async (): Promise<never> => {
      attempts += 1;
      throw conflictError(1);
    };
    await expect(retry(attempt, options)).rejects.toMatchObject({ code: "REVISION_CONFLICT" });
    expect(attempts).toBe(1);
  });

  test("ends with ABORTED when the signal fires during a pause", async () => {
    const controller = new AbortController();
    const attempt = async (): Promise<Conflict> => {
      setTimeout(() => controller.abort());
      return conflict(1);
    };
    const slow = { ...options, random: () => 1_000, signal: controller.signal };
    await expect(retry(attempt, slow)).rejects.toMatchObject({ code: "ABORTED" });
  });

  test("takes only the conflicts of an append for conflicts", () => {
    expect(toConflict(conflictError(1))).toBeInstanceOf(Conflict);
    const full = new HithertoError("QUEUE_FULL", { queue: "appends", max: 1 });
    expect(() => toConflict(full)).toThrow(full);
  });
});
