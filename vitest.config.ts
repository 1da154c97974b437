import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { whyNoPostgres } from "./test/support/postgres-available.ts";

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

/** Tests run on the sources, whatever dist/ holds. */
export const alias: Array<{ find: RegExp; replacement: string }> = [
  { find: /^hitherto$/, replacement: source("index.ts") },
  { find: /^hitherto\/(core|store|sqlite|postgres|testing)$/, replacement: source("$1/index.ts") },
];

/** The threads of stores start from stripped sources, and nothing else strips types there; the module says why. */
export const threads: { globalSetup: string; execArgv: string[] } = {
  globalSetup: "test/support/threads/strip.ts",
  execArgv: [
    "--no-experimental-strip-types",
    "--import",
    fileURLToPath(new URL("test/support/threads/load.mjs", import.meta.url)),
  ],
};

const noPostgres = whyNoPostgres();
if (noPostgres !== undefined) {
  const mend =
    "Mend that, or set HITHERTO_TEST_POSTGRES_URL to a superuser's URL of an empty database in UTF-8.";
  process.stderr.write(`\n*** The tests on PostgreSQL are left out: ${noPostgres}.\n*** ${mend}\n\n`);
}

/**
 * The projects run one after the other (`groupOrder`), so that a crash test's child processes never compete with a
 * unit test for the machine. Each file runs in a process of its own: stores start worker threads and own files.
 */
export default defineConfig({
  resolve: { alias },
  test: {
    pool: "forks",
    // A busy machine is no reason to fail.
    expect: { poll: { timeout: 10_000 } },
    passWithNoTests: true,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/unit/**/*.test.ts", "test/house/*.test.ts"],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            checker: "tsc",
            include: ["test/types/**/*.test-d.ts"],
            tsconfig: "tsconfig.types.json",
            ignoreSourceErrors: true,
          },
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          ...threads,
          include: [
            "test/integration/**/*.test.ts",
            "test/house/integration/*.test.ts",
            "examples/*/test/**/*.test.ts",
          ],
          exclude: ["test/integration/postgres/**"],
          testTimeout: 30_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "postgres",
          ...threads,
          include: noPostgres === undefined ? ["test/integration/postgres/**/*.test.ts"] : [],
          globalSetup: [
            threads.globalSetup,
            ...(noPostgres === undefined ? ["test/support/postgres-setup.ts"] : []),
          ],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        extends: true,
        test: {
          name: "crash",
          ...threads,
          include: ["test/crash/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
