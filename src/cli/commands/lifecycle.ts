import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { definedParts } from "../../core/selections.ts";
import type { Expectation, ReclaimResult, StreamInfo, StreamPolicy } from "../../store/event-store.ts";
import type { Cli } from "../cli.ts";
import { confirm } from "../confirm.ts";
import { formatCount, formatDuration, formatNumber, printable } from "../format.ts";
import { expectation, integer } from "../options.ts";
import type { Act } from "../program.ts";
import { exitCodes } from "../surroundings.ts";
import { UsageError } from "../usage-error.ts";

interface RemoveOptions {
  readonly expect?: Expectation;
  readonly yes?: boolean;
}

interface ReclaimCommandOptions {
  readonly erase?: boolean;
  readonly yes?: boolean;
}

interface PolicyCommandOptions {
  readonly maxCount?: number;
  readonly maxAge?: number;
  readonly truncateBefore?: number;
  readonly none?: boolean;
  readonly yes?: boolean;
}

const deleteHelp = `
Examples:
  $ hitherto delete person-7 --store shop.db
  $ hitherto delete person-7 --expect 12 --yes --store shop.db

The events are hidden from every read, for good. The stream can be begun again
and goes on counting. Their bytes stay in the file until reclaim --erase.`;

const tombstoneHelp = `
Examples:
  $ hitherto tombstone person-7 --store shop.db

The events are hidden from every read, and nothing can be appended to the stream
any more. Their bytes stay in the file until reclaim --erase.`;

const policyHelp = `
Examples:
  $ hitherto policy sensor-1 --store shop.db
  $ hitherto policy sensor-1 --max-count 1000 --max-age 30d --store shop.db
  $ hitherto policy order-17 --truncate-before 120 --store shop.db
  $ hitherto policy sensor-1 --none --store shop.db

Without an option the policy is shown. What is given replaces the whole policy;
only --truncate-before stays, and never goes down. What a policy hides is hidden
from every read immediately; what reclaim has not taken comes back when the
policy is lifted.`;

const reclaimHelp = `
Examples:
  $ hitherto reclaim --yes --store shop.db
  $ hitherto reclaim --erase --store shop.db

Frees the space of events that policies, deletions and tombstones hide. They are
gone for good. Without --erase their bytes stay in the file until something else
is written over them; no read shows them.

With --erase the files are written anew, and no byte of what was deleted is left
in them, documents and parked events included. Writers wait meanwhile. Backups
and exports that were made before still hold it. The exit code is 1 when a
reader has kept it from being done; run it again.`;

/** Adds the commands that hide events and free their space. */
export function addLifecycle(program: Command, act: Act): void {
  for (const [name, help, object] of [
    ["delete", deleteHelp, "all events of a stream, which can be begun again"],
    ["tombstone", tombstoneHelp, "all events of a stream, and close it for good"],
  ] as const) {
    program
      .command(name)
      .summary(`hide ${object}`)
      .description(`Hide ${object}.`)
      .argument("<stream>", "name of the stream")
      .option("--expect <state>", "refuse unless the stream is so: exists, any, or its revision", expectation)
      .option("--yes", "do not ask")
      .addHelpText("after", help)
      .action(act((cli, stream: string, options: RemoveOptions) => remove(cli, name, stream, options)));
  }
  program
    .command("policy")
    .summary("show or set how much of a stream is kept")
    .description("Shows the policy of a stream, or sets it: how many of its events are kept.")
    .argument("<stream>", "name of the stream")
    .option("--max-count <n>", "keep the last so many events", integer(1))
    .option("--max-age <time>", "keep the events of the last so much time, such as 12h or 30d", duration)
    .option("--truncate-before <n>", "drop what lies before this revision; cannot be undone", integer(0))
    .option("--none", "lift all but --truncate-before")
    .option("--yes", "do not ask")
    .addHelpText("after", policyHelp)
    .action(act((cli, stream: string, options: PolicyCommandOptions) => policy(cli, stream, options)));
  program
    .command("reclaim")
    .summary("free the space of hidden events, or erase them")
    .description("Frees the space of hidden events, or erases every byte of what was deleted.")
    .option("--erase", "write the files anew, so that no byte of what was deleted is left")
    .option("--yes", "do not ask")
    .addHelpText("after", reclaimHelp)
    .action(act((cli, options: ReclaimCommandOptions) => reclaim(cli, options)));
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

function duration(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,12})(ms|s|min|h|d)$/.exec(text) ?? [];
  const ms = Number(count) * (units[unit] ?? Number.NaN);
  if (Number.isSafeInteger(ms) && ms > 0) return ms;
  throw new InvalidArgumentError("It must be a number and a unit (ms, s, min, h, d), such as 12h or 30d.");
}

