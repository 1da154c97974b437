/**
 * Positions that are stored as how far something has come in the log. One beyond the end of the log would pass over the
 * events that are appended next.
 */
import { HithertoError } from "../core/errors.ts";
import type { EventStore } from "../store/event-store.ts";

/**
 * Refuses stored positions that can not have been reached.
 *
 * @param what - Says whose position it is, such as `partition 0 of the consumer "mails"`.
 * @throws `STORE_DAMAGED`
 */
export async function checkReached(
  store: Pick<EventStore, "url" | "head">,
  positions: ReadonlyArray<{ readonly what: string; readonly position: unknown }>,
): Promise<void> {
  // Asked after the positions were read, so none of them can be ahead of it.
  const head = await store.head();
  for (const { what, position } of positions) {
    const problem = unreachedProblem(what, position, head);
    if (problem !== undefined) throw new HithertoError("STORE_DAMAGED", { store: store.url, problem });
  }
}

/** Says what is wrong with a position that can not have been reached. */
export function unreachedProblem(what: string, position: unknown, head: number): string | undefined {
  const isReached =
    Number.isSafeInteger(position) && (position as number) >= 0 && (position as number) <= head;
  if (isReached) return undefined;
  return `${what} is stored as ${JSON.stringify(position)}, but the log ends at position ${head}`;
}
