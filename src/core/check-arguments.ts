/**
 * What functions are called with that the compiler has not checked: a wrong argument is said to be one, rather than fail
 * somewhere within.
 */
import { HithertoError } from "./errors.ts";

/** Refuses an argument. @throws `ARGUMENT_INVALID` */
export function refuseArgument(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}

/** Refuses an argument that is no object. @throws `ARGUMENT_INVALID` */
export function requireArgument(argument: string, value: unknown): void {
  if (typeof value !== "object" || value === null) refuseArgument(argument, "it must be an object");
}

/** Refuses an argument that is no definition of one of the kinds. @throws `ARGUMENT_INVALID` */
export function requireKind(argument: string, value: unknown, kinds: readonly string[]): void {
  requireArgument(argument, value);
  const { kind } = value as { readonly kind?: unknown };
  if (typeof kind === "string" && kinds.includes(kind)) return;
  refuseArgument(argument, `it must be made by ${kinds.map((one) => `${one}()`).join(" or ")}`);
}
