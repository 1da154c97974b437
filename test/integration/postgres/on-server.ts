/**
 * What the kits must know about the store on PostgreSQL: a schema of its own for each store.
 *
 * They run as the role of an application, which the owner of the store has given what `hitherto migrate --grant` gives and
 * which may not change events. What the owner alone may do, reclaiming, is left to the owner.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { isHithertoError } from "../../../src/core/errors.ts";
import { migratePostgresStore, openPostgresStore } from "../../../src/postgres/index.ts";
import type { EventStore } from "../../../src/store/event-store.ts";
import type { WorkConformance } from "../../../src/testing/conformance/work/work-kit.ts";
import { makeRole } from "../../support/postgres-roles.ts";
import type { TestRole } from "../../support/postgres-roles.ts";
import { dropSchemaOf, freshSchema, postgresUrl } from "../../support/postgres.ts";

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

let application: TestRole;
beforeAll(async () => {
  application = await makeRole(`application_${randomBytes(8).toString("hex")}`);
});
afterAll(() => application[Symbol.asyncDispose]());

/** For every kit. */
export const onServer: Omit<WorkConformance, "runner"> = {
  name: "the store on PostgreSQL",
  open: async () => {
    const { url } = freshSchema();
    await migratePostgresStore(url, { grantTo: application.name });
    return openAsApplication(url);
  },
  openAgain: (url) => openAsApplication(withPassword(url)),
  takeAway: dropSchemaOf,
  dispose: dropSchemaOf,
  spawn: (url) =>
    spawn(process.execPath, [worker, application.as(withPassword(url))], { stdio: ["pipe", "pipe", "pipe"] }),
};

/** The URL of a store holds no password. */
function withPassword(url: string): string {
  return postgresUrl() + new URL(url).search;
}

async function openAsApplication(url: string): Promise<EventStore> {
  const store = await openPostgresStore(application.as(url), { mode: "write" });
  const reclaim = async (
    options?: Parameters<EventStore["reclaim"]>[0],
  ): ReturnType<EventStore["reclaim"]> => {
    try {
      return await store.reclaim(options);
    } catch (error) {
      if (!isHithertoError(error, "STORE_RIGHTS_MISSING")) throw error;
      await using owned = await openPostgresStore(url);
      return await owned.reclaim(options);
    }
  };
  return new Proxy(store, {
    get: (_, key) => {
      const value: unknown = key === "reclaim" ? reclaim : Reflect.get(store, key, store);
      return typeof value === "function" ? (value.bind(store) as unknown) : value;
    },
  });
}
