/**
 * The callers' side of the writer thread.
 *
 * Writes made in one turn of the event loop leave together, at its end. Each is answered in the order of leaving.
 *
 * Interactive transactions, which write through another connection, hold the queue: one begins when everything called
 * before it has been answered, and what is called after it leaves when it has ended. So all writes of a handle take effect
 * in the order of the calls, and its two connections never compete for the lock of the file.
 *
 * States: open → closing (no new writes; those under way are answered) → closed. A writer thread that dies takes the
 * queue to closed at once: every write under way fails with `STORE_IO`, since nobody knows what became of it.
 *
 * The thread keeps the process alive while it starts, while writes are under way and while the queue closes: so the
 * process lives until each of them has been answered, by the thread or by its end.
 */
import type { MessagePort } from "node:worker_threads";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { HithertoError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { queueFull } from "../store/event-loop.ts";
import { Checkpointer } from "./checkpointer.ts";
import type { Refusal, Write, WriteOutcome } from "./log-writer.ts";
import type { ConnectOptions } from "./schema.ts";
import { startThread } from "./start-thread.ts";
import type { Thread } from "./start-thread.ts";
import { decodeOutcomes, encodeWrites } from "./wire.ts";
import type { WriterThreadData } from "./writer-thread.ts";

type Settle = (outcome: WriteOutcome | Error) => void;

interface Waiting {
  readonly write: Write;
  readonly settle: Settle;
}

/** A transaction that has been called, and what was called after it. */
interface Hold {
  readonly begin: () => void;
  isBegun: boolean;
  readonly after: Waiting[];
}

/**
 * So many writes leave before the end of the turn: the writer thread then begins with them while the others are still
 * being encoded.
 */
const leavingAtOnce = 32;

const queue = "writes to the store";
const max = limits.appendsWaitingMax;

/** Sends writes to the writer thread of one store. */
export class WriteQueue {
  readonly #store: string;
  readonly #port: MessagePort;
  readonly #posts = new Int32Array(new SharedArrayBuffer(8));
  readonly #thread: Thread;
  readonly #ended: Promise<void>;
  readonly #onCommit: () => void;
  readonly #checkpointer: Checkpointer;
  #leaving: Write[] = [];
  readonly #underway: Write[] = [];
  #settlers: Settle[] = [];
  readonly #holds: Hold[] = [];
  /** Writes that were called and not answered. */
  #unanswered = 0;
  #state: "open" | "closing" | "closed" = "open";
  #failure: Error | undefined;

  /** `onCommit` is called after each group of writes that has been answered. */
  constructor(connect: ConnectOptions, onCommit: () => void) {
    this.#store = connect.path;
    this.#onCommit = onCommit;
    this.#checkpointer = new Checkpointer(connect);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#port.on("message", (text: string) => {
      this.#answer(text);
      // Last: what a listener of somebody else throws, is to leave no write unanswered.
      this.#onCommit();
    });
    this.#port.unref();
    const data: WriterThreadData = { connect, port: port2, posts: this.#posts.buffer };
    this.#thread = startThread("writer", connect.path, {
      workerData: data,
      transferList: [port2],
      name: "hitherto-writer",
    });
    this.#ended = this.#thread.ended.then((failure) => this.#end(failure));
  }

  /** Waits until the thread can write. @throws `THREAD_NOT_STARTED`, and what opening the file throws */
  async started(): Promise<void> {
    await this.#thread.started;
    if (this.#settlers.length === 0 && this.#state === "open") this.#thread.worker.unref();
  }

  /** Queues a write; resolves when it is durable. @throws what refused it, `QUEUE_FULL`, `STORE_CLOSED`, `STORE_IO`. */
  async write(write: Write): Promise<Exclude<WriteOutcome, { kind: "refused" }>> {
    if (this.#state !== "open") throw this.#closedError();
    if (this.#unanswered >= max) return queueFull(queue, max);
    this.#unanswered++;
    const outcome = await new Promise<WriteOutcome | Error>((settle) => {
      const hold = this.#holds.at(-1);
      if (hold === undefined) this.#send({ write, settle });
      else hold.after.push({ write, settle });
    });
    this.#unanswered--;
    if (outcome instanceof Error) throw outcome;
    if (outcome.kind === "refused") throw toError(outcome.refusal);
    return outcome;
  }

  /**
   * Waits until everything called before has been answered. What is called from now on waits for the function that comes
   * back to be called. @throws `QUEUE_FULL`
   */
  hold(): Promise<() => void> {
    if (this.#holds.length >= max) return queueFull(queue, max);
    return new Promise((resolve) => {
      this.#holds.push({
        begin: () => resolve(() => this.#release()),
        isBegun: false,
        after: [],
      });
      this.#tryBegin();
    });
  }

  /** To be called after each commit of another connection of the handle, for the sake of checkpoints. */
  noteCommit(): void {
    this.#checkpointer.noteCommit();
  }

  /** Waits for the writes under way and ends the threads; the writer's is the last connection to close. */
  async close(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      this.#thread.worker.ref();
      this.#post();
      await this.#checkpointer.close();
      this.#port.postMessage(null);
      this.#wake();
    }
    await this.#ended;
    await this.#checkpointer.close();
  }

  #tryBegin(): void {
    const hold = this.#holds[0];
    if (hold === undefined || hold.isBegun || this.#settlers.length > 0) return;
    hold.isBegun = true;
    hold.begin();
  }

  #release(): void {
    for (const waiting of this.#holds.shift()?.after ?? []) this.#send(waiting);
    this.#tryBegin();
  }

  #send({ write, settle }: Waiting): void {
    if (this.#state === "closed") {
      settle(this.#closedError());
      return;
    }
    if (this.#settlers.length === 0) this.#thread.worker.ref();
    this.#settlers.push(settle);
    const leaving = this.#leaving.push(write);
    if (leaving === 1) process.nextTick(() => this.#post());
    else if (leaving === leavingAtOnce) this.#post();
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
    if (this.#settlers.length === 0 && this.#state === "open") this.#thread.worker.unref();
    this.#checkpointer.noteCommit();
    for (const [index, settle] of settlers.entries()) settle(outcomes[index]!);
    this.#tryBegin();
  }

  #end(failure: Error | undefined): void {
    // What the thread answered before its end has been done.
    let last: { message: string } | undefined;
    while ((last = receiveMessageOnPort(this.#port)) !== undefined) this.#answer(last.message);
    this.#failure = failure;
    this.#state = "closed";
    this.#port.close();
    const settlers = this.#settlers;
    this.#settlers = [];
    for (const settle of settlers) settle(this.#closedError());
    this.#tryBegin();
  }

  #closedError(): Error {
    return this.#failure ?? new HithertoError("STORE_CLOSED", { store: this.#store });
  }
}

/** The error of a refused write. */
export function toError({ code, details, cause }: Refusal): Error {
  return new HithertoError(code, details, cause === undefined ? undefined : { cause });
}
