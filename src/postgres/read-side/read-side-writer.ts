/**
 * Makes the changes of commits through a session.
 *
 * A commit that moves read models on and changes records is one call of a function in the database. One that makes,
 * activates, empties or drops generations runs statement by statement, since tables come and go with them, in a
 * savepoint of the transaction that its caller has begun. Either way all that is expected is checked under the lock and
 * before the first write, so a commit that is refused has changed nothing.
 */
import { HithertoError } from "../../core/errors.ts";
import type { ErrorCode, ErrorDetails } from "../../core/errors.ts";
import { indexedFields } from "../../store/document-query.ts";
import { takeSteps } from "../../store/model-steps.ts";
import type { ModelEffect } from "../../store/model-steps.ts";
import { endOfPrefix } from "../../store/prefix.ts";
import { checkDocuments } from "../../store/read-side-options.ts";
import type { CommitPlan } from "../../store/read-side-options.ts";
import type { DocumentWrite, ReadModelInfo, ReadModelStep } from "../../store/read-side.ts";
import { toStored } from "../json-text.ts";
import type { Session } from "../session.ts";
import { checkOwner, loadModels } from "./generations.ts";
import { encodeIndexValue, givenText, orderedText } from "./index-values.ts";
import { clearTables, createTables } from "./model-tables.ts";
import type { Names } from "./names.ts";

type Advance = ReadModelStep & { readonly step: "advance" };

/** Whether a commit is one call, so that it needs no transaction of its caller's. */
export function isOneCall({ models }: CommitPlan): boolean {
  return models.every(({ step }) => step === "advance");
}

/** Whether a commit may leave tables behind that are to be tidied, or views that show others than they should. */
export function leavesUntidy({ models }: CommitPlan): boolean {
  return models.some(({ step }) => step === "activate" || step === "drop");
}

/** Applies commits. */
export class ReadSideWriter {
  readonly #names: Names;
  readonly #timeoutMs: number;

  /** @param timeoutMs - How long to wait for the right to commit. */
  constructor(names: Names, timeoutMs: number) {
    this.#names = names;
    this.#timeoutMs = timeoutMs;
  }

