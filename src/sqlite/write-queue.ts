/**
 * The callers' side of the writer thread.
 *
 * Writes made in one turn of the event loop leave together, at its end. Each is answered in the order of leaving.
 *
 * States: open → closing (no new writes; those under way are answered) → closed. A writer thread that dies takes the
 * queue to closed at once: every write under way fails with `STORE_IO`, since nobody knows what became of it.
 */
import type { MessagePort, Worker } from "node:worker_threads";
import { MessageChannel } from "node:worker_threads";
import { HithertoError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { Checkpointer } from "./checkpointer.ts";
import { LockTurns } from "./lock-turns.ts";
import type { Refusal, Write, WriteOutcome } from "./log-writer.ts";
import type { ConnectOptions } from "./schema.ts";
import { startThread } from "./start-thread.ts";
import { decodeOutcomes, encodeWrites } from "./wire.ts";
import type { WriterThreadData } from "./writer-thread.ts";

type Settle = (outcome: WriteOutcome | Error) => void;

/**
 * So many writes leave before the end of the turn: the writer thread then begins with them while the others are still
 * being encoded.
 */
const leavingAtOnce = 32;

/** Sends writes to the writer thread of one store. */
export class WriteQueue {
  /** With the transactions of the handle. */
  readonly turns: LockTurns = new LockTurns();
  readonly #store: string;
  readonly #port: MessagePort;
  readonly #posts = new Int32Array(new SharedArrayBuffer(8));
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #onCommit: () => void;
  readonly #checkpointer: Checkpointer;
  #leaving: Write[] = [];
  readonly #underway: Write[] = [];
  #settlers: Settle[] = [];
  #state: "open" | "closing" | "closed" = "open";
  #failure: Error | undefined;

  /** `onCommit` is called after each group of writes that has been answered. */
  constructor(connect: ConnectOptions, onCommit: () => void) {
    this.#store = connect.path;
    this.#onCommit = onCommit;
    this.#checkpointer = new Checkpointer(connect.path);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#port.on("message", (text: string) => this.#answer(text));
    this.#port.unref();
    const data: WriterThreadData = {
      connect,
      port: port2,
      posts: this.#posts.buffer,
      turns: this.turns.shared,
    };
    this.#worker = startThread("writer-thread", {
      workerData: data,
      transferList: [port2],
      name: "hitherto-writer",
    });
    this.#worker.unref();
    this.#worker.on("error", (error: Error) => {
      this.#failure = error;
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ended = promise.then(() => this.#end());
    this.#worker.once("exit", () => resolve());
  }

  /** Queues a write; resolves when it is durable. @throws what refused it, `QUEUE_FULL`, `STORE_CLOSED`, `STORE_IO`. */
  async write(write: Write): Promise<Exclude<WriteOutcome, { kind: "refused" }>> {
    if (this.#state !== "open") throw this.#closedError();
    if (this.#settlers.length >= limits.appendsWaitingMax) {
      throw new HithertoError("QUEUE_FULL", { queue: "writes to the store", max: limits.appendsWaitingMax });
    }
    const outcome = await new Promise<WriteOutcome | Error>((resolve) => {
      if (this.#settlers.length === 0) this.#port.ref();
      this.#settlers.push(resolve);
      const leaving = this.#leaving.push(write);
      if (leaving === 1) process.nextTick(() => this.#post());
      else if (leaving === leavingAtOnce) this.#post();
    });
    if (outcome instanceof Error) throw outcome;
    if (outcome.kind === "refused") throw toError(outcome.refusal);
    return outcome;
  }

  /** To be called after each commit of another connection of the handle, for the sake of checkpoints. */
  noteCommit(): void {
    this.#checkpointer.noteCommit();
  }

  /** Waits for the writes under way and ends the threads; the writer's is the last connection to close. */
  async close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.#worker.ref();
      this.#post();
      await this.#checkpointer.close();
      this.#port.postMessage(null);
      this.#wake();
    }
    await this.#ended;
  }

  #post(): void {
    if (this.#leaving.length === 0 || this.#state === "closed") return;
    const writes = this.#leaving;
    this.#leaving = [];
    for (const write of writes) this.#underway.push(write);
    this.#port.postMessage(encodeWrites(writes));
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#posts, 0, 1);
    if (Atomics.load(this.#posts, 1) === 1) Atomics.notify(this.#posts, 0);
  }

  #answer(text: string): void {
    const outcomes = decodeOutcomes(text, this.#underway);
    this.#underway.splice(0, outcomes.length);
    const settlers = this.#settlers.splice(0, outcomes.length);
    if (this.#settlers.length === 0) this.#port.unref();
    this.#checkpointer.noteCommit();
    this.#onCommit();
    for (const [index, settle] of settlers.entries()) settle(outcomes[index]!);
  }

  #end(): void {
    const isEarly = this.#state === "open" || this.#settlers.length > 0;
    if (isEarly) this.#failure ??= new Error("it ended before its work was done");
    this.#state = "closed";
    this.#port.close();
    const settlers = this.#settlers;
    this.#settlers = [];
    for (const settle of settlers) settle(this.#closedError());
  }

  #closedError(): Error {
    if (this.#failure === undefined) return new HithertoError("STORE_CLOSED", { store: this.#store });
    const problem = `the writer thread ended: ${this.#failure.message}`;
    return new HithertoError("STORE_IO", { store: this.#store, problem }, { cause: this.#failure });
  }
}

/** The error of a refused write. */
export function toError({ code, details, cause }: Refusal): Error {
  return new HithertoError(code, details, cause === undefined ? undefined : { cause });
}
