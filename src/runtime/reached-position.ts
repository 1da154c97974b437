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
    if (Number.isSafeInteger(position) && (position as number) >= 0 && (position as number) <= head) continue;
    const problem = `${what} is stored as ${JSON.stringify(position)}, but the log ends at position ${head}`;
    throw new HithertoError("STORE_DAMAGED", { store: store.url, problem });
  }
}
