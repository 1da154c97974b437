/**
 * Failures as they are kept: what an error said, when and where, without the error.
 */
import { isHithertoError } from "../core/errors.ts";
import { inWords } from "../store/check-input.ts";
import type { WorkError } from "./work-status.ts";

/** Messages and stacks are kept up to this length: what is thrown may hold anything. */
const lengthMax = 4_096;

/** An error as it is kept. `at` is the time now; `position` that of the event being worked on. */
export function toWorkError(error: unknown, at: Date, position?: number): WorkError {
  return { code: codeOf(error), message: messageOf(error), position, at: at.toISOString() };
}

/** What an error says; of something that is no error, what can be said of it. Never throws. */
export function messageOf(error: unknown): string {
  const text = readable(() => (error instanceof Error ? textOf(error) : printed(error)));
  return (text ?? "something was thrown that can not be read").slice(0, lengthMax);
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
  return stacks.length === 0 ? undefined : stacks.join("\nCaused by: ").slice(0, lengthMax);
}

/** Also the codes of Node, databases and HTTP clients, as far as they are strings. */
function codeOf(error: unknown): string | undefined {
  if (isHithertoError(error)) return error.code;
  const code = readable(() => (error instanceof Error ? (error as { code?: unknown }).code : undefined));
  return typeof code === "string" ? code : undefined;
}

function textOf({ message }: { readonly message: unknown }): string {
  return String(message);
}

function printed(value: unknown): string {
  return `${typeof value === "string" ? JSON.stringify(value) : inWords(value)} was thrown`;
}

/** What is thrown may be anything, and throw itself when it is looked at. */
function readable<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
