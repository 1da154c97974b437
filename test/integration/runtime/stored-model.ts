/**
 * Read models as a runner leaves them, written without one: tests of reading decide themselves what has been reached.
 */
import { projection } from "../../../src/core/projection.ts";
import type { Projection } from "../../../src/core/projection.ts";
import { indexValues } from "../../../src/store/document-query.ts";
import type { DocumentWrite, ReadModelShape, ReadModelStep, ReadSide } from "../../../src/store/read-side.ts";

export interface Order {
  readonly customer: string;
  readonly status: "placed" | "paid";
  readonly total: number;
}

/** Orders by id, to be found by status, by customer and total, and by total. */
export const orders = projection("orders", {
  initial: (): Order => ({ customer: "", status: "placed", total: 0 }),
  evolve: {
    OrderPlaced: (order, data: { customer: string; total: number }) => ({ ...order, ...data }),
    OrderPaid: (order) => ({ ...order, status: "paid" }),
    OrderWithdrawn: () => null,
  },
  indexes: ["status", ["customer", "total"], "total"],
});

export function anOrder(order: Partial<Order> = {}): Order {
  return { customer: "ada", status: "placed", total: 10, ...order };
}

/** The part of a definition that a stored read model knows. */
type Definition = Pick<Projection<unknown>, "name" | "version" | "indexes">;

/** What to write. */
export interface Build {
  readonly version?: number;
  /** 0 by default. */
  readonly position?: number;
  readonly documents?: Readonly<Record<string, unknown>>;
}

/** Documents by key, as a commit takes them. */
export function writes(
  definition: Definition,
  documents: Readonly<Record<string, unknown>>,
  position: number,
): DocumentWrite[] {
  const shape = shapeOf(definition);
  return Object.entries(documents).map(([key, document]) => {
    const json = document === null ? null : JSON.stringify(document);
    return { key, json, indexed: document === null ? [] : indexValues(shape, document), position };
  });
}

/** Begins a generation. */
export async function beginModel(
  readSide: ReadSide,
  definition: Definition,
  { version = definition.version, position = 0, documents = {} }: Build = {},
): Promise<number> {
  const generation = await readSide.nextGeneration();
  const { name } = definition;
  const models: ReadModelStep[] = [
    { step: "create", generation, name, version, shape: shapeOf(definition) },
    {
      step: "advance",
      generation,
      from: 0,
      to: position,
      documents: writes(definition, documents, position),
    },
  ];
  await readSide.commit({ models });
  return generation;
}

/** Begins a generation and has it read. */
export async function buildModel(readSide: ReadSide, definition: Definition, build?: Build): Promise<number> {
  const generation = await beginModel(readSide, definition, build);
  await activate(readSide, generation);
  return generation;
}

export async function activate(readSide: ReadSide, generation: number): Promise<void> {
  await readSide.commit({ models: [{ step: "activate", generation }] });
}

/** Moves a generation on. */
export async function advance(
  readSide: ReadSide,
  definition: Definition,
  { generation, from, to, documents = {} }: Build & { generation: number; from: number; to: number },
): Promise<void> {
  const step = {
    step: "advance",
    generation,
    from,
    to,
    documents: writes(definition, documents, to),
  } as const;
  await readSide.commit({ models: [step] });
}

function shapeOf({ indexes }: Definition): ReadModelShape {
  return { kind: "documents", indexes };
}
