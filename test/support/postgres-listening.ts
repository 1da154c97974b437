/**
 * The notifications that wake whoever follows a store, as another connection hears them. What a store does with them,
 * test/integration/postgres/listener.test.ts shows, without polls.
 */
import pg from "pg";
import { channelOf } from "../../src/postgres/listener.ts";
import { postgresUrl } from "./postgres.ts";

/** What a connection has heard since it began to listen. */
export interface Heard extends AsyncDisposable {
  /** How many notifications every store takes for a change, also the one through which the change was made. */
  readonly fromOthers: () => number;
}

/** Listens to what is written in a schema. */
export async function listenTo(schema: string): Promise<Heard> {
  const client = new pg.Client({ connectionString: postgresUrl() });
  let fromOthers = 0;
  // Those with a payload are proofs, or name the handle that has woken its own watchers already.
  client.on("notification", ({ payload }) => {
    if (payload === "") fromOthers++;
  });
  await client.connect();
  await client.query(`LISTEN ${pg.escapeIdentifier(channelOf(schema))}`);
  return { fromOthers: () => fromOthers, [Symbol.asyncDispose]: () => client.end() };
}
