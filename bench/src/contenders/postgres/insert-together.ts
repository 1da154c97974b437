/**
 * Inserts of many rows, for the floor: one is under way at a time, and what is appended meanwhile goes into the next one.
 */
import type pg from "pg";
import type { AnyEvent } from "../reader.ts";

const insert =
  "INSERT INTO events (stream, type, data) SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[])";
const rowsAtOnce = 10_000;

interface Waiting {
  readonly stream: string;
  readonly events: readonly AnyEvent[];
  readonly done: (error?: Error) => void;
}

/** Appends by inserts that follow one another, each of all that waits. */
export function insertTogether(
  client: pg.Client,
): (stream: string, events: readonly AnyEvent[]) => Promise<void> {
  let waiting: Waiting[] = [];
  let isBusy = false;
  const work = async (): Promise<void> => {
    isBusy = true;
    while (waiting.length > 0) {
      const group = takeGroup(waiting);
      waiting = waiting.slice(group.length);
      const failure = await insertAll(client, group).then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      for (const { done } of group) done(failure);
    }
    isBusy = false;
  };
  return (stream, events) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.push({ stream, events, done: (error) => (error === undefined ? resolve() : reject(error)) });
    if (!isBusy) void work();
    return promise;
  };
}

function takeGroup(waiting: readonly Waiting[]): readonly Waiting[] {
  let rows = 0;
  const end = waiting.findIndex(({ events }) => (rows += events.length) > rowsAtOnce);
  return end === -1 ? waiting : waiting.slice(0, Math.max(1, end));
}

async function insertAll(client: pg.Client, group: readonly Waiting[]): Promise<void> {
  const [streams, types, data]: [string[], string[], string[]] = [[], [], []];
  for (const { stream, events } of group) {
    for (const event of events) {
      streams.push(stream);
      types.push(event.type);
      data.push(JSON.stringify(event.data));
    }
  }
  await client.query({ name: "insert", text: insert, values: [streams, types, data] });
}
