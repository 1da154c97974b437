/**
 * What can be said of anything that was thrown.
 */
import { inWords } from "./check-input.ts";

/** Messages and stacks are kept up to this length: what is thrown may hold anything. */
export const messageLengthMax = 4_096;

/** What an error says; of something that is no error, what can be said of it. Never throws. */
export function messageOf(error: unknown): string {
  const text = readable(() => (error instanceof Error ? textOf(error) : printed(error)));
  return (text ?? "something was thrown that can not be read").slice(0, messageLengthMax);
}

/** What was thrown may be anything, and throw itself when it is looked at; then it is undefined. */
export function readable<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function textOf({ message }: { readonly message: unknown }): string {
  return String(message);
}

function printed(value: unknown): string {
  return `${typeof value === "string" ? JSON.stringify(value) : inWords(value)} was thrown`;
}
