/**
 * The domain of the projection tests: numbers are added to tallies, one event to several of them at once, and tallies
 * are cleared. What a tally says depends on the order of its events, so that a lost, doubled or misplaced one shows.
 */
import assert from "node:assert/strict";
import type { NewEvent, StoredEvent } from "../../../core/event.ts";
import { projection } from "../../../core/projection.ts";
import type { Projection } from "../../../core/projection.ts";
import type { Hitherto } from "../../../runtime/hitherto.ts";
import type {
  ProjectionRunner,
  ProjectionRunnerOptions,
} from "../../../runtime/projections/projection-runner.ts";
import type { Stamped } from "../../../runtime/projections/read-model.ts";
import type { EventStore } from "../../../store/event-store.ts";
import { upTo } from "../helpers.ts";
import type { Random } from "../random.ts";

/** What is added to which tallies. */
export interface Added {
  readonly to: readonly string[];
  readonly n: number;
}

/** What a tally says. */
export interface Tally {
  readonly count: number;
  readonly sum: number;
  readonly parity: "even" | "odd";
  /** All numbers in their order, mixed into one. */
  readonly chain: number;
}

/** The read model of the tests. */
export type Tallies = Projection<Tally, "sum" | "parity">;

/** How the projection differs from the usual one. */
export interface TalliesOptions {
  readonly name?: string;
  readonly version?: number;
  /** Called before each step; what it throws is the handler's error. */
  readonly before?: (event: StoredEvent) => void;
  /** Counts each number so many times; a bug where it is not 1. */
  readonly weight?: number;
}

/** Numbers by the tallies they are added to. */
export function tallies({ name = "tallies", version = 1, before, weight = 1 }: TalliesOptions = {}): Tallies {
  return projection(name, {
    version,
    initial: (): Tally => ({ count: 0, sum: 0, parity: "even", chain: 7 }),
    key: (event) => (event.data as Added).to,
    indexes: ["sum", ["parity", "sum"]],
    evolve: {
      Added: (tally, { n }: Added, event) => {
        before?.(event);
        const sum = tally.sum + n * weight;
        const parity = sum % 2 === 0 ? "even" : "odd";
        return { count: tally.count + 1, sum, parity, chain: (tally.chain * 31 + n * weight) % 1_000_003 };
      },
      Cleared: (_tally, _data, event) => {
        before?.(event);
        return null;
      },
    },
  });
}

/** Adds a number to tallies. */
export function added(n: number, ...to: string[]): NewEvent {
  return { type: "Added", data: { to, n } };
}

/** Removes a tally. */
export function cleared(key: string): NewEvent {
  return { type: "Cleared", data: { to: [key] } };
}

/** The keys that random events concern. */
export const keys: readonly string[] = upTo(12).map((n) => `k${n}`);

/** Something that happens to one, two or three tallies, now and then one that nobody wants to know. */
export function somethingRandom(random: Random): NewEvent {
  if (random.once(20)) return cleared(random.pick(keys));
  if (random.once(20)) return { type: "Ignored", data: { to: [random.pick(keys)], n: 1 } };
  const to = new Set(upTo(1 + random.integer(3)).map(() => random.pick(keys)));
  return added(random.integer(100), ...to);
}

/** Appends so many random events, in appends of up to seven, to five streams. Returns the last position. */
export async function appendRandom(store: EventStore, random: Random, count: number): Promise<number> {
  let position = 0;
  for (let left = count; left > 0;) {
    const size = Math.min(left, 1 + random.integer(7));
    const events = upTo(size).map(() => somethingRandom(random));
    ({ position } = await store.append({ stream: `log-${random.integer(5)}`, events }));
    left -= size;
  }
  return position;
}

/** What the projection says of events, by the plainest of means. */
export function foldPlainly(
  { key, evolve, initial }: Tallies,
  events: Iterable<StoredEvent>,
  documents: Map<string, Tally> = new Map<string, Tally>(),
): Map<string, Tally> {
  for (const event of events) {
    const step = evolve[event.type];
    if (step === undefined) continue;
    for (const name of [key(event) ?? []].flat()) {
      const next = step(documents.get(name) ?? initial(name), event.data, event);
      if (next === null) documents.delete(name);
      else documents.set(name, next);
    }
  }
  return documents;
}

/** All documents and the one state that they are from. */
export async function documentsOf(
  store: Hitherto,
  model: Tallies,
  options: { readonly waitFor?: number } = {},
): Promise<Stamped & { readonly documents: Map<string, Tally> }> {
  const { entries, position, version } = await store.readModel(model).find({ limit: 1_000, ...options });
  return { documents: new Map(entries.map((one) => [one.key, one.document])), position, version };
}

/** Expects the read model to be, at the position that it states, exactly what the log says. Returns its stamp. */
export async function agrees(
  store: Hitherto,
  model: Tallies,
  options: { readonly waitFor?: number } = {},
): Promise<Stamped> {
  const { documents, position, version } = await documentsOf(store, model, options);
  const events = await store.read({ to: position }).toArray();
  assert.deepEqual(sorted(documents), sorted(foldPlainly(model, events)), `at position ${position}`);
  return { position, version };
}

/** Expects the read model to be what the whole log says. */
export async function agreesWithAll(store: Hitherto, model: Tallies): Promise<Stamped> {
  const head = await store.head();
  const stamp = await agrees(store, model, { waitFor: head });
  assert.ok(stamp.position >= head, `position ${stamp.position} of ${head}`);
  return stamp;
}

/** Options with which tests need not wait long. */
export const brisk: ProjectionRunnerOptions = {
  leaseMs: 600,
  retry: { max: 3, delayMs: 5, jitter: 0 },
};

/** Runs one projection. */
export function run(
  store: Hitherto,
  model: Tallies,
  options?: ProjectionRunnerOptions,
): Promise<ProjectionRunner> {
  return store.runProjections([model], { ...brisk, ...options });
}

function sorted(documents: Map<string, Tally>): Array<[string, Tally]> {
  return [...documents].sort(([a], [b]) => (a < b ? -1 : 1));
}
