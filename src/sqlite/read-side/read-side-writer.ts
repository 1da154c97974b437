/**
 * Makes the changes of commits, within the transaction of its connection.
 *
 * Invariants
 * - All that is expected is checked before the first write, so a commit that is refused has changed nothing. Only making
 *   tables can fail later, when their definition is unsound; such a commit runs in a savepoint.
 * - What is remembered (generations, the last version) is forgotten when other connections have written, and after every
 *   failure; whoever begins the transaction sees to that.
 * - The version counter is written once, by {@link ReadSideWriter.finish}, before the transaction is committed.
 */
import { HithertoError } from "../../core/errors.ts";
import type { ModelEffect, Models } from "../../store/model-steps.ts";
import { takeSteps } from "../../store/model-steps.ts";
import { endOfPrefix } from "../../store/prefix.ts";
import type { CommitPlan, PlannedRecord } from "../../store/read-side-options.ts";
import type { ReadModelInfo } from "../../store/read-side.ts";
import { readCounter, writeCounter } from "../counters.ts";
import type { Database, Statement } from "../driver.ts";
import { Statements } from "../row-source.ts";
import { tryExec } from "../sql-errors.ts";
import { loadModels, modelChecksum } from "./generations.ts";
import { clearTables, createTables, DocumentTable, dropTables, showTables } from "./model-tables.ts";
import { findRecordRow, recordChecksum } from "./record-rows.ts";

/** Applies commits through one connection. */
export class ReadSideWriter {
  readonly #db: Database;
  readonly #store: string;
  readonly #statements: Statements;
  readonly #put: Statement;
  readonly #remove: Statement;
  readonly #change: Statement;
  readonly #tables = new Map<number, DocumentTable>();
  #models: Models | undefined;
  /** The version given last, and the one that is in the file; -1: not known. */
  #version = -1;
  #storedVersion = -1;

  constructor(db: Database, store: string) {
    this.#db = db;
    this.#store = store;
    this.#statements = new Statements(db);
    this.#put = db.prepare(
      `INSERT INTO records VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, key) DO UPDATE
       SET version = excluded.version, value = excluded.value, checksum = excluded.checksum`,
    );
    this.#remove = db.prepare("DELETE FROM records WHERE space = ? AND key = ?");
    this.#change = db.prepare(
      `INSERT OR REPLACE INTO generations
       SELECT generation, name, version, shape, ?, ?, ? FROM generations WHERE generation = ?`,
    );
  }

  /** After a failure, or when another connection has written. */
  forget(): void {
    this.#models = undefined;
    this.#tables.clear();
    this.#version = -1;
  }

  /** The generations as this transaction sees them. */
  get models(): Models {
    this.#models ??= loadModels(this.#statements, this.#store);
    return this.#models;
  }

  /** Makes a commit's changes and gives its version. @throws `RECORD_CONFLICT`, `MODEL_CONFLICT`, `SQL_FAILED`. */
  commit(plan: CommitPlan): number {
    this.#checkExpected(plan);
    const { models, effects } = takeSteps(this.models, plan.models);
    const mayFail = effects.some(({ effect }) => effect !== "advance");
    if (mayFail) this.#inSavepoint(() => this.#takeEffect(effects, models));
    else this.#takeEffect(effects, models);
    const version = this.#nextVersion();
    for (const record of plan.put) this.#putRecord(record, version);
    for (const { space, key } of plan.remove) this.#remove.run(space, key);
    for (const one of plan.removeAll) this.#removeAll(one);
    return version;
  }

  /** To be called before the transaction is committed. */
  finish(): void {
    if (this.#version === this.#storedVersion || this.#version < 0) return;
    writeCounter(this.#statements, "record_version", this.#version);
    this.#storedVersion = this.#version;
  }

  #checkExpected({ expect }: CommitPlan): void {
    for (const { space, key, version: expected } of expect) {
      const actual = findRecordRow(this.#statements, this.#store, { space, key })?.[2] ?? 0;
      if (actual !== expected) throw new HithertoError("RECORD_CONFLICT", { space, key, expected, actual });
    }
  }

  #takeEffect(effects: readonly ModelEffect[], models: Models): void {
    for (const effect of effects) this.#apply(effect);
    if (models.last !== this.models.last) {
      writeCounter(this.#statements, "generation", models.last);
    }
    this.#models = models;
  }

  #apply(effect: ModelEffect): void {
    const { model } = effect;
    switch (effect.effect) {
      case "create":
        createTables(this.#db, model);
        this.#insert(model);
        return;
      case "advance":
        this.#save(model);
        if (effect.documents.length > 0) this.#tableOf(model).write(effect.documents);
        return;
      case "clear":
        clearTables(this.#db, model);
        this.#save(model);
        return;
      case "activate":
        this.#save(model);
        showTables(this.#db, model);
        return;
      case "drop":
        this.#tables.delete(model.generation);
        dropTables(this.#db, model);
        this.#statements.prepare("DELETE FROM generations WHERE generation = ?").run(model.generation);
    }
  }

  #insert(model: ReadModelInfo): void {
    const { generation, name, version, shape, state, position } = model;
    this.#statements
      .prepare("INSERT INTO generations VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(generation, name, version, JSON.stringify(shape), state, position, modelChecksum(model));
  }

  /** Replaces its row; see the triggers in `formats.ts`. */
  #save(model: ReadModelInfo): void {
    this.#change.run(model.state, model.position, modelChecksum(model), model.generation);
  }

  #tableOf(model: ReadModelInfo): DocumentTable {
    let table = this.#tables.get(model.generation);
    if (table === undefined) {
      table = new DocumentTable(this.#db, model);
      this.#tables.set(model.generation, table);
    }
    return table;
  }

  #inSavepoint(body: () => void): void {
    const before = this.#models;
    this.#db.exec("SAVEPOINT steps");
    try {
      body();
      this.#db.exec("RELEASE steps");
    } catch (error) {
      this.#tables.clear();
      this.#models = before;
      tryExec(this.#db, "ROLLBACK TO steps; RELEASE steps");
      throw error;
    }
  }

  #nextVersion(): number {
    if (this.#version < 0) {
      this.#version = readCounter(this.#statements, "record_version", this.#store);
      this.#storedVersion = this.#version;
    }
    return ++this.#version;
  }

  #putRecord({ space, key, json }: PlannedRecord, version: number): void {
    this.#put.run(space, key, version, json, recordChecksum(space, key, version, json));
  }

  #removeAll({ space, prefix, to }: CommitPlan["removeAll"][number]): void {
    const bounds: string[] = [prefix];
    let sql = "DELETE FROM records WHERE space = ? AND key >= ?";
    const end = endOfPrefix(prefix);
    if (end !== undefined) {
      sql += " AND key < ?";
      bounds.push(end);
    }
    if (to !== undefined) {
      sql += " AND key <= ?";
      bounds.push(to);
    }
    this.#statements.prepare(sql).run(space, ...bounds);
  }
}
