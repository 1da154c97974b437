/**
 * JSON text as PostgreSQL takes it.
 *
 * `jsonb` refuses the character U+0000 and halves of surrogate pairs, which JavaScript's strings, and therefore events,
 * may hold; and of a value of type `json` that holds them nothing can be looked at. Before such text is stored, the
 * backslash of the escapes that stand for them becomes U+FDD0, a code point that is set aside for the inner use of
 * programs and that texts do not hold; where one nevertheless does, it is doubled. Nearly all text holds none of these
 * and is stored as it is.
 */
import { HithertoError } from "../core/errors.ts";

/** Stands for a backslash before `u`, and for itself before itself. */
const escapeCharacter = "\ufdd0";

const refused = /\\u(?:0000|d[89a-f]|fdd0)|\ufdd0|\p{Surrogate}/iu;

/** An escape that is refused, or another one, whose second character must not be taken for a beginning; or a character. */
const escapesAndRefused = /\\(?:u(0000|d[89a-f]..|fdd0)|.)|\ufdd0|\p{Surrogate}/giu;

/** JSON text in which nothing is left that PostgreSQL refuses: `"\u0000"` becomes U+FDD0 and `u0000`, between quotes. */
export function toStored(json: string): string {
  if (!refused.test(json)) return json;
  return json.replaceAll(escapesAndRefused, (found: string, digits: string | undefined) => {
    if (digits !== undefined) return `${escapeCharacter}u${digits}`;
    if (found.startsWith("\\")) return found;
    if (found === escapeCharacter) return found + found;
    return `${escapeCharacter}u${found.charCodeAt(0).toString(16)}`;
  });
}

/** The JSON text that {@link toStored} was given, from what PostgreSQL made of it. */
export function fromStored(json: string): string {
  if (!json.includes(escapeCharacter)) return json;
  return json.replaceAll(/\ufdd0(.)/gu, (_, next: string) => (next === "u" ? "\\u" : next));
}

/** What stored JSON text says; `what` names it in the error. @throws `STORE_DAMAGED` */
export function parseStored(json: string, store: string, what: () => string): unknown {
  try {
    return JSON.parse(fromStored(json)) as unknown;
  } catch (cause) {
    throw new HithertoError("STORE_DAMAGED", { store, problem: `${what()} is not JSON` }, { cause });
  }
}
