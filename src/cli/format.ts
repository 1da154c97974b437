/**
 * Turns values into text for people.
 */
import type { StoredEvent } from "../core/event.ts";
import type { Paint } from "./colours.ts";

/**
 * What would act on a terminal, hide, or make text read as what it is not: Unicode's category Other (control and format
 * characters, lone surrogates, private use and unassigned code points), the line and paragraph separators, and what is
 * ignored when it cannot be shown (zero-width characters, variation selectors, tags, fillers).
 */
const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** The same but for line feeds, and for the colours that the command itself uses. */
const hiddenInOutput =
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  /\u001b\[(?:1|2|22|3[1-6]|39)m|(?!\n)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** Most text needs no closer look. */
const plain = /^[ -~]*$/;

/** Text that may come from anybody, safe to show in a line: what is hidden stands as `\u` escapes, which are also those of JSON. */
export function printable(text: string): string {
  return plain.test(text) ? text : text.replace(hidden, escapeAll);
}

/**
 * Text of several lines, as the last thing before it is written. `hasColours` says whether the command itself may have
 * coloured it; nothing else of what moves a terminal passes.
 */
export function visible(text: string, hasColours: boolean): string {
  return text.replace(hiddenInOutput, (found) => (hasColours && found.length > 2 ? found : escapeAll(found)));
}

function escapeAll(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
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

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Milliseconds as a person says them, such as `850 ms`, `3.2 s`, `4 min 10 s`, `2 h` or `30 d`. */
export function formatDuration(ms: number): string {
  if (ms < second) return `${Math.round(ms)} ms`;
  if (ms < minute) return `${(ms / second).toFixed(1)} s`;
  if (ms < hour) return inUnits(ms, [minute, "min"], [second, "s"]);
  return ms < 2 * day ? inUnits(ms, [hour, "h"], [minute, "min"]) : inUnits(ms, [day, "d"], [hour, "h"]);
}

function inUnits(
  ms: number,
  [large, largeName]: [number, string],
  [small, smallName]: [number, string],
): string {
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)} ${largeName}${rest === 0 ? "" : ` ${rest} ${smallName}`}`;
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
