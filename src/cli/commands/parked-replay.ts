import type { Command } from "commander";
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { ParkedAdmin, ParkedOwner, ParkedSelection } from "../../runtime/work-admin.ts";
import type { Cli } from "../cli.ts";
import { formatCount, formatDuration, formatNumber, printable } from "../format.ts";
import { integer } from "../options.ts";
import type { Act } from "../program.ts";
import { startProgress } from "../progress.ts";
import { exitCodes } from "../surroundings.ts";
import { addSelectionOptions, getSelection, ownerInWords, requireOwner } from "../work/selection.ts";
import type { SelectionOptions } from "../work/selection.ts";
import { pause } from "../work/watch.ts";
import { said } from "../work/work-commands.ts";

interface ReplayOptions extends SelectionOptions {
  readonly rate?: number;
  /** Commander makes this of `--no-wait`. */
  readonly wait: boolean;
}

const help = `
Examples:
  $ hitherto parked replay --consumer emails --key order-17 --store shop.db
  $ hitherto parked replay --consumer emails --all --rate 50 --store shop.db

Each key's events are delivered in order, from the first one that is parked, for
nothing may overtake. If one fails again, it and the rest of its key are parked
again; the exit code is then 1. The process that runs the consumer or the
projection does it.`;

/** Adds the command that delivers parked events again. */
export function addReplay(group: Command, act: Act): void {
  addSelectionOptions(
    group
      .command("replay")
      .summary("deliver parked events again")
      .description("Delivers parked events again, and waits until that is done."),
  )
    .option("--rate <n>", "at most so many a second", integer(1))
    .option("--no-wait", "only ask for it")
    .addHelpText("after", help)
    .action(act((cli, options: ReplayOptions) => replay(cli, options)));
}

async function replay(cli: Cli, options: ReplayOptions): Promise<void> {
  const asked = getSelection(options);
  await cli.withStore("write", async (store) => {
    await requireOwner(store, asked);
    const selection = await widened(store.parked, asked);
    const { events } = await store.parked.replay(asked, { ratePerSecond: options.rate });
    const owner = ownerInWords(asked);
    const what = `a replay of ${formatCount(events, "event")} of the ${owner}`;
    if (!options.wait) return said(cli, { ...asked, events, isAsked: true }, `Asked for ${what}.`);
    const report = await follow(cli, store, { selection, events });
    await saidOutcome(cli, { owner: asked, events, ...report });
  });
}

/** A replay of one event is a replay of its key. */
async function widened(
  parked: ParkedAdmin,
  { position, ...owner }: ParkedSelection,
): Promise<ParkedSelection> {
  if (position === undefined) return owner;
  let { key } = owner;
  for await (const event of parked.list({ ...owner, position, limit: 1 })) ({ key } = event);
  // What is not parked is not widened to everything: it is selected as asked, and refused.
  return key === undefined ? { ...owner, position } : { ...owner, key };
}

interface Report {
  /** Events that are parked, or still to be replayed. */
  readonly left: number;
  readonly ms: number;
  /** Why it does not come to its end by itself. */
  readonly hindrance: "idle" | "paused" | "halted" | undefined;
}

interface Replay {
  readonly selection: ParkedSelection;
  readonly events: number;
}

const lookEveryMs = 200;

async function follow(cli: Cli, store: Hitherto, { selection, events }: Replay): Promise<Report> {
  const progress = startProgress(cli, { title: "Replaying", total: events });
  const findHindrance = hindranceFinder(store, selection);
  try {
    for (;;) {
      const { replaying, others } = await countStates(store.parked, selection);
      const left = replaying + others;
      progress.update(Math.max(0, events - left), Math.max(0, events - left));
      const hindrance = replaying === 0 ? undefined : await findHindrance(replaying);
      if (replaying === 0 || hindrance !== undefined) return { left, ms: progress.elapsedMs(), hindrance };
      await pause(lookEveryMs, cli.signal);
      cli.checkInterrupted("replay");
    }
  } finally {
    progress.stop();
  }
}

/** When a process dies, another one takes over within seconds; and one halted partition does not hinder the others. */
const standstillMsMax = 10_000;

function hindranceFinder(
  { consumers, projections }: Hitherto,
  { kind, name }: ParkedOwner,
): (replaying: number) => Promise<Report["hindrance"]> {
  const admin = kind === "consumer" ? consumers : projections;
  let before = Number.POSITIVE_INFINITY;
  let since = performance.now();
  return async (replaying) => {
    if (replaying !== before) since = performance.now();
    before = replaying;
    const { state } = await admin.status(name);
    if (state === "paused") return state;
    const isHindered = state === "idle" || state === "halted";
    return isHindered && performance.now() - since > standstillMsMax ? state : undefined;
  };
}

async function countStates(
  parked: ParkedAdmin,
  selection: ParkedSelection,
): Promise<{ readonly replaying: number; readonly others: number }> {
  let replaying = 0;
  let others = 0;
  for await (const { state } of parked.list(selection)) {
    if (state === "replaying") replaying += 1;
    else others += 1;
  }
  return { replaying, others };
}

interface Outcome extends Report {
  readonly owner: ParkedOwner;
  readonly events: number;
}

async function saidOutcome(cli: Cli, { owner, ms, ...report }: Outcome): Promise<void> {
  const { events, left, hindrance } = report;
  if (left > 0) cli.exitCode = exitCodes.failed;
  const { kind, name } = owner;
  const replayed = Math.max(0, events - left);
  await said(cli, { kind, name, replayed, ...report }, inWords({ owner, ms, events, left, hindrance }));
}

function inWords({ owner, events, left, ms, hindrance }: Outcome): string {
  const whose = `${formatCount(events, "event")} of the ${ownerInWords(owner)}`;
  if (hindrance === undefined && left === 0) return `Replayed ${whose} in ${formatDuration(ms)}.`;
  const part = `Replayed ${formatNumber(Math.max(0, events - left))} of ${whose}`;
  if (hindrance !== undefined) return `${part}. ${hindrances[hindrance]}`;
  return [
    `${part}; the others failed again, or wait behind one that did.`,
    `See why: hitherto parked list --${owner.kind} ${printable(owner.name)}`,
  ].join("\n");
}

const hindrances: Readonly<Record<NonNullable<Report["hindrance"]>, string>> = {
  idle: "No process runs it now; the rest is replayed when one does.",
  paused: "It is paused; the rest is replayed when it is resumed.",
  halted: "It halted; the rest is replayed when it is resumed.",
};
