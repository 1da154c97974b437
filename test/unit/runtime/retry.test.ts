import { describe, expect, test } from "vitest";
import { HithertoError } from "../../../src/core/errors.ts";
import { retry } from "../../../src/runtime/retry.ts";
import type { RetryOptions } from "../../../src/runtime/retry.ts";

const conflict = (actual: number): HithertoError =>
  new HithertoError("REVISION_CONFLICT", { stream: "s", expected: 0, actual });

const options: RetryOptions = {
  operation: "test",
  codes: ["REVISION_CONFLICT"],
  retries: 3,
  random: () => 0,
  signal: undefined,
};

describe("retry", () => {
  test("tries again after a conflict until it succeeds", async () => {
    let attempts = 0;
    const attempt = async (): Promise<number> => {
      attempts += 1;
      if (attempts < 4) throw conflict(attempts);
      return attempts;
    };
    await expect(retry(attempt, options)).resolves.toBe(4);
  });

  test("gives up with RETRIES_EXHAUSTED after the limit, and hands on the last conflict", async () => {
    let attempts = 0;
    const attempt = async (): Promise<number> => {
      attempts += 1;
      throw conflict(attempts);
    };
    const error = await retry(attempt, options).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "RETRIES_EXHAUSTED", details: { operation: "test", attempts: 4 } });
    expect(error).toMatchObject({ cause: { details: { actual: 4 } } });
    expect(attempts).toBe(4);
  });

  test("does not try again after another error", async () => {
    let attempts = 0;
    const attempt = async (): Promise<never> => {
      attempts += 1;
      throw new Error("other");
    };
    await expect(retry(attempt, options)).rejects.toThrow("other");
    expect(attempts).toBe(1);
  });

  test("ends with ABORTED when the signal fires during a pause", async () => {
    const controller = new AbortController();
    const attempt = async (): Promise<never> => {
      setTimeout(() => controller.abort());
      throw conflict(1);
    };
    const slow = { ...options, random: () => 1_000, signal: controller.signal };
    await expect(retry(attempt, slow)).rejects.toMatchObject({ code: "ABORTED" });
  });
});
