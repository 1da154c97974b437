/**
 * What the steps of a commit lead to, before any of it is done: the generations as they will be, and the effects on
 * tables in their order. A step that can not be taken throws, and then nothing has happened.
 */
import { HithertoError } from "../core/errors.ts";
import { checkDocuments } from "./read-side-options.ts";
import type { DocumentWrite, ReadModelInfo, ReadModelStep } from "./read-side.ts";

/** All generations, and the highest number there ever was. */
export interface Models {
  readonly byGeneration: ReadonlyMap<number, ReadModelInfo>;
  readonly last: number;
}

/** Something to be done to the tables; `model` is the generation as it is afterwards, or was before it was dropped. */
export type ModelEffect =
  | { readonly effect: "create" | "activate" | "clear" | "drop"; readonly model: ReadModelInfo }
  | {
      readonly effect: "advance";
      readonly model: ReadModelInfo;
      readonly documents: readonly DocumentWrite[];
    };

/** Takes steps in their order. @throws `MODEL_CONFLICT`, `ARGUMENT_INVALID` for documents that do not fit the shape. */
export function takeSteps(
  models: Models,
  steps: readonly ReadModelStep[],
): { readonly models: Models; readonly effects: readonly ModelEffect[] } {
  if (steps.length === 0) return { models, effects: [] };
  const draft = new Draft(models);
  for (const step of steps) draft.take(step);
  return { models: { byGeneration: draft.byGeneration, last: draft.last }, effects: draft.effects };
}

class Draft {
  readonly byGeneration: Map<number, ReadModelInfo>;
  last: number;
  readonly effects: ModelEffect[] = [];

  constructor({ byGeneration, last }: Models) {
    this.byGeneration = new Map(byGeneration);
    this.last = last;
  }

  take(step: ReadModelStep): void {
    if (step.step === "create") return this.#create(step);
    const model = this.byGeneration.get(step.generation);
    if (step.step === "drop") return this.#drop(model);
    if (model === undefined) throw conflict(step.generation, "it is no more");
    if (step.step === "advance") this.#advance(model, step);
    else if (step.step === "activate") this.#activate(model);
    else this.#put("clear", { ...model, position: 0 });
  }

  #create({ generation, name, version, shape }: ReadModelStep & { readonly step: "create" }): void {
    if (generation <= this.last) throw conflict(generation, "its number has been taken");
    this.last = generation;
    this.#put("create", { generation, name, version, shape, state: "building", position: 0 });
  }

  #advance(
    model: ReadModelInfo,
    { generation, from, to, documents = [] }: ReadModelStep & { readonly step: "advance" },
  ): void {
    if (model.position !== from) {
      throw conflict(generation, `it is at position ${model.position}, not ${from}`);
    }
    checkDocuments(model, documents);
    const moved = { ...model, position: to };
    this.byGeneration.set(generation, moved);
    this.effects.push({ effect: "advance", model: moved, documents });
  }

  #activate(model: ReadModelInfo): void {
    if (model.state === "active") return;
    const before = activeOf(this.byGeneration.values(), model.name);
    if (before !== undefined && before.position > model.position) {
      throw conflict(
        model.generation,
        `it is at position ${model.position}, but the active generation ${before.generation} at ${before.position}`,
      );
    }
    this.#drop(before);
    this.#put("activate", { ...model, state: "active" });
  }

  #drop(model: ReadModelInfo | undefined): void {
    if (model === undefined) return;
    this.byGeneration.delete(model.generation);
    this.effects.push({ effect: "drop", model });
  }

  #put(effect: "create" | "activate" | "clear", model: ReadModelInfo): void {
    this.byGeneration.set(model.generation, model);
    this.effects.push({ effect, model });
  }
}

/** The active generation of a name among some. */
function activeOf(models: Iterable<ReadModelInfo>, name: string): ReadModelInfo | undefined {
  for (const model of models) {
    if (model.state === "active" && model.name === name) return model;
  }
  return undefined;
}

function conflict(generation: number, problem: string): HithertoError {
  return new HithertoError("MODEL_CONFLICT", { generation, problem });
}
