/**
 * What the runtime keeps in records: their spaces, keys and values, in one place, since processes of different versions
 * read each other's. All of it is JSON; unknown parts of a value are kept when it is changed.
 *
 * | space | key | value | written by |
 * | --- | --- | --- | --- |
 * | `members` | member | {@link MemberRecord} | the member, once a beat |
 * | `projections` | name | {@link ProjectionRecord} | whoever looks after it |
 * | `runs` | name / generation | {@link RunRecord} | the member that owns the generation |
 * | `consumers` | name | {@link ConsumerRecord} | whoever looks after it |
 * | `partitions` | name / partition | {@link PartitionRecord} | the member that owns the partition |
 * | `parked` | scope / key / position | {@link ParkedRecord} | the owner of the partition or generation; admins |
 * | `parkedKeys` | scope / key | {@link ParkedKeyRecord} | the same |
 * | `inbox` | consumer / position | {@link InboxRecord} | the transaction of `once`; the owner of the partition |
 *
 * The scope of what is parked is `consumer` / name, or `projection` / name / generation; see `parked/parked-records.ts`.
 */
import type { ParkedEvent, ParkedOwner } from "./work-admin.ts";
import type { WorkError, WorkProgress } from "./work-status.ts";

/** A sign of life. */
export interface MemberRecord {
  /** For people: host and process id. */
  readonly label: string;
  readonly host: string;
  readonly pid: number;
  /** Tells process ids of one namespace from those of another. */
  readonly namespace: string;
  /** What it takes part in. */
  readonly works: readonly string[];
  /** Rises with each beat. */
  readonly beat: number;
  readonly leaseMs: number;
}

/** What is wanted of a projection. */
export interface ProjectionRecord {
  readonly wanted: "running" | "paused";
  /** Rises with each rebuild asked for; a generation built under a lower number is out of date. */
  readonly rebuild: number;
  /** Rises with each resume, so that a halted run notices. */
  readonly resumed: number;
  readonly lagAlertMs?: number | undefined;
}

/** A generation at work. */
export interface RunRecord {
  readonly holder: string | undefined;
  /** {@link ProjectionRecord.rebuild} when it was made. */
  readonly rebuild: number;
  /** Whether keys of it are parked, so that none but its owner can tell what to do with their events. */
  readonly hasParked?: boolean | undefined;
  readonly progress: WorkProgress;
}

/** What is wanted of a consumer. */
export interface ConsumerRecord {
  readonly wanted: "running" | "paused";
  readonly resumed: number;
  readonly partitions: number;
  /**
   * Earlier ways to deal out the keys, newest first, until every partition has passed them: an event at or below the
   * position that its partition had then, has been worked off.
   */
  readonly before: readonly Layout[];
  /** Rises whenever the partitions are dealt out or placed anew: whoever owned one before owns none any more. */
  readonly epoch: number;
  /** Why it stopped at an event; nobody delivers until it is resumed. */
  readonly halted?: WorkError | undefined;
  /** A change that waits until nobody delivers: another number of partitions, or another place to go on after. */
  readonly asked?: { readonly partitions: number } | { readonly to: number } | undefined;
  readonly lagAlertMs?: number | undefined;
}

/** A way to deal out the keys, and the positions that its partitions had reached when it was given up. */
export interface Layout {
  readonly partitions: number;
  readonly positions: readonly number[];
}

/** A partition's owner and place. */
export interface PartitionRecord {
  readonly holder: string | undefined;
  readonly position: number;
  readonly progress: WorkProgress;
}

/** A parked event. */
export type ParkedRecord = Omit<ParkedEvent, "owner" | "key" | "position">;

/** A key with parked events: it takes no new ones until they are gone. */
export interface ParkedKeyRecord {
  readonly key: string;
  /** `blocked` waits for somebody; `replaying` is being worked off. */
  readonly state: "blocked" | "replaying";
  readonly ratePerSecond?: number | undefined;
}

/** That an event's `once` has run. */
export interface InboxRecord {
  /** Tells whose partition may remove it. */
  readonly key: string;
}

/** The spaces of records. */
export const spaces = {
  members: "members",
  projections: "projections",
  runs: "runs",
  consumers: "consumers",
  partitions: "partitions",
  parked: "parked",
  parkedKeys: "parkedKeys",
  inbox: "inbox",
} as const;

/** Makes a key of parts, such that the keys of one beginning are those with one prefix: every part ends with `/`. */
export function recordKey(...parts: ReadonlyArray<string | number>): string {
  return parts.map((part) => `${encodePart(part)}/`).join("");
}

/** The parts that {@link recordKey} was given; numbers as text without leading zeros. */
export function recordKeyParts(key: string): string[] {
  return key.split("/").slice(0, -1).map(decodePart);
}

/** How the keys of an owner's parked events and parked keys begin. */
export function ownerKey({ kind, name }: ParkedOwner): string {
  return recordKey(kind, name);
}

const digits = 16;

/** Numbers sort by value. */
function encodePart(part: string | number): string {
  if (typeof part === "number") return `#${String(part).padStart(digits, "0")}`;
  return part.replaceAll("%", "%25").replaceAll("/", "%2F").replaceAll("#", "%23");
}

function decodePart(part: string): string {
  if (part.startsWith("#")) return String(Number(part.slice(1)));
  return part.replaceAll("%23", "#").replaceAll("%2F", "/").replaceAll("%25", "%");
}
