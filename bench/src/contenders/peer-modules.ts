/**
 * The peers are installed apart from everything else (`bench/peers/README.md`), so they are loaded from there, and
 * only when they are there.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const peers = new URL("../../peers/", import.meta.url);

/** The folder that a peer's process runs in: one of them reads the `package.json` where it is started. */
export const peersFolder: string = fileURLToPath(peers);

/** The packages behind the peers' names. */
export const peerPackages = {
  "emmett-sqlite": "@event-driven-io/emmett-sqlite",
  "act-sqlite": "@rotorsoft/act-sqlite",
} as const;

/** The name of a peer. */
export type PeerName = keyof typeof peerPackages;

/** The release of a peer that is installed; undefined if it is not. */
export function peerRelease(name: PeerName): string | undefined {
  const manifest = new URL(`node_modules/${peerPackages[name]}/package.json`, peers);
  if (!existsSync(manifest)) return undefined;
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}

/** Loads a peer. The caller says what of it is used. */
export async function importPeer<Module>(name: PeerName): Promise<Module> {
  return (await import(new URL(`${name}.js`, peers).href)) as Module;
}
