/**
 * The read side by the plainest means: a copy of everything for each attempt, thrown away when it fails.
 */
import type {
  ReadModelInfo,
  ReadModelStep,
  ReadSideCommit,
  StoredDocument,
} from "../../../store/read-side.ts";
import { byCodePoint } from "./helpers.ts";

/** Why a commit is refused. */
export type Refusal = "RECORD_CONFLICT" | "MODEL_CONFLICT";

interface ModelOf {
  readonly info: ReadModelInfo;
  readonly documents: Map<string, StoredDocument>;
}

/** What should be in a read side. */
export class ReadSideModel {
  /** Values and the number of the commit that put them, by space and key. */
  records: Map<string, { readonly value: unknown; readonly commit: number }> = new Map();
  models: Map<number, ModelOf> = new Map();
  commits = 0;
  lastGeneration = 0;

  /** Makes a commit, or says why not. */
  commit(changes: ReadSideCommit): Refusal | undefined {
    for (const { space, key, version } of changes.expect ?? []) {
      if ((this.records.get(`${space}:${key}`)?.commit ?? 0) !== version) return "RECORD_CONFLICT";
    }
    const next = this.copy();
    if (!(changes.models ?? []).every((step) => next.#take(step))) return "MODEL_CONFLICT";
    next.commits++;
    for (const { space, key, value } of changes.put ?? []) {
      next.records.set(`${space}:${key}`, { value, commit: next.commits });
    }
    for (const { space, key } of changes.remove ?? []) next.records.delete(`${space}:${key}`);
    for (const { space, prefix, to } of changes.removeAll ?? []) {
      for (const { key } of next.list(space)) {
        const isAtOrBelow = to === undefined || byCodePoint(key, to) <= 0;
        if (key.startsWith(prefix) && isAtOrBelow) next.records.delete(`${space}:${key}`);
      }
    }
    Object.assign(this, next);
    return undefined;
  }

  copy(): ReadSideModel {
    const copy = new ReadSideModel();
    copy.records = new Map(this.records);
    for (const [generation, { info, documents }] of this.models) {
      copy.models.set(generation, { info, documents: new Map(documents) });
    }
    copy.commits = this.commits;
    copy.lastGeneration = this.lastGeneration;
    return copy;
  }

  list(space: string): Array<{ readonly key: string; readonly value: unknown; readonly commit: number }> {
    return [...this.records]
      .filter(([at]) => at.startsWith(`${space}:`))
      .map(([at, record]) => ({ key: at.slice(space.length + 1), ...record }))
      .toSorted((one, other) => byCodePoint(one.key, other.key));
  }

  active(name: string): ModelOf | undefined {
    return [...this.models.values()].find(({ info }) => info.name === name && info.state === "active");
  }

  /** Whether a step can be taken; takes it if so. */
  #take(step: ReadModelStep): boolean {
    const model = this.models.get(step.generation);
    if (step.step === "drop") return this.models.delete(step.generation) || true;
    if (step.step === "create") {
      if (step.generation <= this.lastGeneration) return false;
      const { generation, name, version, shape } = step;
      const info = { generation, name, version, shape, state: "building", position: 0 } as const;
      this.models.set(generation, { info, documents: new Map() });
      this.lastGeneration = generation;
      return true;
    }
    if (model === undefined) return false;
    if (step.step === "clear") this.#put(model.info, { position: 0 }, new Map());
    else if (step.step === "advance") {
      if (model.info.position !== step.from) return false;
      for (const { json, ...document } of step.documents ?? []) {
        if (json === null) model.documents.delete(document.key);
        else model.documents.set(document.key, { ...document, json });
      }
      this.#put(model.info, { position: step.to }, model.documents);
    } else {
      const before = this.active(model.info.name);
      if (before === model) return true;
      if (before !== undefined && before.info.position > model.info.position) return false;
      if (before !== undefined) this.models.delete(before.info.generation);
      this.#put(model.info, { state: "active" }, model.documents);
    }
    return true;
  }

  #put(info: ReadModelInfo, changes: Partial<ReadModelInfo>, documents: Map<string, StoredDocument>): void {
    this.models.set(info.generation, { info: { ...info, ...changes }, documents });
  }
}
