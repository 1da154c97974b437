/** `shop rebuild`: builds read models anew, and says what came of it. */
import type { Hitherto } from "hitherto";
import { formatCount } from "./console.ts";
import { readModels, rebuild } from "./read-models.ts";

/** Builds the read models of these names anew, or all of them, and returns what to print. */
export async function rebuildCommand(
  store: Hitherto,
  given: readonly string[],
  { json }: { readonly json?: boolean | undefined },
): Promise<string> {
  const names = given.length === 0 ? readModels.map(({ name }) => name) : given;
  const began = performance.now();
  await rebuild(store, names, { isQuiet: json });
  const ms = Math.round(performance.now() - began);
  const built = (await store.projections.list()).filter(({ name }) => names.includes(name));
  const rows = built.map(({ name, version, position, documents }) => ({
    name,
    version,
    position,
    documents,
  }));
  if (json === true) return JSON.stringify({ readModels: rows, ms }, null, 2);
  const lines = rows.map(({ name, position, documents }) => {
    const size = documents === undefined ? "tables" : `${formatCount(documents)} documents`;
    return `${name.padEnd(9)} ${size}, up to position ${formatCount(position)}`;
  });
  return [`Built anew in ${(ms / 1_000).toFixed(1)} s:`, ...lines].join("\n");
}
