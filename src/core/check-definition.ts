/**
 * What every definition is checked for when it is made, for callers whom the compiler has not checked already.
 */
import { HithertoError } from "./errors.ts";

/** Refuses a definition with `DEFINITION_INVALID`. */
export function refuseDefinition(definition: string, problem: string): never {
  throw new HithertoError("DEFINITION_INVALID", { definition, problem });
}

/** Refuses a value that is not an object, such as options that were left out. */
export function requireObject(definition: string, field: string, value: unknown): asserts value is object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  refuseDefinition(definition, `${field} is not an object`);
}

/** Refuses a part that chooses events and is there, but undefined: as if left out, it would choose all of them. */
export function requireSelecting(definition: string, options: object, parts: readonly string[]): void {
  for (const part of parts) {
    if (part in options && (options as Readonly<Record<string, unknown>>)[part] === undefined) {
      refuseDefinition(definition, `its ${part} is undefined; leave it out if it is not meant to choose`);
    }
  }
}

/** Refuses a value that is not an object of functions. */
export function requireFunctions(definition: string, field: string, value: unknown): asserts value is object {
  requireObject(definition, field, value);
  for (const [key, member] of Object.entries(value)) {
    if (typeof member !== "function") refuseDefinition(definition, `${field}.${key} is not a function`);
  }
}

/** Refuses a value that is not a function. */
export function requireFunction(definition: string, field: string, value: unknown): void {
  if (typeof value !== "function") refuseDefinition(definition, `${field} is not a function`);
}

/** Refuses a value that is neither left out nor an array of strings, none of them empty. */
export function requireStrings(definition: string, field: string, value: unknown): void {
  const areStrings = Array.isArray(value) && value.every((item) => typeof item === "string" && item !== "");
  if (value === undefined || areStrings) return;
  refuseDefinition(definition, `${field} is not an array of strings that are not empty`);
}

/** Refuses a value that is not an integer from 1 to `max`. */
export function requireCount(definition: string, field: string, value: unknown, max: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= max) return;
  refuseDefinition(definition, `${field} is not an integer from 1 to ${max}`);
}
