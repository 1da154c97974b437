/**
 * Brings exported events into a store: ids, order, revisions and times stay what they were.
 *
 * Lines are read into a batch. A full batch is looked at as a whole before anything of it is appended: which of its
 * events are there already (by id: an import that was cut short is simply run again), and whether each other event would
 * get the revision that it had. Only then is it appended, in as few appends as keep the order. All appends of a batch are
 * called one after the other without waiting in between, so that a store can write them as one group.
 *
 * When a line is refused, the lines before it have been imported, and nothing of it or behind it has. An append that
 * fails for another reason, such as a full disk or another writer in the same streams, may leave later events of the
 * same batch imported; running the import again completes it.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { EventStore } from "../event-store.ts";
import { checkFunction, checkSignal, checkStore } from "../read-options.ts";
import { decodeLine } from "./decode-line.ts";
import type { DecodeLineOptions } from "./decode-line.ts";
import { appendsInOrder, conflictCodes, planBatch, StreamHeads } from "./import-plan.ts";
import type { ImportItem, PlanContext, PlannedAppend } from "./import-plan.ts";
import { checkLines, readLines } from "./lines.ts";
import type { Line } from "./lines.ts";

/** How an import is made. */
export interface ImportOptions extends DecodeLineOptions {
  /** Events that are looked at and appended together, from 1 to `limits.eventsPerAppendMax`. Default 500. */
  readonly batchSize?: number | undefined;
  /** Let events take whatever revision comes next in their stream. Default false: one that would differ is refused. */
  readonly renumber?: boolean | undefined;
  /** Bytes of one line. Default `lineBytesMaxDefault`, 32 MiB. */
  readonly lineBytesMax?: number | undefined;
  /** Told of each malformed line, which is then left out. Without it a malformed line ends the import. */
  readonly onInvalid?: ((error: HithertoError<"LINE_INVALID">) => void) | undefined;
  /** Told after each batch what the import has come to so far. */
  readonly onProgress?: ((report: ImportReport) => void) | undefined;
  /** Ends the import after the batch under way, with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/** What an import came to. */
export interface ImportReport {
  /** Events appended. */
  readonly imported: number;
  /** Events that were in the store already. */
  readonly alreadyThere: number;
  /** Malformed lines that were left out. */
  readonly invalid: number;
  /** Imported events whose revision is another one now; 0 unless `renumber` is set. */
  readonly renumbered: number;
}

/**
 * Imports the lines of an export, or of other CloudEvents.
 *
 * @throws `LINE_INVALID` for a malformed line unless `onInvalid` is given; `IMPORT_CONFLICT` when an event can not keep
 * its revision, or its id belongs to another event; `ARGUMENT_INVALID`; `ABORTED`; and what `EventStore.append` throws.
 * @example
 * ```ts
 * import { createReadStream } from "node:fs";
 * import { importEvents, openMemoryStore } from "hitherto/store";
 * const report = await importEvents(openMemoryStore(), createReadStream("events.ndjson"), { source: "events.ndjson" });
 * console.log(`${report.imported} imported, ${report.alreadyThere} were there already`);
 * ```
 */
export async function importEvents(
  store: EventStore,
  chunks: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkStore(store);
  checkLines(chunks, options);
  checkFunction("onInvalid", options.onInvalid);
  checkFunction("onProgress", options.onProgress);
  checkSignal(options.signal);
  const batchSize = checkBatchSize(options.batchSize ?? batchSizeDefault);
  const heads = new StreamHeads(store, (await store.head()) === 0);
  const importer = new Importer(store, heads, { ...options, batchSize });
  try {
    for await (const lines of readLines(chunks, options)) {
      for (const line of lines) await importer.take(line);
    }
  } finally {
    // What was read is imported even if reading failed.
    await importer.flush();
  }
  return importer.report;
}

const batchSizeDefault = 500;

/** Characters of the lines of one batch, beyond which it is appended though it is not full. */
const batchLengthMax = 8 * 1024 * 1024;

class Importer {
  readonly #context: PlanContext;
  readonly #heads: StreamHeads;
  readonly #options: ImportOptions & { readonly batchSize: number };
  #batch: ImportItem[] = [];
  #batchLength = 0;
  /** The batch before this one, on its way into the store. */
  #importing: Promise<void> = Promise.resolve();
  #imported = 0;
  #alreadyThere = 0;
  #invalid = 0;
  #renumbered = 0;

