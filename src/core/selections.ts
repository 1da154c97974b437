/**
 * What a selection leaves out, it does not restrict. So a property that is there with the value `undefined`, such as that
 * of a misspelt variable, would select everything: it is refused wherever leaving it out means everything, or anything.
 */
import { HithertoError } from "./errors.ts";

/** The same parts without those that are undefined: these are not there at all. */
export type DefinedParts<Parts> = {
  [Part in keyof Parts as undefined extends Parts[Part] ? never : Part]: Parts[Part];
} & {
  [Part in keyof Parts as undefined extends Parts[Part] ? Part : never]?: Exclude<Parts[Part], undefined>;
};

/** Leaves out what is undefined, for calls on behalf of a caller that may leave it out. */
export function definedParts<Parts extends object>(parts: Parts): DefinedParts<Parts> {
  const entries = Object.entries(parts).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as DefinedParts<Parts>;
}

/**
 * Refuses a part of a selection that is there, but undefined.
 *
 * @param argument - What the selection hangs on, such as `condition`; left out for options.
 * @throws `ARGUMENT_INVALID`
 */
export function checkDefined(selection: object, parts: readonly string[], argument?: string): void {
  for (const part of parts) {
    if (part in selection && (selection as Readonly<Record<string, unknown>>)[part] === undefined) {
      refuseUndefined(argument === undefined ? part : `${argument}.${part}`);
    }
  }
}

/** @throws `ARGUMENT_INVALID` */
export function refuseUndefined(argument: string): never {
  const problem = "it is undefined, which would not restrict anything; leave it out if that is what you mean";
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
