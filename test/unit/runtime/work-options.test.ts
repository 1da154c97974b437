import { describe, expect, test } from "vitest";
import { planConsume } from "../../../src/runtime/consumers/consume-plan.ts";
import type { ConsumeOptions } from "../../../src/runtime/consumers/consumer.ts";
import { consumer } from "../../../src/runtime/consumers/define-consumer.ts";
import type { ProjectionRunnerOptions } from "../../../src/runtime/projections/projection-runner.ts";
import { planRunner } from "../../../src/runtime/projections/runner-plan.ts";

const mails = consumer("mails", { handle: () => undefined });

describe("running projections", () => {
  test.each<[string, unknown]>([
    ["options", null],
    ["options", "fast"],
    ["onError", { onError: "skip" }],
    ["onEvent", { onEvent: console }],
    ["batchSizeMax", { batchSizeMax: 0 }],
    ["batchSizeMax", { batchSizeMax: 1e6 }],
    ["leaseMs", { leaseMs: 29 }],
    ["leaseMs", { leaseMs: Infinity }],
    ["lagAlertMs", { lagAlertMs: 0 }],
    ["lagAlertMs", { lagAlertMs: "5000" }],
    ["retry", { retry: 3 }],
    ["retry.max", { retry: { max: -1 } }],
  ])("refuses %s in %j", (argument, options) => {
    const plan = (): unknown => planRunner(options as ProjectionRunnerOptions);
    expect(plan).toThrow(
      expect.objectContaining({ code: "ARGUMENT_INVALID", details: expect.objectContaining({ argument }) }),
    );
  });
});

describe("consuming", () => {
  test.each<[string, unknown]>([
    ["options", null],
    ["onEvent", { onEvent: {} }],
    ["inFlightMax", { inFlightMax: 0 }],
    ["inFlightMax", { inFlightMax: 1.5 }],
    ["prefetchMax", { prefetchMax: 0 }],
    ["handlerTimeoutMs", { handlerTimeoutMs: 2 ** 31 }],
    ["leaseMs", { leaseMs: 29 }],
    ["stopTimeoutMs", { stopTimeoutMs: -1 }],
    ["checkpointMs", { checkpointMs: Number.NaN }],
    ["lagAlertMs", { lagAlertMs: 0 }],
  ])("refuses %s in %j", (argument, options) => {
    const plan = (): unknown => planConsume(mails, options as ConsumeOptions);
    expect(plan).toThrow(
      expect.objectContaining({ code: "ARGUMENT_INVALID", details: expect.objectContaining({ argument }) }),
    );
  });
});
