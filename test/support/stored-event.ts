import type { StoredEvent } from "hitherto/core";

/** A stored event with visible defaults. */
export function aStoredEvent(
  type: string,
  data: unknown = {},
  parts: Partial<StoredEvent> = {},
): StoredEvent {
  return {
    id: "00000000-0000-7000-8000-000000000000",
    stream: "account-42",
    revision: 0,
    position: 1,
    type,
    schemaVersion: 1,
    data,
    metadata: {},
    tags: [],
    recordedAt: "2026-01-01T00:00:00.000Z",
    ...parts,
  };
}

/** The error that a call throws; fails when it throws none. */
export function errorOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("Nothing was thrown.");
}
