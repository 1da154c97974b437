/**
 * Decides, from what is stored of a projection, which generations a process with a certain version of its definition
 * works on. Pure, and the same in every process, so that all of them agree without talking to each other:
 *
 * - The highest version wins. Nobody builds a version lower than the active one, or lower than one that somebody is
 *   building; of an active generation that another version has built, only a process with that version can take care.
 * - A generation is up to date when it has the version, and was made under the last rebuild asked for.
 * - Of several that could become the active one, the oldest goes on; the others, and what is out of date, are dropped.
 */
import type { ReadModelInfo } from "../../store/read-side.ts";

/** A generation, and what its record says. */
export interface KnownGeneration {
  readonly model: ReadModelInfo;
  /** The rebuild under which it was made. */
  readonly rebuild: number;
  /** Whether a living process owns it. */
  readonly isHeld: boolean;
}

/** What is to be done. */
export interface GenerationPlan {
  /** The version of the active generation, if it is higher than the one here. */
  readonly newerVersion: number | undefined;
  readonly run: readonly ReadModelInfo[];
  readonly drop: readonly ReadModelInfo[];
  readonly isBuildNeeded: boolean;
}

/** Plans what to do; `version` is that of the definition, `rebuild` the last one asked for. */
export function planGenerations(
  known: readonly KnownGeneration[],
  { version, rebuild }: { readonly version: number; readonly rebuild: number },
): GenerationPlan {
  const active = known.find(({ model }) => model.state === "active");
  const building = known.filter(({ model }) => model.state === "building");
  if (active !== undefined && active.model.version > version) {
    return { newerVersion: active.model.version, run: [], drop: [], isBuildNeeded: false };
  }
  const own = active?.model.version === version ? [active.model] : [];
  if (building.some(({ model, isHeld }) => model.version > version && isHeld)) {
    return { newerVersion: undefined, run: own, drop: [], isBuildNeeded: false };
  }
  const isCurrent = active?.model.version === version && active.rebuild >= rebuild;
  const [next] = isCurrent
    ? []
    : building.filter((one) => one.model.version === version && one.rebuild === rebuild);
  const stale = building.filter((one) => one !== next && one.model.version <= version);
  return {
    newerVersion: undefined,
    run: next === undefined ? own : [...own, next.model],
    drop: stale.map(({ model }) => model),
    isBuildNeeded: !isCurrent && next === undefined,
  };
}
