/**
 * The rows of `generations`, each with its checksum.
 */
import { crc32 } from "node:zlib";
import type { Models } from "../../store/model-steps.ts";
import type { ReadModelInfo, ReadModelRef, ReadModelShape } from "../../store/read-side.ts";
import { readCounter } from "../counters.ts";
import type { SqlValue, Statement } from "../driver.ts";
import { checkChecksum, rowChecksumAfter, rowDamaged } from "../row-checksum.ts";

/** The columns of a generation. */
export type ModelRow = [
  generation: number,
  name: string,
  version: number,
  shape: SqlValue,
  state: ReadModelInfo["state"],
  position: number,
  checksum: number,
];

/** Whatever prepares statements. */
export interface Preparing {
  prepare<R extends readonly SqlValue[]>(sql: string): Statement<R>;
}

/** To select {@link ModelRow}s. */
export const selectModels =
  "SELECT generation, name, version, shape, state, position, checksum FROM generations";

/** All generations, or those of a name, oldest first. @throws `STORE_DAMAGED` when any of them is. */
export function listModels(db: Preparing, store: string, name?: string): ReadModelInfo[] {
  // All of them, and by no index: one whose name has changed would be missing. There are few.
  const rows = db.prepare<ModelRow>(`${selectModels} NOT INDEXED ORDER BY generation`).all();
  const models = rows.map((row) => toModel(row, store));
  return name === undefined ? models : models.filter((model) => model.name === name);
}

/** One generation, or the active one of a name. @throws `STORE_DAMAGED` */
export function findModel(db: Preparing, store: string, ref: ReadModelRef): ReadModelInfo | undefined {
  const row =
    "name" in ref
      ? db.prepare<ModelRow>(`${selectModels} WHERE name = ? AND state = 'active'`).get(ref.name)
      : db.prepare<ModelRow>(`${selectModels} WHERE generation = ?`).get(ref.generation);
  const model = row && toModel(row, store);
  if (model !== undefined && isReferred(model, ref)) return model;
  // Not there, or an entry that has changed.
  const found = listModels(db, store).find((one) => isReferred(one, ref));
  if (model === undefined && found === undefined) return undefined;
  throw rowDamaged(store, "the index of read models does not fit them");
}

function isReferred(model: ReadModelInfo, ref: ReadModelRef): boolean {
  return "name" in ref
    ? model.name === ref.name && model.state === "active"
    : model.generation === ref.generation;
}

/** The highest number that a generation ever had. @throws `STORE_DAMAGED` */
export function lastGeneration(db: Preparing, store: string): number {
  return readCounter(db, "generation", store);
}

/** Everything that is known of generations. @throws `STORE_DAMAGED` */
export function loadModels(db: Preparing, store: string): Models {
  const byGeneration = new Map(listModels(db, store).map((model) => [model.generation, model]));
  return { byGeneration, last: lastGeneration(db, store) };
}

/** Shapes are looked at for each document, and are the same for all that a generation ever is. */
const shapes = new Map<string, ReadModelShape>();
const shapesMax = 1_000;

/** CRC-32 of the shape's text. */
const shapeChecksums = new WeakMap<ReadModelShape, number>();

/** Refuses a generation that is not as it was written. @throws `STORE_DAMAGED` */
export function checkModel(model: ReadModelInfo, checksum: number, store: string): void {
  checkChecksum(checksum, modelChecksum(model), store, () => {
    return `generation ${model.generation} of the read model "${model.name}"`;
  });
}

/** The checksum of a row of `generations`. */
export function modelChecksum({ generation, name, version, shape, state, position }: ReadModelInfo): number {
  let ofShape = shapeChecksums.get(shape);
  if (ofShape === undefined) shapeChecksums.set(shape, (ofShape = crc32(JSON.stringify(shape))));
  return rowChecksumAfter(ofShape, "generations", [generation, name, version, state, position]);
}

/** The generation in a row, if the row is as it was written. @throws `STORE_DAMAGED` */
export function toModel(
  [generation, name, version, text, state, position, checksum]: ModelRow,
  store: string,
): ReadModelInfo {
  const shape = toShape(text, store);
  const model = { generation, name, version, shape, state, position };
  checkModel(model, checksum, store);
  return model;
}

function toShape(text: SqlValue, store: string): ReadModelShape {
  if (typeof text !== "string") throw rowDamaged(store, "the shape of a read model is not text");
  let shape = shapes.get(text);
  if (shape === undefined) {
    try {
      shape = JSON.parse(text) as ReadModelShape;
    } catch {
      throw rowDamaged(store, "the shape of a read model is not JSON");
    }
    shapeChecksums.set(shape, crc32(text));
    if (shapes.size >= shapesMax) shapes.clear();
    shapes.set(text, shape);
  }
  return shape;
}
