import { openPostgresStore } from "hitherto/postgres";
import { readSideConformance } from "hitherto/testing";
import { describe, expect, test } from "vitest";
import { freshSchema } from "../../support/postgres.ts";
import { onServer } from "./on-server.ts";

readSideConformance({ ...onServer, runner: { describe, test }, supportsSql: true });

test("a transaction that throws takes none of the calls that wait for their turn", async () => {
  await using schema = freshSchema();
  await using store = await openPostgresStore(schema.url);
  const append = { stream: "a", events: [{ type: "Noted", data: {} }] };
  const failing = store.readSide.transaction(async (transaction) => {
    const calls = [1, 2, 3].map(() => transaction.append(append));
    for (const call of calls) call.catch(() => undefined);
    await calls[0];
    throw new Error("no more");
  });
  await expect(failing).rejects.toThrow("no more");
  await store.append(append);
  expect(await store.head()).toBe(1);
});
