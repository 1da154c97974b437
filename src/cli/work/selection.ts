/**
 * Which parked events a command is about, and whose they are, from its options.
 */
import type { Command } from "commander";
import { definedParts } from "../../core/selections.ts";
import type { Hitherto } from "../../runtime/hitherto.ts";
import type { ParkedOwner, ParkedSelection } from "../../runtime/work-admin.ts";
import { printable } from "../format.ts";
import { integer } from "../options.ts";
import { UsageError } from "../usage-error.ts";

/** The options that name the owner of parked events. */
export interface OwnerOptions {
  readonly consumer?: string;
  readonly projection?: string;
}

/** The options that choose among the parked events of an owner. */
export interface SelectionOptions extends OwnerOptions {
  readonly key?: string;
  readonly position?: number;
  readonly all?: boolean;
}

/** Adds the options that name the owner of parked events. */
export function addOwnerOptions(command: Command): Command {
  return command
    .option("--consumer <name>", "those of this consumer")
    .option("--projection <name>", "those of this projection");
}

/** Adds the options that choose parked events. */
export function addSelectionOptions(command: Command): Command {
  return addOwnerOptions(command)
    .option("--key <key>", "those of this key: a stream, a document, or what partitionBy gives")
    .option("--position <n>", "the one at this position", integer(1))
    .option("--all", "all of them");
}

/** Whose parked events, if the options say so. @throws a usage error */
export function findOwner({ consumer, projection }: OwnerOptions): ParkedOwner | undefined {
  if (consumer !== undefined && projection !== undefined) {
    throw new UsageError("--consumer and --projection exclude each other");
  }
  if (consumer !== undefined) return { kind: "consumer", name: consumer };
  return projection === undefined ? undefined : { kind: "projection", name: projection };
}

/**
 * Makes sure that there is such an owner: nothing is parked for a name that was mistyped either.
 *
 * @throws `CONSUMER_UNKNOWN`, `PROJECTION_UNKNOWN`
 */
export async function requireOwner(
  { consumers, projections }: Pick<Hitherto, "consumers" | "projections">,
  owner: ParkedOwner | undefined,
): Promise<void> {
  if (owner !== undefined) await (owner.kind === "consumer" ? consumers : projections).status(owner.name);
}

/** Which parked events. Nothing is taken for granted: it takes an owner, and a key, a position, or all. @throws a usage error */
export function getSelection(options: SelectionOptions): ParkedSelection {
  const { key, position, all = false } = options;
  const owner = findOwner(options);
  if (owner === undefined) throw new UsageError("whose parked events? Give --consumer or --projection");
  const isNarrowed = key !== undefined || position !== undefined;
  if (!isNarrowed && !all) throw new UsageError("which parked events? Give --key, --position or --all");
  if (isNarrowed && all) throw new UsageError("--all excludes --key and --position");
  return { ...owner, ...definedParts({ key, position }) };
}

/** Such as `consumer emails`. */
export function ownerInWords({ kind, name }: ParkedOwner): string {
  return `${kind} ${printable(name)}`;
}
