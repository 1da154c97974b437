/**
 * What streams keep, and so which events are hidden.
 *
 * Few streams have a policy, so all of them are held in memory. Each change of one gets a number from the counter
 * `policy_changes`, so that whoever has seen changes up to some number reads only the rows changed since. A stream without
 * an entry hides nothing.
 */
import type { StoredEvent } from "../core/event.ts";
import { prepareCounters, readCounter, writeCounter } from "./counters.ts";
import type { Statement } from "./driver.ts";
import { checkChecksum, rowChecksum, rowDamaged } from "./row-checksum.ts";
import type { Statements } from "./row-source.ts";

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

type Columns = [
  stream: string,
  maxCount: number | null,
  maxAgeMs: number | null,
  truncateBefore: number,
  deletedRevision: number | null,
  isTombstoned: number,
  lastRevision: number,
  changed: number,
];

/** A row of `stream_policies`, to be checked by {@link checkPolicy}. */
export type StoredPolicyRow = [...Columns, checksum: number];

/** To select {@link StoredPolicyRow}s. */
export const selectPolicies = `SELECT stream, max_count, max_age_ms, truncate_before, deleted_revision, is_tombstoned,
  last_revision, changed, checksum FROM stream_policies`;

const replace = "INSERT OR REPLACE INTO stream_policies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";

/** So that all rows have changed since, those of old files too, whose changes have no number. */
const nothingSeen = -1;

/** The policies of one connection. Call {@link refresh} before relying on them. */
export class StreamPolicies {
  readonly #statements: Statements;
  readonly #store: string;
  readonly #policies = new Map<string, PolicyRow>();
  readonly #all: Statement<StoredPolicyRow>;
  readonly #changed: Statement<StoredPolicyRow>;
  #seenChanges = nothingSeen;

  constructor(statements: Statements, store: string) {
    this.#statements = statements;
    this.#store = store;
    prepareCounters(statements);
    // Not by the index, in which a row could be missing.
    this.#all = statements.prepare(`${selectPolicies} NOT INDEXED`);
    this.#changed = statements.prepare(`${selectPolicies} WHERE changed > ?`);
  }

  /** Takes up what other connections have changed. @throws `STORE_DAMAGED` */
  refresh(): void {
    const changes = readCounter(this.#statements, "policy_changes", this.#store);
    if (changes === this.#seenChanges) return;
    const isFirst = this.#seenChanges === nothingSeen;
    const rows = isFirst ? this.#all.all() : this.#changed.all(this.#seenChanges);
    const policies = rows.map((row) => [row[0], checkPolicy(row, this.#store)] as const);
    // The last change is of a row that is still there, since a policy is never removed.
    if (changes > 0 && !rows.some((row) => row[7] === changes)) {
      throw rowDamaged(this.#store, "the stream policy that was changed last is missing");
    }
    if (isFirst) this.#policies.clear();
    for (const [stream, policy] of policies) this.#policies.set(stream, policy);
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
    const columns = toColumns(stream, policy, this.#seenChanges);
    this.#statements.prepare(replace).run(...columns, rowChecksum("stream_policies", columns));
    writeCounter(this.#statements, "policy_changes", this.#seenChanges);
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

/** The policy in a row, if the row is as it was written. @throws `STORE_DAMAGED` */
export function checkPolicy(row: StoredPolicyRow, store: string): PolicyRow {
  const checksum = rowChecksum("stream_policies", row.slice(0, -1));
  checkChecksum(row[8], checksum, store, () => `the policy of stream "${row[0]}"`);
  return {
    maxCount: row[1] ?? undefined,
    maxAgeMs: row[2] ?? undefined,
    truncateBefore: row[3],
    deletedRevision: row[4] ?? undefined,
    isTombstoned: row[5] === 1,
    lastRevision: row[6],
  };
}

function toColumns(stream: string, policy: PolicyRow, changed: number): Columns {
  return [
    stream,
    policy.maxCount ?? null,
    policy.maxAgeMs ?? null,
    policy.truncateBefore,
    policy.deletedRevision ?? null,
    policy.isTombstoned ? 1 : 0,
    policy.lastRevision,
    changed,
  ];
}
