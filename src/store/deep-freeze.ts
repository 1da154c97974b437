/** Freezes a value with all that hangs on it, bytes excepted, which can not be frozen. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