  /** Takes the right to commit, which then lasts as long as the transaction. */
  async lock(session: Session): Promise<void> {
    await session.query(`SELECT ${this.#names.own("lock_read_side")}($1::integer)`, [this.#timeoutMs]);
  }

  /**
   * Makes a commit's changes and gives its version; unless it {@link isOneCall}, within a transaction.
   *
   * @throws `RECORD_CONFLICT`, `MODEL_CONFLICT`, `ARGUMENT_INVALID`, `SQL_FAILED`
   */
  async commit(session: Session, plan: CommitPlan, isDurable: boolean): Promise<number> {
    if (isOneCall(plan)) return this.#commitOne(session, plan, isDurable);
    await session.query("SAVEPOINT changes");
    try {
      const version = await this.#commitStepwise(session, plan, isDurable);
      await session.query("RELEASE SAVEPOINT changes");
      return version;
    } catch (error) {
      await session.query("ROLLBACK TO SAVEPOINT changes").catch(() => undefined);
      throw error;
    }
  }

  /** Makes the changes of several commits, each of which {@link isOneCall}. For each its version, or what refused it. */
  async commitGroup(
    session: Session,
    plans: readonly CommitPlan[],
    isDurable: boolean,
  ): Promise<ReadonlyArray<number | Error>> {
    const sql = `SELECT ${this.#names.own("commit_group")}($1::jsonb, $2::boolean, $3::integer)`;
    const values = [JSON.stringify(plans.map(encodeChanges)), isDurable, this.#timeoutMs];
    const [row] = await session.query<[string]>(sql, values);
    const answers = JSON.parse(row![0]) as readonly Answer[];
    return answers.map((answer, index) => {
      if ("version" in answer) return answer.version;
      return "misfit" in answer ? misfitOf(answer.misfit, plans[index]!) : refusalOf(answer);
    });
  }

  async #commitOne(session: Session, plan: CommitPlan, isDurable: boolean): Promise<number> {
    const [outcome] = await this.commitGroup(session, [plan], isDurable);
    if (outcome instanceof Error) throw outcome;
    return outcome!;
  }

  async #commitStepwise(session: Session, plan: CommitPlan, isDurable: boolean): Promise<number> {
    await this.lock(session);
    // Refuses what is expected of records, which comes first.
    await this.#commitOne(session, { ...nothing, expect: plan.expect }, isDurable);
    const { effects } = takeSteps(await loadModels(session, this.#names), plan.models);
    for (const effect of effects) await this.#apply(session, effect);
    return this.#commitOne(session, { ...plan, expect: [], models: [] }, isDurable);
  }

  async #apply(session: Session, effect: ModelEffect): Promise<void> {
    const { model } = effect;
    switch (effect.effect) {
      case "create":
        await createTables(session, this.#names, model);
        return this.#add(session, model);
      case "advance": {
        await this.#change(session, model, { position: model.position });
        const { written, removed } = encodeDocuments(effect.documents);
        const write = `SELECT ${this.#names.own("write_documents")}($1::bigint, $2::jsonb, $3::jsonb)`;
        await session.query(write, [model.generation, JSON.stringify(written), JSON.stringify(removed)]);
        return;
      }
      case "clear":
        await checkOwner(session, this.#names, model);
        await clearTables(session, this.#names, model);
        return this.#change(session, model, { position: 0 });
      case "activate":
        return this.#change(session, model, { state: "active" });
      case "drop": {
        // Its tables stay for those who still read them, until they are tidied away.
        const remove = `SELECT ${this.#names.own("remove_generation")}($1::bigint, $2::integer)`;
        await session.query(remove, [model.generation, this.#timeoutMs]);
      }
    }
  }

  async #add(session: Session, { generation, name, version, shape }: ReadModelInfo): Promise<void> {
    const sql = `SELECT ${this.#names.own("add_generation")}(
      $1::bigint, $2::text, $3::bigint, $4::json, $5::integer, $6::integer)`;
    const fields = shape.kind === "documents" ? indexedFields(shape).length : null;
    const values = [generation, name, version, toStored(JSON.stringify(shape)), fields, this.#timeoutMs];
    await session.query(sql, values);
  }

  async #change(
    session: Session,
    { generation }: ReadModelInfo,
    { position, state }: { readonly position?: number; readonly state?: string },
  ): Promise<void> {
    const sql = `SELECT ${this.#names.own("change_generation")}($1::bigint, $2::bigint, $3::text, $4::integer)`;
    await session.query(sql, [generation, position ?? null, state ?? null, this.#timeoutMs]);
  }
}

const nothing: CommitPlan = { expect: [], models: [], put: [], remove: [], removeAll: [] };

/** What `commit_changes` answers. */
type Answer =
  | { readonly version: number }
  | Refusal
  | { readonly misfit: Pick<ReadModelInfo, "name" | "shape"> };

interface Refusal {
  readonly code: ErrorCode;
  readonly details: ErrorDetails<ErrorCode>;
}

/** What `commit_changes` takes. Of several changes to one thing the last one counts, and only that is sent. */
function encodeChanges(plan: CommitPlan): unknown {
  const { expect, put, remove, removeAll } = plan;
  const records = new Map(put.map((record) => [JSON.stringify([record.space, record.key]), record]));
  return {
    expect: expect.map(({ space, key, version }) => [orderedText(space), orderedText(key), version]),
    steps: advancesOf(plan).map(({ generation, from, to, documents = [] }) => {
      const fields = documents.filter(({ json }) => json !== null).map(({ indexed }) => indexed.length);
      return { generation, from, to, fields: [...new Set(fields)], ...encodeDocuments(documents) };
    }),
    put: Array.from(records.values(), ({ space, key, json }) => {
      return [orderedText(space), orderedText(key), toStored(json)];
    }),
    remove: remove.map(({ space, key }) => [orderedText(space), orderedText(key)]),
    removeAll: removeAll.map(({ space, prefix, to }) => ({
      space: orderedText(space),
      prefix: orderedText(prefix),
      end: endOfPrefix(orderedText(prefix)),
      to: to && orderedText(to),
    })),
  };
}

function advancesOf({ models }: CommitPlan): Advance[] {
  return models.filter((step) => step.step === "advance");
}

function encodeDocuments(documents: readonly DocumentWrite[]): {
  readonly written: ReadonlyArray<readonly unknown[]>;
  readonly removed: readonly string[];
} {
  const last = [...new Map(documents.map((document) => [document.key, document])).values()];
  return {
    written: last
      .filter(({ json }) => json !== null)
      .map(({ key, json, position, indexed }) => {
        return [orderedText(key), toStored(json!), position, arrayLiteral(indexed.map(encodeIndexValue))];
      }),
    removed: last.filter(({ json }) => json === null).map(({ key }) => orderedText(key)),
  };
}

/** An array of texts as PostgreSQL writes it (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). */
function arrayLiteral(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

/** The database only sees that something does not fit; the common check says what. */
function misfitOf(model: Pick<ReadModelInfo, "name" | "shape">, plan: CommitPlan): Error {
  try {
    for (const { documents = [] } of advancesOf(plan)) checkDocuments(model, documents);
    return new TypeError("documents that fit are taken");
  } catch (error) {
    return error as Error;
  }
}

function refusalOf({ code, details }: Refusal): HithertoError {
  const { space, key } = details as { space?: string; key?: string };
  if (space === undefined || key === undefined) return new HithertoError(code, details);
  return new HithertoError(code, { ...details, space: givenText(space), key: givenText(key) });
}
