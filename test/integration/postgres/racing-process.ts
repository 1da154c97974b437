/**
 * A process of eight writers that append in competition with others, for `racing.test.ts`.
 *
 *   node racing-process.ts URL NAME COUNT
 *
 * Every other append is made in a transaction of its own with random pauses before and after it, of which some are rolled
 * back. Says `ready`, waits for a line on its input, and prints a JSON array of what was committed.
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { nameAppend } from "../../../src/postgres/append-group.ts";
import { planConnection } from "../../../src/postgres/connection-plan.ts";
import { LogWriter } from "../../../src/postgres/log-writer.ts";
import { openPostgresStore } from "../../../src/postgres/postgres-store.ts";
import { Database } from "../../../src/postgres/session.ts";
import { uuidV7 } from "../../../src/store/uuid.ts";

/** An event that was acknowledged: its id and position. */
export type Committed = readonly [id: string, position: number];

const writers = 8;
const rolledBack = new Error("rolled back on purpose");
const [url, name, count] = process.argv.slice(2) as [string, string, string];

await using store = await openPostgresStore(url);
const database = await Database.open(planConnection(url));
const writer = new LogWriter(database, { clock: undefined, busyTimeoutMs: 60_000 });
const committed: Committed[] = [];
const pause = (): Promise<void> => delay(Math.random() * 4);

process.stdout.write("ready\n");
await once(process.stdin, "data");
await Promise.all(Array.from({ length: writers }, (_, task) => write(task)));
await database.close();
process.stdout.write(`${JSON.stringify(committed)}\n`, () => process.stdin.destroy());

async function write(task: number): Promise<void> {
  for (let round = 0; round < Number(count); round++) {
    const id = uuidV7(Date.now());
    const batch = { stream: `${name}-${task}`, events: [{ id, type: "ThingDone", data: { round } }] };
    const position =
      round % 2 === 0 ? (await store.append(batch)).position : await appendSlowly(batch, round % 5 === 0);
    if (position !== undefined) committed.push([id, position]);
  }
}

async function appendSlowly(
  batch: Parameters<typeof nameAppend>[0],
  isRolledBack: boolean,
): Promise<number | undefined> {
  const named = nameAppend(batch, undefined, Date.now());
  try {
    return await database.transaction(async (session) => {
      await session.query("SELECT 1");
      await pause();
      const outcome = await writer.appendWithin(session, named);
      await pause();
      if (isRolledBack) throw rolledBack;
      if (outcome instanceof Error) throw outcome;
      return outcome.position;
    });
  } catch (error) {
    if ((error as Error).message.includes(rolledBack.message)) return undefined;
    throw error;
  }
}
