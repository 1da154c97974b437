/**
 * Turns values into text for people.
 */
import type { StoredEvent } from "../core/event.ts";
import type { Paint } from "./colours.ts";

// Control characters would act on the terminal, and direction marks would make text read as what it is not.
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text that may come from anybody, safe to show: control characters and direction marks stand as `\u` escapes. */
export function printable(text: string): string {
  return text.replace(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const grouped = new Intl.NumberFormat("en-US");

/** `1234567` as `1,234,567`. */
export function formatNumber(value: number): string {
  return grouped.format(value);
}

/** A count with its noun, such as `1 event` or `2,000 events`. */
export function formatCount(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Bytes in binary units, such as `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return formatCount(bytes, "byte");
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 4);
  return `${(bytes / 1024 ** power).toFixed(1)} ${["", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

/** Milliseconds as a person says them, such as `850 ms`, `3.2 s`, `4 min 10 s` or `2 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

/** Cuts text that is longer than `length`, ending it with an ellipsis. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const kept = text.slice(0, Math.max(0, length - 1));
  return `${kept.isWellFormed() ? kept : kept.slice(0, -1)}…`;
}

/** An event's data on one line. */
export function formatData(data: unknown): string {
  if (!(data instanceof Uint8Array)) return printable(JSON.stringify(data));
  const hex = Buffer.from(data.subarray(0, 24)).toString("hex");
  return `<${formatCount(data.length, "byte")}${hex === "" ? "" : ` ${hex}`}${data.length > 24 ? "…" : ""}>`;
}

/** An event over several lines, with everything that is known of it. */
export function formatEventBlock(event: StoredEvent, paint: Paint): string {
  const place = `${paint("cyan", printable(event.stream))}${paint("dim", `@${event.revision}`)}`;
  const isBytes = event.data instanceof Uint8Array;
  const rows: ReadonlyArray<readonly [string, string | undefined]> = [
    ["recorded", event.recordedAt],
    ["id", event.id],
    ["schema", event.schemaVersion === 1 ? undefined : `version ${event.schemaVersion}`],
    ["tags", event.tags.length === 0 ? undefined : printable(event.tags.join(", "))],
    ["metadata", Object.keys(event.metadata).length === 0 ? undefined : pretty(event.metadata)],
    ["data", isBytes ? formatData(event.data) : pretty(event.data)],
  ];
  const lines = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${paint("dim", name.padEnd(8))}  ${value}`],
  );
  return [
    `${paint("dim", `#${event.position}`)}  ${paint("green", printable(event.type))}  ${place}`,
    ...lines,
  ].join("\n");
}

function pretty(value: unknown): string {
  return JSON.stringify(value, undefined, 2)
    .split("\n")
    .map(printable)
    .join(`\n${" ".repeat(12)}`);
}
