/**
 * Checks what callers hand to the runtime, so that a mistake is told before anything happens.
 */
import type { AnyDecider } from "../core/decider-types.ts";
import type { DecisionModel } from "../core/decision-model.ts";
import { HithertoError } from "../core/errors.ts";
import { defaultStream } from "../core/limits.ts";
import { checkDefined } from "../core/selections.ts";
import { checkExpectation, checkName, inWords } from "../store/check-input.ts";
import { checkSignal, planMoment } from "../store/read-options.ts";
import type { DecideOptions, ExecuteOptions, HistoryRange, LoadOptions } from "./hitherto.ts";
import { checkIdempotencyKey } from "./idempotency.ts";

/** Refuses what `decider` did not make. @throws `ARGUMENT_INVALID` */
export function checkDecider(decider: unknown, argument = "decider"): void {
  if ((decider as AnyDecider | undefined)?.kind === "decider") return;
  fail(argument, `it must be made by decider(), not be ${inWords(decider)}`);
}

/** Refuses anything but a list of deciders. @throws `ARGUMENT_INVALID` */
export function checkDeciders(argument: string, deciders: unknown): void {
  if (!Array.isArray(deciders)) fail(argument, `it must be an array of deciders, not ${inWords(deciders)}`);
  for (const [index, decider] of deciders.entries()) checkDecider(decider, `${argument}[${index}]`);
}

/** Refuses what `decisionModel` and `composeModels` did not make. @throws `ARGUMENT_INVALID` */
export function checkModel(model: unknown): void {
  if ((model as DecisionModel<unknown> | undefined)?.kind === "decision-model") return;
  fail("model", `it must be made by decisionModel() or composeModels(), not be ${inWords(model)}`);
}

/** Refuses anything but a name. @throws `ARGUMENT_INVALID` */
export function checkCommand(command: unknown): void {
  if (typeof command !== "string") fail("command", `it must be a string, not ${inWords(command)}`);
}

/** Refuses anything but a function. @throws `ARGUMENT_INVALID` */
export function checkFunction(argument: string, value: unknown): void {
  if (typeof value !== "function") fail(argument, `it must be a function, not ${inWords(value)}`);
}

/** Refuses anything but a name, such as that of a consumer. @throws `ARGUMENT_INVALID` */
export function checkedName(name: unknown): string {
  if (typeof name === "string" && name !== "") return name;
  fail("name", `it must be a string, not ${name === "" ? "empty" : inWords(name)}`);
}

/** Refuses malformed options of `execute` or `decide`. @throws `ARGUMENT_INVALID` */
export function checkDecision(options: ExecuteOptions & DecideOptions): void {
  checkObject("options", options);
  checkDefined(options, ["expect", "stream"]);
  const { idempotencyKey, metadata, commandId, name, expect, snapshot, stream } = options;
  if (stream !== undefined && stream !== defaultStream) checkName("stream", stream);
  if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
  if (metadata !== undefined) checkObject("metadata", metadata);
  checkText("commandId", commandId);
  checkText("name", name);
  checkInteger("retries", options.retries);
  if (expect !== undefined) checkExpectation(expect);
  if (snapshot !== undefined && snapshot !== "now") {
    fail("snapshot", `it must be "now", not ${inWords(snapshot)}`);
  }
  checkSignal(options.signal);
}

/** Refuses malformed options of `load`. @throws `ARGUMENT_INVALID` */
export function checkLoad(options: LoadOptions): void {
  checkObject("options", options);
  checkDefined(options, ["atRevision", "at"]);
  checkInteger("atRevision", options.atRevision);
  planMoment("at", options.at);
  if (options.atRevision !== undefined && options.at !== undefined) {
    fail("at", "it excludes atRevision: say one of them");
  }
  checkSignal(options.signal);
}

/** Refuses a malformed range. @throws `ARGUMENT_INVALID` */
export function checkRange(range: HistoryRange): void {
  checkObject("range", range);
  checkDefined(range, ["from", "to"]);
  checkInteger("from", range.from);
  checkInteger("to", range.to);
  checkSignal(range.signal);
}

function checkObject(argument: string, value: unknown): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  fail(argument, `it must be an object, not ${inWords(value)}`);
}

function checkText(argument: string, value: unknown): void {
  if (value === undefined || (typeof value === "string" && value !== "")) return;
  fail(argument, `it must be a string, not ${value === "" ? "empty" : inWords(value)}`);
}

function checkInteger(argument: string, value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) return;
  fail(argument, `it must be an integer from 0, not ${inWords(value)}`);
}

function fail(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
