/**
 * Read models for reading, of one handle.
 */
import type { Hitherto } from "../hitherto.ts";
import type { Work } from "../work.ts";

/** What a handle reads read models by. */
export type ReadModels = Pick<Hitherto, "readModel" | "query">;

/** Makes the readers of a handle. */
export function createReadModels(_work: Work): ReadModels {
  const unbuilt = (): never => {
    throw new Error("not built yet");
  };
  return { readModel: unbuilt, query: unbuilt };
}
