/**
 * Whether what a synchronous function returned is a promise. It is refused by whoever asks, so nobody will listen to
 * it: should it fail later, that is heard here and does not end the process as an unhandled rejection.
 */
export function isPromise(value: unknown): value is Promise<unknown> {
  if (!(value instanceof Promise)) return false;
  value.catch(() => undefined);
  return true;
}
