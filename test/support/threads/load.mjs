// Preloaded by the processes that run tests (`execArgv` in vitest.config.ts), and so by their threads: gives these the
// sources that strip.ts has stripped. Plain JavaScript, or each thread would strip this.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

const source = new URL("../../../src/", import.meta.url).href;
const stripped = process.env["HITHERTO_TEST_STRIPPED"];

if (!isMainThread && stripped !== undefined) {
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith(source)) return nextLoad(url, context);
      const text = readFileSync(join(stripped, decodeURI(url.slice(source.length))), "utf8");
      return { format: "module", source: text, shortCircuit: true };
    },
  });
}