  constructor(
    store: EventStore,
    heads: StreamHeads,
    options: ImportOptions & { readonly batchSize: number },
  ) {
    const { source = "the input", renumber = false } = options;
    this.#context = { store, source, renumber };
    this.#heads = heads;
    this.#options = options;
  }

  get report(): ImportReport {
    return {
      imported: this.#imported,
      alreadyThere: this.#alreadyThere,
      invalid: this.#invalid,
      renumbered: this.#renumbered,
    };
  }

  async take(line: Line): Promise<void> {
    const item = await this.#decode(line);
    if (item === undefined) return;
    this.#batch.push(item);
    this.#batchLength += line.text?.length ?? 0;
    const isFull = this.#batch.length >= this.#options.batchSize || this.#batchLength >= batchLengthMax;
    if (isFull) await this.#handOver();
  }

  /** Imports the batch as far as it has come, and waits for it. */
  async flush(): Promise<void> {
    await this.#handOver();
    await this.#importing;
  }

  /** Begins to import the batch once the one before it is done; meanwhile the next one can be read. */
  async #handOver(): Promise<void> {
    await this.#importing;
    if (this.#options.signal?.aborted === true) throw new HithertoError("ABORTED", { operation: "import" });
    this.#importing = this.#import(this.#batch);
    // Whoever hands over the next batch, or flushes, hears of a failure.
    this.#importing.catch(() => undefined);
    this.#batch = [];
    this.#batchLength = 0;
  }

  async #decode(line: Line): Promise<ImportItem | undefined> {
    try {
      return { ...decodeLine(line, this.#options), line: line.number };
    } catch (error) {
      if (!isHithertoError(error, "LINE_INVALID")) throw error;
      if (this.#options.onInvalid === undefined) {
        await this.flush();
        throw error;
      }
      this.#invalid += 1;
      this.#options.onInvalid(error);
      return undefined;
    }
  }

  async #import(batch: readonly ImportItem[]): Promise<void> {
    if (batch.length > 0) await this.#importBatch(batch);
    this.#options.onProgress?.(this.report);
  }

  async #importBatch(batch: readonly ImportItem[]): Promise<void> {
    await this.#heads.learn(batch);
    const plan = await planBatch(batch, this.#heads, this.#context);
    this.#alreadyThere += plan.alreadyThere;
    const appends = appendsInOrder(plan.events, this.#context.renumber);
    const outcomes = await Promise.allSettled(appends.map((append) => this.#append(append)));
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") throw outcome.reason as Error;
    }
    if (plan.refusal !== undefined) throw plan.refusal;
  }

  async #append(append: PlannedAppend): Promise<void> {
    try {
      await this.#context.store.append(append.streams);
      this.#count(append);
    } catch (error) {
      throw located(error, append, this.#context);
    }
  }

  #count({ events }: PlannedAppend): void {
    this.#imported += events.length;
    for (const { item, revision } of events) {
      if (item.revision !== undefined && item.revision !== revision) this.#renumbered += 1;
    }
  }
}

/** A conflict that another writer brought about since the batch was planned, said of the line that it hit. */
function located(error: unknown, append: PlannedAppend, { source }: PlanContext): Error {
  if (!isHithertoError(error, ...conflictCodes)) return error as Error;
  const { details } = error;
  const planned = append.events.find(({ item }) =>
    "id" in details ? item.event.id === details.id : item.stream === details.stream,
  );
  if (planned === undefined) return error;
  const { line, stream } = planned.item;
  const problem = error.message.replace(/\.$/, "");
  return new HithertoError("IMPORT_CONFLICT", { source, line, stream, problem }, { cause: error });
}

function checkBatchSize(batchSize: number): number {
  const max = limits.eventsPerAppendMax;
  if (Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= max) return batchSize;
  const problem = `it must be an integer from 1 to ${max}`;
  throw new HithertoError("ARGUMENT_INVALID", { argument: "batchSize", problem });
}
