/**
 * The read models of the in-memory store: generations and their documents.
 */
import { HithertoError } from "../core/errors.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { checkDocuments } from "./read-side-options.ts";
import type {
  DocumentWrite,
  ReadModelInfo,
  ReadModelRef,
  ReadModelStep,
  StoredDocument,
} from "./read-side.ts";
import { StagedMap } from "./staging.ts";
import type { Stage, View } from "./staging.ts";

/** A generation; replaced, not changed, save for its documents. */
export interface Model {
  readonly info: ReadModelInfo;
  readonly documents: StagedMap<StoredDocument>;
}

/** Makes the error for a step that needs SQL. */
export type RefuseSql = (operation: string) => HithertoError;

/** All generations. */
export class MemoryModels {
  readonly #stage: Stage;
  readonly #byGeneration: StagedMap<Model>;
  readonly #activeByName: StagedMap<number>;
  /** The highest generation there ever was; what is undone does not give its number back. */
  #lastGeneration = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#byGeneration = new StagedMap(stage);
    this.#activeByName = new StagedMap(stage);
  }

  get lastGeneration(): number {
    return this.#lastGeneration;
  }

  find(view: View, ref: ReadModelRef): Model | undefined {
    const generation = "name" in ref ? this.#activeByName.get(view, ref.name) : ref.generation;
    return this.#byGeneration.get(view, String(generation));
  }

  /** Oldest first. */
  list(view: View, name?: string): ReadModelInfo[] {
    return [...this.#byGeneration.entries(view)]
      .map(([, model]) => model.info)
      .filter((info) => name === undefined || info.name === name)
      .sort((one, other) => one.generation - other.generation);
  }

  /** Takes steps in their order, all or none. @throws `MODEL_CONFLICT`, `ARGUMENT_INVALID`, and what `refuseSql` makes. */
  apply(steps: readonly ReadModelStep[], refuseSql: RefuseSql): void {
    const draft = new Draft(this.#stage, {
      find: (ref) => this.find("staged", ref),
      lastGeneration: this.#lastGeneration,
      refuseSql,
    });
    for (const step of steps) draft.take(step);
    for (const [generation, model] of draft.models) this.#byGeneration.set(String(generation), model);
    for (const [name, generation] of draft.active) this.#activeByName.set(name, generation);
    for (const { documents, write } of draft.writes) documents.set(write.key, storedDocument(write));
    this.#lastGeneration = draft.lastGeneration;
  }
}

interface DraftSource {
  readonly find: (ref: ReadModelRef) => Model | undefined;
  readonly lastGeneration: number;
  readonly refuseSql: RefuseSql;
}

/** What steps lead to, before any of it is done. */
class Draft {
  readonly models = new Map<number, Model | undefined>();
  readonly active = new Map<string, number | undefined>();
  readonly writes: Array<{ readonly documents: StagedMap<StoredDocument>; readonly write: DocumentWrite }> =
    [];
  lastGeneration: number;
  readonly #stage: Stage;
  readonly #source: DraftSource;

  constructor(stage: Stage, source: DraftSource) {
    this.#stage = stage;
    this.#source = source;
    this.lastGeneration = source.lastGeneration;
  }

  take(step: ReadModelStep): void {
    const { generation } = step;
    if (step.step === "create") this.#create(step);
    else if (step.step === "drop") this.#drop(this.#find(generation));
    else {
      const model = this.#find(generation);
      if (model === undefined) throw conflict(generation, "it is no more");
      if (step.step === "advance") this.#advance(model, step);
      else if (step.step === "activate") this.#activate(model);
      else this.#clear(model);
    }
  }

  #create({ generation, name, version, shape }: ReadModelStep & { readonly step: "create" }): void {
    if (shape.kind === "sql") throw this.#source.refuseSql(`the read model "${name}"`);
    if (generation <= this.lastGeneration) throw conflict(generation, "its number has been taken");
    this.lastGeneration = generation;
    const info = {
      generation,
      name,
      version,
      shape: deepFreeze(shape),
      state: "building",
      position: 0,
    } as const;
    this.models.set(generation, { info, documents: new StagedMap(this.#stage) });
  }

  #advance(model: Model, { from, to, documents = [] }: ReadModelStep & { readonly step: "advance" }): void {
    const { generation, position } = model.info;
    if (position !== from) throw conflict(generation, `it is at position ${position}, not ${from}`);
    checkDocuments(model.info, documents);
    this.#put(model, { position: to });
    for (const write of documents) this.writes.push({ documents: model.documents, write });
  }

  #activate(model: Model): void {
    const { name, generation, position } = model.info;
    const before = this.#activeOf(name);
    if (before?.info.generation === generation) return;
    if (before !== undefined && before.info.position > position) {
      const { info } = before;
      const problem = `it is at position ${position}, but the active generation ${info.generation} at ${info.position}`;
      throw conflict(generation, problem);
    }
    this.#drop(before);
    this.#put(model, { state: "active" });
    this.active.set(name, generation);
  }

  #clear({ info }: Model): void {
    const documents = new StagedMap<StoredDocument>(this.#stage);
    this.models.set(info.generation, { info: { ...info, position: 0 }, documents });
  }

  #drop(model: Model | undefined): void {
    if (model === undefined) return;
    const { generation, name, state } = model.info;
    this.models.set(generation, undefined);
    if (state === "active") this.active.set(name, undefined);
  }

  #put({ info, documents }: Model, changes: Partial<ReadModelInfo>): void {
    this.models.set(info.generation, { info: Object.freeze({ ...info, ...changes }), documents });
  }

  #find(generation: number): Model | undefined {
    return this.models.has(generation) ? this.models.get(generation) : this.#source.find({ generation });
  }

  #activeOf(name: string): Model | undefined {
    if (!this.active.has(name)) {
      const known = this.#source.find({ name });
      return known && this.#find(known.info.generation);
    }
    const generation = this.active.get(name);
    return generation === undefined ? undefined : this.#find(generation);
  }
}

function storedDocument({ key, json, indexed, position }: DocumentWrite): StoredDocument | undefined {
  if (json === null) return undefined;
  return Object.freeze({ key, json, position, indexed: Object.freeze([...indexed]) });
}

function conflict(generation: number, problem: string): HithertoError {
  return new HithertoError("MODEL_CONFLICT", { generation, problem });
}
