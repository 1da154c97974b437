import type { Models } from "../../store/model-steps.ts";
/**
 * The rows of `generations`.
 */
import type { ReadModelInfo, ReadModelRef, ReadModelShape } from "../../store/read-side.ts";
import type { Statement } from "../driver.ts";

type Row = [
  generation: number,
  name: string,
  version: number,
  shape: string,
  state: ReadModelInfo["state"],
  position: number,
];

/** Whatever prepares statements. */
export interface Preparing {
  prepare<R extends Row | [number]>(sql: string): Statement<R>;
}

const selectModels = "SELECT generation, name, version, shape, state, position FROM generations";

/** All generations, or those of a name, oldest first. */
export function listModels(db: Preparing, name?: string): ReadModelInfo[] {
  const rows =
    name === undefined
      ? db.prepare<Row>(`${selectModels} ORDER BY generation`).all()
      : db.prepare<Row>(`${selectModels} WHERE name = ? ORDER BY generation`).all(name);
  return rows.map(toModel);
}

/** One generation, or the active one of a name. */
export function findModel(db: Preparing, ref: ReadModelRef): ReadModelInfo | undefined {
  const row =
    "name" in ref
      ? db.prepare<Row>(`${selectModels} WHERE name = ? AND state = 'active'`).get(ref.name)
      : db.prepare<Row>(`${selectModels} WHERE generation = ?`).get(ref.generation);
  return row && toModel(row);
}

/** The highest number that a generation ever had. */
export function lastGeneration(db: Preparing): number {
  return db.prepare<[number]>("SELECT value FROM counters WHERE name = 'generation'").get()?.[0] ?? 0;
}

/** Everything that is known of generations. */
export function loadModels(db: Preparing): Models {
  const byGeneration = new Map(listModels(db).map((model) => [model.generation, model]));
  return { byGeneration, last: lastGeneration(db) };
}

/** Shapes are looked at for each document, and are the same for all that a generation ever is. */
const shapes = new Map<string, ReadModelShape>();
const shapesMax = 1_000;

function toModel([generation, name, version, text, state, position]: Row): ReadModelInfo {
  return { generation, name, version, shape: toShape(text), state, position };
}

function toShape(text: string): ReadModelShape {
  let shape = shapes.get(text);
  if (shape === undefined) {
    shape = JSON.parse(text) as ReadModelShape;
    if (shapes.size >= shapesMax) shapes.clear();
    shapes.set(text, shape);
  }
  return shape;
}
