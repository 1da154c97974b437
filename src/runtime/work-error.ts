/**
 * Failures as they are kept: what an error said, when and where, without the error.
 */
import { isHithertoError } from "../core/errors.ts";
import { messageLengthMax, messageOf, readable } from "../store/message-of.ts";
import type { WorkError } from "./work-status.ts";

/** An error as it is kept. `at` is the time now; `position` that of the event being worked on. */
export function toWorkError(error: unknown, at: Date, position?: number): WorkError {
  return { code: codeOf(error), message: messageOf(error), position, at: at.toISOString() };
}

/** How many causes of an error are kept with its stack: a chain may lead back to its beginning. */
const causesMax = 5;

/**
 * The stack of an error, if there is one, and the stacks of what caused it, where a user's own code shows. Never throws.
 */
export function stackOf(error: unknown): string | undefined {
  const stacks: string[] = [];
  readable(() => {
    let next = error;
    while (next instanceof Error && typeof next.stack === "string" && stacks.length <= causesMax) {
      stacks.push(next.stack);
      next = next.cause;
    }
  });
  return stacks.length === 0 ? undefined : stacks.join("\nCaused by: ").slice(0, messageLengthMax);
}

/** Also the codes of Node, databases and HTTP clients, as far as they are strings. */
function codeOf(error: unknown): string | undefined {
  if (isHithertoError(error)) return error.code;
  const code = readable(() => (error instanceof Error ? (error as { code?: unknown }).code : undefined));
  return typeof code === "string" ? code : undefined;
}
