/**
 * What projections and consumers have in common for the commands that look after them.
 */
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { Lag, RebuildStatus, WorkError, WorkState } from "../../runtime/work-status.ts";
import type { Cli } from "../cli.ts";
import type { Style } from "../colours.ts";
import { formatDuration, formatNumber, printable } from "../format.ts";
import type { Column } from "./status-table.ts";
import {
  formatRate,
  formatRebuild,
  formatWorkError,
  stateMeanings,
  stateStyles,
  timeLeftMs,
} from "./words.ts";

/** What both kinds of status say. */
export interface WorkStatus {
  readonly name: string;
  readonly state: WorkState;
  readonly position: number;
  readonly lag: Lag;
  readonly ratePerSecond: number;
  readonly error: WorkError | undefined;
  readonly parked: number;
  /** Only projections are rebuilt. */
  readonly rebuild?: RebuildStatus | undefined;
  /** Of the read model that readers see; undefined while there is none. */
  readonly version?: number | undefined;
}

/** What both kinds are looked after by. */
export interface WorkAdmin<Status> {
  list(): Promise<readonly Status[]>;
  status(name: string): Promise<Status>;
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Projections or consumers, to the commands that they share. */
export interface WorkKind<Status extends WorkStatus> {
  readonly noun: "projection" | "consumer";
  readonly adminOf: (store: Hitherto) => WorkAdmin<Status>;
  readonly columns: ReadonlyArray<Column<Status>>;
  /** What is particular to this kind: names and values. */
  readonly facts: (status: Status) => ReadonlyArray<readonly [name: string, value: string]>;
  /** What else there is to say about one of them, in lines. */
  readonly more?: (cli: Cli, status: Status) => string;
  /** What `remove` takes away. */
  readonly removal: string;
  /** How to get the first one. */
  readonly beginning: string;
}

/** The columns that both kinds have; `own` stand at the end. */
export function columnsWith<Status extends WorkStatus>(
  ...own: ReadonlyArray<Column<Status>>
): ReadonlyArray<Column<Status>> {
  return [...(commonColumns as ReadonlyArray<Column<Status>>), ...own];
}

const commonColumns: ReadonlyArray<Column<WorkStatus>> = [
  {
    title: "Name",
    align: "left",
    rank: 0,
    widthMin: 20,
    text: ({ name }) => printable(name),
    style: () => "cyan",
  },
  {
    title: "State",
    align: "left",
    rank: 0,
    text: ({ state }) => state,
    style: ({ state }) => stateStyles[state],
  },
  { title: "Position", align: "right", rank: 1, text: ({ position }) => formatNumber(position) },
  {
    title: "Lag",
    align: "right",
    rank: 0,
    text: ({ lag }) => (lag.events === 0 ? "-" : formatNumber(lag.events)),
    style: lagStyle,
  },
  {
    title: "Behind",
    align: "right",
    rank: 0,
    text: ({ lag }) => (lag.events === 0 ? "-" : formatDuration(lag.ms)),
    style: lagStyle,
  },
  { title: "Rate", align: "right", rank: 2, text: ({ ratePerSecond }) => formatRate(ratePerSecond) },
  {
    title: "Left",
    align: "right",
    rank: 3,
    text: (status) => {
      const ms = timeLeftMs(status);
      return ms === undefined ? "-" : formatDuration(ms);
    },
  },
  {
    title: "Parked",
    align: "right",
    rank: 0,
    text: ({ parked }) => (parked === 0 ? "-" : formatNumber(parked)),
    style: ({ parked }) => (parked === 0 ? undefined : "yellow"),
  },
];

function lagStyle({ lag }: WorkStatus): Style | undefined {
  return lag.isTooMuch ? "red" : undefined;
}

/** The lines below a row: the rebuild under way, and the last failure. */
export function detailsOf(
  { rebuild, version, error, state }: WorkStatus,
  now: number,
): ReadonlyArray<{ readonly text: string; readonly style: Style }> {
  const lines: Array<{ text: string; style: Style }> = [];
  if (rebuild !== undefined) {
    const what = version === undefined ? "first build" : "rebuild";
    lines.push({ text: `${what}  ${formatRebuild(rebuild)}`, style: "cyan" });
  }
  if (error !== undefined) {
    lines.push({
      text: `error  ${formatWorkError(error, now)}`,
      style: state === "halted" ? "red" : "yellow",
    });
  }
  return lines;
}

/** What is known of one of them: names and values. */
export function factsOf<Status extends WorkStatus>(
  kind: WorkKind<Status>,
  status: Status,
  now: number,
): ReadonlyArray<readonly [name: string, value: string]> {
  const { noun } = kind;
  const { name, state, position, parked, rebuild, version, error, ratePerSecond } = status;
  const left = rebuild === undefined ? timeLeftMs(status) : undefined;
  return [
    [noun === "consumer" ? "Consumer" : "Projection", printable(name)],
    ["State", `${state}: ${stateMeanings[state]}`],
    ["Position", formatNumber(position)],
    ["Lag", lagInWords(status.lag)],
    ...(ratePerSecond < 0.5 ? [] : [["Rate", formatRate(ratePerSecond)] as const]),
    ...(left === undefined ? [] : [["Left", formatDuration(left)] as const]),
    ...kind.facts(status),
    ["Parked", parked === 0 ? "none" : `${formatNumber(parked)}; see hitherto parked list --${noun} ${name}`],
    ...(rebuild === undefined
      ? []
      : [[version === undefined ? "First build" : "Rebuild", formatRebuild(rebuild)] as const]),
    ...(error === undefined ? [] : [["Error", formatWorkError(error, now)] as const]),
  ];
}

function lagInWords({ events, ms, isTooMuch }: Lag): string {
  if (events === 0) return "none";
  return `${formatNumber(events)}, the oldest ${formatDuration(ms)} old${isTooMuch ? ": too much" : ""}`;
}
