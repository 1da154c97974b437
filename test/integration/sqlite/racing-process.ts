/**
 * A process that appends in competition with others, for `processes.test.ts`.
 *
 *   node racing-process.ts FILE MODE NAME COUNT
 *
 * Says `ready`, waits for a line on its input, does its work and prints one JSON object: what it was told.
 */
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { isHithertoError } from "../../../src/core/errors.ts";
import { openSqliteStore } from "../../../src/sqlite/index.ts";
import type { EventStore } from "../../../src/store/event-store.ts";

/** What it prints. */
export interface Told {
  /** Names of what was won or appended. */
  readonly won: string[];
  readonly conflicts: number;
  /** Any other error's code. */
  readonly errors: string[];
}

const tasksAtOnce = 8;

const [path, mode, name, count] = process.argv.slice(2) as [string, string, string, string];
const told: Told & { conflicts: number } = { won: [], conflicts: 0, errors: [] };

/** Runs one append and notes what became of it. */
async function attempt(label: string, append: () => Promise<unknown>): Promise<void> {
  try {
    await append();
    told.won.push(label);
  } catch (error) {
    if (isHithertoError(error, "REVISION_CONFLICT", "CONDITION_CONFLICT")) told.conflicts++;
    else told.errors.push(isHithertoError(error) ? error.code : String(error));
  }
}

const event = (label: string) => ({ type: "ThingDone", data: { label } });

/** Each mode: the round's number to one append. */
const modes: Readonly<Record<string, (store: EventStore, round: number, label: string) => Promise<unknown>>> =
  {
    /** Its own stream and a shared one, by expected revision. */
    mixed: async (store, round, label) => {
      if (round % 2 === 0) return store.append({ stream: `own-${name}`, events: [event(label)] });
      const revision = (await store.findStream("shared-1"))?.revision;
      return store.append({ stream: "shared-1", expect: revision ?? "none", events: [event(label)] });
    },
    /** The same streams as everybody else. */
    none: (store, round, label) =>
      store.append({ stream: `once-${round}`, expect: "none", events: [event(label)] }),
    /** The same tags as everybody else, in streams of its own. */
    condition: (store, round, label) => {
      const tags = [`seat:${round}`];
      const condition = { failIfMatch: [{ tags }] };
      return store.append({ stream: `own-${name}`, events: [{ ...event(label), tags }] }, { condition });
    },
    /** One after the other with the moment in the data, for subscribers. */
    paced: async (store, round) => {
      await setTimeout(round % 7);
      return store.append({ stream: `own-${name}`, events: [{ type: "ThingDone", data: Date.now() }] });
    },
  };

await using store = await openSqliteStore(path);
process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.unref();
const append = modes[mode]!;
let next = 0;
const task = async (): Promise<void> => {
  while (next < Number(count)) {
    const round = next++;
    const label = `${name}:${round}`;
    await attempt(label, () => append(store, round, label));
  }
};
await Promise.all(Array.from({ length: mode === "paced" ? 1 : tasksAtOnce }, task));
process.stdout.write(`${JSON.stringify(told)}\n`);
process.stdin.destroy();
