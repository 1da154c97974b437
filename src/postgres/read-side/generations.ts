/**
 * The generations of read models as they are stored.
 */
import type { Models } from "../../store/model-steps.ts";
import type { ReadModelInfo, ReadModelRef, ReadModelShape } from "../../store/read-side.ts";
import { parseStored } from "../json-text.ts";
import type { Session } from "../session.ts";
import type { Names } from "./names.ts";

type Row = [
  generation: number,
  name: string,
  version: number,
  shape: string,
  state: ReadModelInfo["state"],
  position: number,
];

/** All generations, or those of a name, oldest first. */
export async function listModels(session: Session, names: Names, name?: string): Promise<ReadModelInfo[]> {
  const condition = name === undefined ? "TRUE" : "name = $1";
  const sql = `${selectFrom(names)} WHERE ${condition} ORDER BY generation`;
  const rows = await session.query<Row>(sql, name === undefined ? [] : [name]);
  return rows.map((row) => toModel(row, names));
}

/**
 * One generation, or the active one of a name, to be read or written.
 *
 * @throws the driver's error for a missing right, where its tables belong to a role that must not be trusted
 */
export async function findModel(
  session: Session,
  names: Names,
  ref: ReadModelRef,
): Promise<ReadModelInfo | undefined> {
  const [condition, value] =
    "name" in ref ? ["name = $1 AND state = 'active'", ref.name] : ["generation = $1", ref.generation];
  const check = `, ${names.own("check_owner")}(generation)`;
  const [row] = await session.query<Row>(`${selectFrom(names, check)} WHERE ${condition}`, [value]);
  return row && toModel(row, names);
}

/** Refuses tables of a generation that belong to a role that must not be trusted. @throws as {@link findModel} does */
export async function checkOwner(
  session: Session,
  names: Names,
  { generation }: Pick<ReadModelInfo, "generation">,
): Promise<void> {
  await session.query(`SELECT ${names.own("check_owner")}($1::bigint)`, [generation]);
}

/** The highest number that a generation ever had. */
export async function lastGeneration(session: Session, names: Names): Promise<number> {
  const [row] = await session.query<[number]>(`SELECT last_generation FROM ${names.own("read_side")}`, []);
  return row?.[0] ?? 0;
}

/** Everything that is known of generations. */
export async function loadModels(session: Session, names: Names): Promise<Models> {
  const models = await listModels(session, names);
  const last = await lastGeneration(session, names);
  return { byGeneration: new Map(models.map((model) => [model.generation, model])), last };
}

function selectFrom(names: Names, also = ""): string {
  return `SELECT generation, name, version, shape, state, position${also} FROM ${names.own("generations")}`;
}

function toModel([generation, name, version, shape, state, position]: Row, { store }: Names): ReadModelInfo {
  return { generation, name, version, shape: toShape(shape, store), state, position };
}

/** Shapes are looked at for each document, and are the same for all that a generation ever is. */
const shapes = new Map<string, ReadModelShape>();
const shapesMax = 1_000;

function toShape(text: string, store: string): ReadModelShape {
  let shape = shapes.get(text);
  if (shape === undefined) {
    shape = parseStored(text, store, () => "the shape of a read model") as ReadModelShape;
    if (shapes.size >= shapesMax) shapes.clear();
    shapes.set(text, shape);
  }
  return shape;
}
