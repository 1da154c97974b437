/**
 * What streams keep, and so which events are hidden.
 *
 * Few streams have a policy, so all of them are held in memory. Each change of one gets a number from the counter
 * `policy_changes`, so that whoever has seen changes up to some number reads only the rows changed since. A stream without
 * an entry hides nothing.
 */
import type { StoredEvent } from "../core/event.ts";
import type { Database, Statement } from "./driver.ts";

/** One row of `stream_policies`. */
export interface PolicyRow {
  readonly maxCount: number | undefined;
  readonly maxAgeMs: number | undefined;
  readonly truncateBefore: number;
  readonly deletedRevision: number | undefined;
  readonly isTombstoned: boolean;
  /** Where numbering goes on when no commit of the stream is left; -1 before the first event. */
  readonly lastRevision: number;
}

/** The policy of a stream that has none. */
export const noPolicy: PolicyRow = Object.freeze({
  maxCount: undefined,
  maxAgeMs: undefined,
  truncateBefore: 0,
  deletedRevision: undefined,
  isTombstoned: false,
  lastRevision: -1,
});

type Columns = [string, number | null, number | null, number, number | null, number, number];

const selectChanged = `SELECT stream, max_count, max_age_ms, truncate_before, deleted_revision, is_tombstoned,
  last_revision FROM stream_policies WHERE changed > ?`;

const replace = "INSERT OR REPLACE INTO stream_policies VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

/** So that all rows have changed since, those of old files too, whose changes have no number. */
const nothingSeen = -1;

/** The policies of one connection. Call {@link refresh} before relying on them. */
export class StreamPolicies {
  readonly #db: Database;
  readonly #policies = new Map<string, PolicyRow>();
  readonly #changes: Statement<[number]>;
  readonly #changed: Statement<Columns>;
  #seenChanges = nothingSeen;

  constructor(db: Database) {
    this.#db = db;
    this.#changes = db.prepare("SELECT value FROM counters WHERE name = 'policy_changes'");
    this.#changed = db.prepare(selectChanged);
  }

  /** Takes up what other connections have changed. */
  refresh(): void {
    const changes = this.#changes.get()?.[0] ?? 0;
    if (changes === this.#seenChanges) return;
    if (this.#seenChanges === nothingSeen) this.#policies.clear();
    for (const row of this.#changed.all(this.#seenChanges)) this.#policies.set(row[0], toPolicy(row));
    this.#seenChanges = changes;
  }

  get isEmpty(): boolean {
    return this.#policies.size === 0;
  }

  find(stream: string): PolicyRow | undefined {
    return this.#policies.get(stream);
  }

  entries(): Iterable<[string, PolicyRow]> {
    return this.#policies;
  }

  /** Stores a policy, in a transaction that began with a {@link refresh}. */
  save(stream: string, policy: PolicyRow): void {
    this.#policies.set(stream, policy);
    this.#seenChanges++;
    this.#db.prepare(replace).run(...toColumns(stream, policy), this.#seenChanges);
    this.#db.prepare("UPDATE counters SET value = ? WHERE name = 'policy_changes'").run(this.#seenChanges);
  }

  /** After a transaction that failed: what was saved in it is not so. */
  forget(): void {
    this.#seenChanges = nothingSeen;
  }
}

/** The lowest revision that deletion, truncation and count leave visible, for a stream whose last revision is `last`. */
export function firstKeptRevision(policy: PolicyRow, last: number): number {
  const byCount = policy.maxCount === undefined ? 0 : last - policy.maxCount + 1;
  return Math.max(policy.truncateBefore, (policy.deletedRevision ?? -1) + 1, byCount);
}

/** Whether an event of a stream with this policy is hidden at the moment `nowMs`. */
export function hides(
  policy: PolicyRow,
  last: number,
  event: Pick<StoredEvent, "revision" | "recordedAt">,
  nowMs: number,
): boolean {
  if (event.revision < firstKeptRevision(policy, last)) return true;
  return policy.maxAgeMs !== undefined && Date.parse(event.recordedAt) < nowMs - policy.maxAgeMs;
}

function toPolicy(row: Columns): PolicyRow {
  return {
    maxCount: row[1] ?? undefined,
    maxAgeMs: row[2] ?? undefined,
    truncateBefore: row[3],
    deletedRevision: row[4] ?? undefined,
    isTombstoned: row[5] === 1,
    lastRevision: row[6],
  };
}

function toColumns(stream: string, policy: PolicyRow): Columns {
  return [
    stream,
    policy.maxCount ?? null,
    policy.maxAgeMs ?? null,
    policy.truncateBefore,
    policy.deletedRevision ?? null,
    policy.isTombstoned ? 1 : 0,
    policy.lastRevision,
  ];
}
