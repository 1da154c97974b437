/**
 * The peers are installed apart from everything else (`bench/peers/README.md`), so they are loaded from there, and
 * only when they are there.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ContenderName } from "./contender.ts";

const peers = new URL("../../peers/", import.meta.url);

interface PeerPackage {
  readonly name: string;
  /** Where it is installed. The stores of one library for two engines ask for different releases of it. */
  readonly folder: URL;
}

/** The name of a peer. */
export type PeerName = Exclude<ContenderName, "hitherto" | "sqlite" | "postgres">;

const packages: Readonly<Record<PeerName, PeerPackage>> = {
  "emmett-sqlite": { name: "@event-driven-io/emmett-sqlite", folder: peers },
  "act-sqlite": { name: "@rotorsoft/act-sqlite", folder: peers },
  "emmett-postgresql": { name: "@event-driven-io/emmett-postgresql", folder: new URL("postgres/", peers) },
  "act-pg": { name: "@rotorsoft/act-pg", folder: new URL("postgres/", peers) },
};

/** Whether somebody who runs a benchmark is a peer. */
export function isPeer(name: string): name is PeerName {
  return Object.hasOwn(packages, name);
}

/** The folder that a peer's process runs in: some read the `package.json` where they are started. */
export function folderOfPeer(name: PeerName): string {
  return fileURLToPath(packages[name].folder);
}

/** The release of a peer that is installed; undefined if it is not. */
export function peerRelease(name: PeerName): string | undefined {
  const { folder, name: packageName } = packages[name];
  const manifest = new URL(`node_modules/${packageName}/package.json`, folder);
  if (!existsSync(manifest)) return undefined;
  return (JSON.parse(readFileSync(manifest, "utf8")) as { readonly version: string }).version;
}

/** Loads a peer. The caller says what of it is used. */
export async function importPeer<Module>(name: PeerName): Promise<Module> {
  return (await import(new URL(`${name}.js`, packages[name].folder).href)) as Module;
}
