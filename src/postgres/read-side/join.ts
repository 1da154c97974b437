/**
 * The store within a transaction that the caller has begun, on a connection of the caller's.
 *
 * What is written holds the right to append from the first write to the end of that transaction, so others who write wait
 * for it: it is best written last. Nothing of it is seen before, and everybody is told when it is committed.
 */
import { HithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import type { SqlValue } from "../../core/sql.ts";
import { eventSequence } from "../../store/event-sequence.ts";
import type {
  AppendOptions,
  AppendResult,
  EventSequence,
  ReadOptions,
  StreamAppend,
  StreamInfo,
} from "../../store/event-store.ts";
import type { JoinedReadSide, JoinedStore } from "../../store/joined-store.ts";
import { checkId, checkStreamName, planRead } from "../../store/read-options.ts";
import { planTransaction } from "../../store/read-side-options.ts";
import type { ReadSideTransaction } from "../../store/read-side.ts";
import type { LogReader } from "../log-reader.ts";
import type { PostgresClient } from "../options.ts";
import { toStoreError } from "../postgres-errors.ts";
import { JoinedTransaction } from "./joined-transaction.ts";
import { queryModels, retryWithoutTable } from "./query-models.ts";
import { ReadSideReader } from "./read-side-reader.ts";
import { planAppend, PostgresTransaction } from "./transaction.ts";
import type { TransactionTools } from "./transaction.ts";

/** Takes part in the transaction of a client. @throws as {@link JoinedTransaction.join} does */
export async function joinTransaction(tools: TransactionTools, client: PostgresClient): Promise<JoinedStore> {
  return new PostgresJoinedStore(tools, await JoinedTransaction.join(tools.shared, client));
}

class PostgresJoinedStore implements JoinedStore {
  readonly url: string;
  readonly readSide: JoinedReadSide;
  readonly #tools: TransactionTools;
  readonly #joined: JoinedTransaction;
  readonly #log: LogReader;
  readonly #models: ReadSideReader;

  constructor(tools: TransactionTools, joined: JoinedTransaction) {
    this.#tools = tools;
    this.#joined = joined;
    this.url = tools.shared.url;
    this.#log = tools.shared.readerOn(joined.statements);
    this.#models = new ReadSideReader(joined.statements, tools.names);
    this.readSide = this.#readSide();
  }

  async append(
    batch: StreamAppend | readonly StreamAppend[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    const { shared } = this.#tools;
    const append = planAppend(batch, options, shared);
    const beganAt = performance.now();
    // A refusal undoes nothing: the right to append stays, so that what is decided anew is not refused again.
    const outcome = await this.#joined.write(async () => {
      try {
        return await shared.writer.appendWithin(this.#joined.calls, append);
      } catch (error) {
        throw toStoreError(error, this.url, { beganAt });
      }
    });
    if (outcome instanceof HithertoError) throw outcome;
    return outcome;
  }

  read(options?: ReadOptions): EventSequence {
    const plan = planRead(options);
    return eventSequence(() => this.#log.pages(plan, undefined, noGuard), plan);
  }

  readStream(stream: string, options?: ReadOptions): EventSequence {
    checkStreamName(stream);
    const plan = planRead(options);
    return eventSequence(() => this.#log.pages(plan, stream, noGuard), plan);
  }

  async findEvent(id: string): Promise<StoredEvent | undefined> {
    checkId(id);
    return this.#log.findEvent(id);
  }

  async findStream(stream: string): Promise<StreamInfo | undefined> {
    checkStreamName(stream);
    return (await this.#log.describe([stream]))[0];
  }

  head(): Promise<number> {
    return this.#log.head();
  }

  #readSide(): JoinedReadSide {
    const models = this.#models;
    return {
      supportsSql: true,
      listModels: (name) => models.listModels(name),
      getDocument: (...given) => models.getDocument(...given),
      getDocuments: (...given) => models.getDocuments(...given),
      findDocuments: (...given) => models.findDocuments(...given),
      countDocuments: (...given) => models.countDocuments(...given),
      query: (...given) => this.#query(...given),
      watch: (listener) => this.#tools.shared.watch(listener),
      transaction: (body) => this.#transaction(body),
    };
  }

  async #query(
    sql: string,
    values?: readonly SqlValue[],
    { model }: { readonly model?: string | undefined } = {},
  ): ReturnType<JoinedReadSide["query"]> {
    return retryWithoutTable(() =>
      this.#joined.read(async (session) => {
        // For as long as the part lasts.
        await session.query("SET TRANSACTION READ ONLY");
        return queryModels(session, this.#tools.names, { sql, values, model });
      }),
    );
  }

  async #transaction<Result>(body: (transaction: ReadSideTransaction) => Promise<Result>): Promise<Result> {
    planTransaction(body, {});
    this.#models.forget();
    return this.#joined.write(async (session) => {
      const transaction = new PostgresTransaction(session, { ...this.#tools, calls: this.#joined.calls });
      try {
        await transaction.takeRights();
        const result = await body(transaction);
        transaction.end();
        await transaction.settle();
        return result;
      } catch (error) {
        await transaction.stop();
        throw error;
      }
    });
  }
}

/** Every page is asked for by a statement that looks itself. */
const noGuard = (): void => undefined;
