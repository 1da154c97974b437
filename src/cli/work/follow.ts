/**
 * Waiting for projections to be built, by whichever process, with a progress bar for the person who waits.
 */
import { HithertoError } from "../../core/errors.ts";
import type { ProjectionAdmin } from "../../runtime/work-admin.ts";
import type { ProjectionStatus } from "../../runtime/work-status.ts";
import type { Cli } from "../cli.ts";
import { formatCount, formatDuration, formatNumber, printable } from "../format.ts";
import { startProgress } from "../progress.ts";
import { exitCodes } from "../surroundings.ts";
import { pause } from "./watch.ts";
import { formatWorkError } from "./words.ts";

/** What is waited for. */
export interface Awaited {
  readonly admin: ProjectionAdmin;
  /** What the progress bar says, such as `Rebuilding orders`. */
  readonly title: string;
  readonly names: readonly string[];
  readonly isDone: (status: ProjectionStatus) => boolean;
  /** What becomes of it when the user does not wait any longer. */
  readonly goesOn: string;
}

/** How it came out. Those that are `stuck` do not get there by themselves: paused, halted, or run by no process. */
export interface Followed {
  readonly statuses: readonly ProjectionStatus[];
  readonly stuck: readonly ProjectionStatus[];
  readonly ms: number;
}

const lookEveryMs = 200;
/** When an owner dies, another one takes over within seconds. */
const idleMsMax = 10_000;

/** Waits until all of them are done, or those that are not are stuck. @throws `ABORTED` when the user interrupts it */
export async function follow(cli: Cli, awaited: Awaited): Promise<Followed> {
  const { admin, title, names, isDone, goesOn } = awaited;
  let statuses = await look(admin, names);
  const first = sum(statuses.map((status) => extentOf(status).at));
  const total = sum(statuses.map((status) => extentOf(status).of));
  const progress = startProgress(cli, { title, total, from: first });
  const isStuck = stuckDetector();
  try {
    for (;;) {
      const waiting = statuses.filter((status) => !isDone(status));
      const stuck = waiting.filter(isStuck);
      if (stuck.length === waiting.length) return { statuses, stuck, ms: progress.elapsedMs() };
      const extents = statuses.map((status) => (isDone(status) ? finished(status) : extentOf(status)));
      const at = sum(extents.map((extent) => extent.at));
      progress.update(at, Math.max(0, at - first), sum(extents.map((extent) => extent.of)));
      await pause(lookEveryMs, cli.signal);
      if (cli.signal.aborted) break;
      statuses = await look(admin, names);
    }
  } finally {
    progress.stop();
  }
  cli.note(goesOn);
  throw new HithertoError("ABORTED", { operation: "wait" });
}

/** Says how waiting came out; the command fails when something is stuck. */
export async function saidOutcome(cli: Cli, done: string, { statuses, stuck, ms }: Followed): Promise<void> {
  if (stuck.length > 0) cli.exitCode = exitCodes.failed;
  if (cli.isJson) {
    await cli.out.write(statuses.map((status) => `${JSON.stringify(status)}\n`).join(""));
    return;
  }
  const ready = statuses.filter((status) => !stuck.includes(status));
  for (const status of ready) await cli.out.line(`${done} ${builtInWords(cli, status)}.`);
  if (ready.length > 1) cli.note(`All of it in ${formatDuration(ms)}.`);
  for (const status of stuck) await cli.out.line(stuckInWords(cli, status));
}

function builtInWords(cli: Cli, { name, version, position, documents, parked }: ProjectionStatus): string {
  const parts = [
    `${cli.paint("cyan", printable(name))} version ${version} up to position ${formatNumber(position)}`,
  ];
  if (documents !== undefined) parts.push(formatCount(documents, "document"));
  if (parked > 0) parts.push(cli.paint("yellow", formatCount(parked, "parked event")));
  return parts.join(", ");
}

function stuckInWords(cli: Cli, { name, state, error }: ProjectionStatus): string {
  const shown = cli.paint("cyan", printable(name));
  const resume = `hitherto projections resume ${printable(name)}`;
  if (state === "paused") return `${shown} is paused. Let it go on: ${resume}`;
  if (state !== "halted") {
    return `No process runs ${shown}. Run it here: hitherto projections run ${printable(name)} --definitions FILE`;
  }
  const why = error === undefined ? "" : ` ${formatWorkError(error, Date.now())}`;
  return `${cli.paint("red", `${printable(name)} halted${why}`)}\nMend the projection, raise its version and run it; or try again: ${resume}`;
}

function look(admin: ProjectionAdmin, names: readonly string[]): Promise<ProjectionStatus[]> {
  return Promise.all(names.map((name) => admin.status(name)));
}

interface Extent {
  readonly at: number;
  readonly of: number;
}

function extentOf({ rebuild, position, lag }: ProjectionStatus): Extent {
  if (rebuild !== undefined) return { at: rebuild.position, of: rebuild.head };
  return { at: position, of: position + lag.events };
}

function finished({ position, lag }: ProjectionStatus): Extent {
  return { at: position + lag.events, of: position + lag.events };
}

/** Being run by nobody counts only when it lasts. */
function stuckDetector(): (status: ProjectionStatus) => boolean {
  const idleSince = new Map<string, number>();
  return ({ name, state, rebuild, owner }) => {
    const working = rebuild?.state ?? state;
    if (state === "paused" || working === "halted") return true;
    const now = performance.now();
    if (owner !== undefined) idleSince.delete(name);
    else if (!idleSince.has(name)) idleSince.set(name, now);
    return now - (idleSince.get(name) ?? now) > idleMsMax;
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
