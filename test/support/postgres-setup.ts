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

/** Starts the server, and returns what stops it. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const url = process.env["HITHERTO_TEST_POSTGRES_URL"];
  if (url !== undefined && url !== "") {
    project.provide("postgres", { url });
    return undefined;
  }
  try {
    const server = await startPostgres();
    project.provide("postgres", { url: server.url });
    return () => server.stop();
  } catch (error) {
    const problem = (error as Error).message;
    process.stderr.write(`\n${problem}\n\n`);
    project.provide("postgres", { problem });
    return undefined;
  }
}