async function remove(
  cli: Cli,
  kind: "delete" | "tombstone",
  stream: string,
  { expect, yes }: RemoveOptions,
): Promise<void> {
  await cli.withStore("write", async (store) => {
    const info = await store.findStream(stream);
    const name = printable(stream);
    const what = info === undefined ? "It has no events." : `Its last revision is ${info.revision}.`;
    const question =
      kind === "delete"
        ? `Delete the stream ${name}? ${what} Its events will be hidden for good.`
        : `Put a tombstone on the stream ${name}? ${what} Its events will be hidden and nothing can be appended again.`;
    if (!(await confirm(cli, question, { yes }))) return;
    if (kind === "delete") await store.deleteStream(stream, definedParts({ expect }));
    else await store.tombstoneStream(stream, definedParts({ expect }));
    const after = await store.findStream(stream);
    const result = { stream, state: after?.state ?? (kind === "delete" ? "open" : "tombstoned") };
    const text = kind === "delete" ? `Deleted ${name}.` : `${name} has a tombstone.`;
    const hint = " Its bytes stay in the files until hitherto reclaim --erase.";
    await cli.out.line(cli.isJson ? JSON.stringify(result) : `${text}${info === undefined ? "" : hint}`);
  });
}

async function policy(cli: Cli, stream: string, options: PolicyCommandOptions): Promise<void> {
  const { maxCount, maxAge: maxAgeMs, truncateBefore, none = false, yes } = options;
  const wanted: StreamPolicy = definedParts({ maxCount, maxAgeMs, truncateBefore });
  const isGiven = Object.keys(wanted).length > 0;
  if (none && isGiven) throw new UsageError("--none lifts the policy; leave the other options out");
  if (!none && !isGiven) {
    await cli.withStore("read", async (store) => showPolicy(cli, stream, await store.findStream(stream)));
    return;
  }
  await cli.withStore("write", async (store) => {
    const question = `Drop what lies before revision ${truncateBefore} of ${printable(stream)}?`;
    if (truncateBefore !== undefined && !(await confirm(cli, question, { yes }))) return;
    await store.setStreamPolicy(stream, none ? {} : wanted);
    await showPolicy(cli, stream, await store.findStream(stream), wanted);
  });
}

/** A stream without events is not known, though it may have been given a policy. */
async function showPolicy(
  cli: Cli,
  stream: string,
  info: StreamInfo | undefined,
  given: StreamPolicy = {},
): Promise<void> {
  const found = info?.policy ?? given;
  if (cli.isJson) await cli.out.line(JSON.stringify({ stream, policy: found }));
  else await cli.out.line(`${printable(stream)} ${policyInWords(found)}.`);
}

function policyInWords({ maxCount, maxAgeMs, truncateBefore }: StreamPolicy): string {
  const parts = [
    ...(maxCount === undefined ? [] : [`the last ${formatCount(maxCount, "event")}`]),
    ...(maxAgeMs === undefined ? [] : [`events of the last ${formatDuration(maxAgeMs)}`]),
    ...(truncateBefore === undefined ? [] : [`events from revision ${formatNumber(truncateBefore)} on`]),
  ];
  return parts.length === 0 ? "keeps everything" : `keeps only ${parts.join(", and of these ")}`;
}

async function reclaim(cli: Cli, { erase = false, yes }: ReclaimCommandOptions): Promise<void> {
  await cli.withStore("write", async (store) => {
    const question = erase
      ? "Erase every event that is hidden, and all bytes of what was deleted? Writers wait meanwhile."
      : "Reclaim the events that policies, deletions and tombstones hide? They are gone for good then.";
    if (!(await confirm(cli, question, { yes }))) return;
    const began = performance.now();
    const result = await store.reclaim({ erase, signal: cli.signal });
    const took = formatDuration(performance.now() - began);
    await cli.out.line(cli.isJson ? JSON.stringify(result) : reclaimedInWords(result, took));
    if (result.isErased === false) cli.exitCode = exitCodes.failed;
  });
}

function reclaimedInWords({ events, isErased, heldBack }: ReclaimResult, took: string): string {
  const reclaimed = `Reclaimed ${formatCount(events, "event")} in ${took}`;
  if (isErased === undefined) return `${reclaimed}.`;
  if (isErased) return `${reclaimed}. No byte of what was deleted is left in the files of the store.`;
  return `${reclaimed}, but not all bytes are erased: ${heldBack}. Run it again.`;
}
