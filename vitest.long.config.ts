import { defineConfig } from "vitest/config";
import { alias, threads } from "./vitest.config.ts";

/** The long tests: `npm run test:long`. They are no part of `npm test`. */
export default defineConfig({
  resolve: { alias },
  test: {
    name: "long",
    pool: "forks",
    ...threads,
    include: ["test/long/**/*.test.ts"],
    testTimeout: 900_000,
    fileParallelism: false,
  },
});
