/**
 * Before the tests on PostgreSQL: one server for the whole run, started here, or the one that
 * `HITHERTO_TEST_POSTGRES_URL` names. When there is none, every test that needs it fails with what is missing.
 */
import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    postgres: { readonly url: string } | { readonly problem: string };
  }
}

let stop: () => Promise<void> = () => Promise.resolve();

/** Starts the server, or says why there is none. */
export async function setup(project: TestProject): Promise<void> {
  const url = process.env["HITHERTO_TEST_POSTGRES_URL"];
  if (url !== undefined && url !== "") {
    project.provide("postgres", { url });
    return;
  }
  try {
    const server = await startPostgres();
    project.provide("postgres", { url: server.url });
    stop = () => server.stop();
  } catch (error) {
    const problem = (error as Error).message;
    process.stderr.write(`\n${problem}\n\n`);
    project.provide("postgres", { problem });
  }
}

/** Stops the server that {@link setup} started. */
export function teardown(): Promise<void> {
  return stop();
}
