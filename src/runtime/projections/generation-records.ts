/**
 * What is stored beside a generation of a read model, and under which keys.
 */
import type { AnyProjection } from "../../core/projection.ts";
import type { ReadModelInfo, ReadModelShape, ReadSideCommit, RecordRef } from "../../store/read-side.ts";
import { scopeKey } from "../parked/parked-records.ts";
import type { ParkedScope } from "../parked/parked-records.ts";
import { recordKey, spaces } from "../records.ts";

/** The part of a generation that names what is stored beside it. */
export type GenerationName = Pick<ReadModelInfo, "name" | "generation">;

/** What is stored of a projection's read model, by its definition. */
export function shapeOf(projection: AnyProjection): ReadModelShape {
  if (projection.kind === "projection") return { kind: "documents", indexes: projection.indexes };
  return { kind: "sql", tables: projection.tables, indexes: projection.indexes };
}

/** The record of what is wanted of a projection. */
export function projectionRef(name: string): RecordRef {
  return { space: spaces.projections, key: name };
}

/** The record of a generation's owner. */
export function runRef({ name, generation }: GenerationName): RecordRef {
  return { space: spaces.runs, key: recordKey(name, generation) };
}

/** Whose its parked events are. */
export function parkedScope({ name, generation }: GenerationName): ParkedScope {
  return { kind: "projection", name, generation };
}

/** Changes that forget everything beside the given generations. */
export function forgetBeside(generations: readonly GenerationName[]): {
  readonly remove: NonNullable<ReadSideCommit["remove"]>;
  readonly removeAll: NonNullable<ReadSideCommit["removeAll"]>;
} {
  return { remove: generations.map(runRef), removeAll: generations.flatMap(forgetParked) };
}

/** Changes that forget the parked events of a generation. */
export function forgetParked(generation: GenerationName): NonNullable<ReadSideCommit["removeAll"]> {
  const prefix = scopeKey(parkedScope(generation));
  return [
    { space: spaces.parked, prefix },
    { space: spaces.parkedKeys, prefix },
  ];
}
