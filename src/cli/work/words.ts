/**
 * How projections and consumers stand, in words for people.
 */
import type { Lag, RebuildStatus, WorkError, WorkState } from "../../runtime/work-status.ts";
import type { Style } from "../colours.ts";
import { formatDuration, formatNumber, printable } from "../format.ts";

/** How each state is painted. */
export const stateStyles: Readonly<Record<WorkState, Style>> = {
  building: "cyan",
  "catching-up": "cyan",
  live: "green",
  retrying: "yellow",
  paused: "yellow",
  halted: "red",
  idle: "dim",
};

/** What each state means, for the person who asks about one projection or consumer. */
export const stateMeanings: Readonly<Record<WorkState, string>> = {
  building: "working off the past into a new read model",
  "catching-up": "behind, and working",
  live: "everything has been worked off",
  retrying: "the next event has failed and is tried again",
  paused: "until it is resumed",
  halted: "an event failed for good; nothing goes on before it is resumed",
  idle: "no process runs it",
};

/** Events per second; `-` while nothing moves. */
export function formatRate(ratePerSecond: number): string {
  return ratePerSecond < 0.5 ? "-" : `${formatNumber(Math.round(ratePerSecond))}/s`;
}

/** The time that is left until something has caught up; undefined while that cannot be told. */
export function timeLeftMs(status: {
  readonly lag: Lag;
  readonly ratePerSecond: number;
  readonly rebuild?: RebuildStatus | undefined;
}): number | undefined {
  const { lag, ratePerSecond, rebuild } = status;
  if (rebuild !== undefined) return rebuild.etaMs;
  if (lag.events === 0 || ratePerSecond < 0.5) return undefined;
  return (lag.events / ratePerSecond) * 1_000;
}

/** A rebuild, such as `version 3  █████░░░░░ 50 %  500 of 1,000  120/s  4.2 s left`. */
export function formatRebuild({
  version,
  state,
  position,
  head,
  ratePerSecond,
  etaMs,
}: RebuildStatus): string {
  const share = head === 0 ? 1 : Math.min(1, position / head);
  const parts = [
    `version ${version}`,
    `${bar(share, 10)} ${Math.floor(share * 100)} %`,
    `${formatNumber(position)} of ${formatNumber(head)}`,
  ];
  if (ratePerSecond >= 0.5) parts.push(formatRate(ratePerSecond));
  if (etaMs !== undefined) parts.push(`${formatDuration(etaMs)} left`);
  if (state === "idle") parts.push("no process does it");
  return parts.join("  ");
}

/** An error, where and when it happened, such as `at position 7, 12 s ago: no such customer`. */
export function formatWorkError(error: WorkError, now: number): string {
  const { position, at } = error;
  const where = position === undefined ? "" : `at position ${formatNumber(position)}, `;
  const text = withoutPlace(error)
    .trim()
    .replaceAll(/\s*\n\s*/g, " ");
  return `${where}${formatAge(at, now)}: ${printable(text)}`;
}

/** The message of an error without the place, which stands beside it anyway and leaves little room for the rest. */
export function withoutPlace({
  code,
  message,
}: {
  readonly code?: unknown;
  readonly message: string;
}): string {
  return code === "PROJECTION_FAILED"
    ? message.replace(/^The projection .*? at position .*?\): /s, "")
    : message;
}

/** How long ago a moment was. */
export function formatAge(at: string, now: number): string {
  const ms = now - Date.parse(at);
  return ms < 1_000 ? "just now" : `${formatDuration(ms)} ago`;
}

function bar(share: number, length: number): string {
  const full = Math.floor(share * length);
  return "█".repeat(full) + "░".repeat(length - full);
}
