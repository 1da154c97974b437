/**
 * A transaction on the in-memory store: the staged view, until it ends.
 */
import type { HithertoError } from "../core/errors.ts";
import type { StoredEvent } from "../core/event.ts";
import { answer } from "./event-loop.ts";
import { eventSequence } from "./event-sequence.ts";
import type { AppendOptions, AppendResult, ReadOptions, StreamAppend } from "./event-store.ts";
import { planAppend } from "./memory-log.ts";
import type { MemoryLog } from "./memory-log.ts";
import type { MemoryReadSide } from "./memory-read-side.ts";
import { planRead } from "./read-options.ts";
import { planCommit, transactionEnded } from "./read-side-options.ts";
import type {
  ReadModelInfo,
  ReadSideCommit,
  ReadSideTransaction,
  RecordRef,
  StoredDocument,
  StoredRecord,
} from "./read-side.ts";

/** What the body of a transaction works with. */
export class MemoryTransaction implements ReadSideTransaction {
  readonly #readSide: MemoryReadSide;
  readonly #log: MemoryLog;
  /** What every call fails with from now on. */
  #end: HithertoError | undefined;

  constructor(readSide: MemoryReadSide, log: MemoryLog) {
    this.#readSide = readSide;
    this.#log = log;
  }

  /** Takes no more calls. The first end counts. */
  end(cause: HithertoError = transactionEnded()): void {
    this.#end ??= cause;
  }

  append(batch: StreamAppend | readonly StreamAppend[], options?: AppendOptions): Promise<AppendResult> {
    return this.#run(() => this.#log.append(planAppend(batch, options)));
  }

  read(options?: ReadOptions): Promise<readonly StoredEvent[]> {
    return this.#run(() => {
      const plan = planRead(options);
      const checkEnd = (): void => this.#checkEnd();
      return eventSequence(() => this.#log.pages("staged", plan, checkEnd), plan).toArray();
    });
  }

  head(): Promise<number> {
    return this.#run(() => this.#log.head("staged"));
  }

  findRecord(ref: RecordRef): Promise<StoredRecord | undefined> {
    return this.#run(() => this.#readSide.recordIn("staged", ref));
  }

  findModels(name?: string): Promise<readonly ReadModelInfo[]> {
    return this.#run(() => this.#readSide.modelsIn("staged", name));
  }

  findDocuments(
    generation: number,
    keys: readonly string[],
  ): Promise<ReadonlyArray<StoredDocument | undefined>> {
    return this.#run(() => this.#readSide.documentsOf(generation, keys));
  }

  commit(changes: ReadSideCommit): Promise<{ readonly version: number }> {
    return this.#run(() => this.#readSide.apply(planCommit(changes)));
  }

  sql(): never {
    throw this.#readSide.sqlUnsupported("a transaction with SQL");
  }

  #run<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    return answer(() => {
      this.#checkEnd();
      return body();
    });
  }

  #checkEnd(): void {
    if (this.#end !== undefined) throw this.#end;
  }
}
