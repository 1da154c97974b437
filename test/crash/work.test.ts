/**
 * Processes that run projections and take part in consumers are killed in the middle of their work; `npm run soak` does
 * the same for hundreds of kills.
 */
import { describe, expect, test } from "vitest";
import { runWorkKills, workPlans } from "./work-run.ts";

const seed = Number(process.env["HITHERTO_SEED"] ?? 23);

describe("a process that is killed while it handles events", () => {
  test.each(workPlans)("on %s loses nothing, and counts nothing in the store twice", async (plan) => {
    const summary = await runWorkKills({ plan, kills: 12, seed });
    expect(summary.kills).toBe(12);
    expect(summary.events).toBeGreaterThan(500);
    if (plan !== "consumers") expect(summary.repeated).toBe(0);
  });
});
