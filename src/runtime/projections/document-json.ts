/**
 * The JSON of stored documents. Stores return what they hold; whether it can be parsed shows here.
 */
import { HithertoError } from "../../core/errors.ts";
import type { StoredDocument } from "../../store/read-side.ts";

/** Parses a document of a read model. @throws `STORE_DAMAGED` */
export function parseDocument(
  readModel: string,
  { key, json }: Pick<StoredDocument, "key" | "json">,
): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new HithertoError(
      "STORE_DAMAGED",
      {
        store: `The read model "${readModel}"`,
        problem: `the document "${key}" is not JSON; rebuild the read model`,
      },
      { cause },
    );
  }
}
