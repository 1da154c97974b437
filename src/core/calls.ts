/**
 * What comes of calling the functions of a definition, which may do anything.
 */

/**
 * Whether what a synchronous function returned is a promise. It is refused by whoever asks, so nobody will listen to
 * it: should it fail later, that is heard here and does not end the process as an unhandled rejection.
 */
export function isPromise(value: unknown): value is Promise<unknown> {
  if (!(value instanceof Promise)) return false;
  value.catch(() => undefined);
  return true;
}

/** What a function did that threw, for messages: its author wants to see the error itself. */
export function threwInWords(cause: unknown): string {
  if (!(cause instanceof Error)) return "threw something that is no error";
  return `threw ${cause.name}: ${cause.message}`.replace(/\.$/, "");
}
