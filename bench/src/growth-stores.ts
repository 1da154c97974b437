/**
 * The stores whose growth is measured: files, or databases on one server.
 */
import { copyFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RunningEngine } from "./engine.ts";

/** A small store, a large one, and copies of the small one. */
export interface GrowthStores {
  readonly small: string;
  readonly large: string;
  /** A fresh copy; the one before is gone then. */
  copyOfSmall(): Promise<string>;
  /** Puts a store in order after it was filled, as the engine does by itself after a while; says how many bytes it has. */
  settle(location: string): Promise<number>;
  /** Removes databases; files go with their folder. */
  remove(): Promise<void>;
}

/** Makes empty stores. */
export async function makeStores(engine: RunningEngine, folder: string): Promise<GrowthStores> {
  const small = await engine.makeDatabase();
  const large = await engine.makeDatabase();
  return small === null || large === null ? filesIn(folder) : databasesOn(engine, small, large);
}

function filesIn(folder: string): GrowthStores {
  const pathOf = (name: string): string => join(folder, `${name}.db`);
  const small = pathOf("small");
  return {
    small,
    large: pathOf("large"),
    copyOfSmall: () => {
      copyFileSync(small, pathOf("copy"));
      return Promise.resolve(pathOf("copy"));
    },
    settle: (location) => Promise.resolve(statSync(location).size),
    remove: () => Promise.resolve(),
  };
}

function databasesOn(engine: RunningEngine, small: string, large: string): GrowthStores {
  let copy: string | undefined;
  return {
    small,
    large,
    copyOfSmall: async () => {
      if (copy !== undefined) await engine.dropDatabase(copy);
      copy = await engine.copyDatabase(small);
      return copy;
    },
    settle: (location) => engine.settleDatabase(location),
    remove: async () => {
      for (const url of [small, large, copy]) if (url !== undefined) await engine.dropDatabase(url);
    },
  };
}
