/**
 * Read models for reading, of one handle. Those who wait for the same read model share one watch on it.
 */
import { HithertoError } from "../../core/errors.ts";
import { inWords } from "../../store/check-input.ts";
import { checkOptions } from "../../store/read-options.ts";
import type { Hitherto } from "../hitherto.ts";
import { createDocumentReader } from "./document-reader.ts";
import { storedPosition, storedSource } from "./document-source.ts";
import type { ReadableStore } from "./document-source.ts";
import { planWait } from "./find-plan.ts";
import { foldedSource } from "./folded-source.ts";
import { PositionWatch } from "./position-watch.ts";
import type { WatchedPosition } from "./position-watch.ts";
import { answerAt } from "./read-waiting.ts";

/** What a handle reads read models by. */
export type ReadModels = Pick<Hitherto, "readModel" | "query">;

/** Makes the readers of a handle. */
export function createReadModels(store: ReadableStore): ReadModels {
  const { readSide } = store;
  const watches = new Map<string, PositionWatch>();
  /** All live read models are at the head of the log; their stamps differ by the version. */
  const liveWatches = new Map<number, PositionWatch>();

  const watchOf = (name: string): PositionWatch => {
    let watch = watches.get(name);
    if (watch === undefined) watches.set(name, (watch = new PositionWatch(storedPosition(readSide, name))));
    return watch;
  };

  const liveWatchOf = (version: number, source: WatchedPosition): PositionWatch => {
    let watch = liveWatches.get(version);
    if (watch === undefined) liveWatches.set(version, (watch = new PositionWatch(source)));
    return watch;
  };

  const readModel: ReadModels["readModel"] = (projection, options = {}) => {
    checkProjection(projection);
    const isLive = isLiveMode(options);
    const { name } = projection;
    const fields = [...new Set(projection.indexes.flat())];
    const source = isLive ? foldedSource(store, projection) : storedSource(readSide, name);
    const watch = isLive ? liveWatchOf(projection.version, source) : watchOf(name);
    return createDocumentReader({ name, fields, source, watch });
  };

  const query: ReadModels["query"] = async (sql, values, options = {}) => {
    checkText("sql", sql);
    const plan = planWait(options);
    const { model } = options;
    if (model === undefined) {
      if (plan.waitFor !== undefined) fail("waitFor", "it needs a model, whose position it is about");
      return { rows: (await readSide.query(sql, values)).rows };
    }
    checkText("model", model);
    const asked = { name: model, source: storedPosition(readSide, model), watch: watchOf(model) };
    const { rows, stamp } = await answerAt(asked, plan, () => readSide.query(sql, values, { model }));
    return { rows, position: stamp.position, version: stamp.version };
  };

  return { readModel, query };
}

function checkProjection(projection: unknown): void {
  const kind = (projection as { readonly kind?: unknown } | null | undefined)?.kind;
  if (kind === "projection") return;
  const problem =
    kind === "sql-projection"
      ? "tables of an SQL projection are read by query()"
      : `it must be made by projection(), not be ${inWords(projection)}`;
  fail("projection", problem);
}

function isLiveMode(options: { readonly mode?: unknown }): boolean {
  checkOptions(options);
  const { mode = "stored" } = options;
  if (mode === "stored" || mode === "live") return mode === "live";
  return fail("mode", `it must be "stored" or "live", not ${inWords(mode)}`);
}

function checkText(argument: string, value: unknown): void {
  if (typeof value !== "string") fail(argument, `it must be a string, not ${inWords(value)}`);
}

function fail(argument: string, problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument, problem });
}
