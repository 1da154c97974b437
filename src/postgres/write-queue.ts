/**
 * The order in which the writes of one handle take effect: that of the calls.
 *
 * Appends that wait one behind the other leave as one group; anything else (a policy, a commit of the read side, a whole
 * transaction) leaves alone. Only one thing is under way at a time, so that a connection pool can not turn the order.
 *
 * States: **idle**, nothing waits; **leaving**, from the first write until nothing waits any more; **closed**, nothing is
 * taken any more, and what waits still leaves.
 */
import { HithertoError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { queueFull } from "../store/event-loop.ts";
import type { AppendResult } from "../store/event-store.ts";
import { namesAnyOf } from "./append-group.ts";
import type { AppendOutcome, NamedAppend } from "./append-group.ts";

/**
 * Bounds of a group, beyond its first append: so that one group neither keeps the lock nor fills the memory for long, and
 * so that those whose appends are stored get ready for the next ones while the server is busy with others.
 */
const groupMax = { appends: 2_000, events: 2_500, length: 8_388_608 } as const;

/** Waits for its turn, alone. */
interface WaitingTask {
  readonly kind: "task";
  readonly run: () => Promise<void>;
}

interface WaitingAppend {
  readonly kind: "append";
  readonly named: NamedAppend;
  readonly settle: (outcome: AppendOutcome | Error) => void;
}

/** Writes a group; what fails as a whole is thrown. */
export type WriteGroup = (group: readonly NamedAppend[]) => Promise<AppendOutcome[]>;

const queue = "writes to the store";
const max = limits.appendsWaitingMax;

/** Lets the writes of one handle leave one after the other. */
export class WriteQueue {
  readonly #store: string;
  readonly #writeGroup: WriteGroup;
  readonly #waiting: (WaitingTask | WaitingAppend)[] = [];
  #underWay = 0;
  #leaving: Promise<void> | undefined;
  #isClosed = false;

  constructor(store: string, writeGroup: WriteGroup) {
    this.#store = store;
    this.#writeGroup = writeGroup;
  }

  /** Queues an append. @throws what refuses it, `QUEUE_FULL`, `STORE_CLOSED`, `STORE_BUSY`, `STORE_IO` */
  async append(named: NamedAppend): Promise<AppendResult> {
    if (this.#isFull()) return queueFull(queue, max);
    const outcome = await new Promise<AppendOutcome | Error>((settle) => {
      this.#wait({ kind: "append", named, settle });
    });
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  /** Runs `body` when its turn has come; nothing else of the handle is written meanwhile. @throws `QUEUE_FULL`, `STORE_CLOSED` */
  run<Result>(body: () => Promise<Result>): Promise<Result> {
    if (this.#isFull()) return queueFull(queue, max);
    return new Promise((resolve, reject) => {
      this.#wait({ kind: "task", run: () => body().then(resolve, reject) });
    });
  }

  /** What waits last; undefined when nothing does. So whoever groups what he calls sees whether something came between. */
  get last(): object | undefined {
    return this.#waiting.at(-1);
  }

  /** Waits for everything that was called before. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#leaving;
  }

  #isFull(): boolean {
    return !this.#isClosed && this.#waiting.length + this.#underWay >= max;
  }

  #wait(entry: WaitingTask | WaitingAppend): void {
    if (this.#isClosed) throw new HithertoError("STORE_CLOSED", { store: this.#store });
    this.#waiting.push(entry);
    this.#leaving ??= this.#leave();
  }

  async #leave(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Those that are called in the same turn, or in answer to what has just been written, leave together.
      await new Promise<void>((resolve) => {
        process.nextTick(resolve);
      });
      const group = this.#takeGroup();
      if (group.length > 0) await this.#writeAppends(group);
      else await this.#runTask();
      this.#underWay = 0;
    }
    this.#leaving = undefined;
  }

  async #runTask(): Promise<void> {
    const task = this.#waiting.shift();
    this.#underWay = 1;
    if (task?.kind === "task") await task.run();
  }

  async #writeAppends(group: readonly WaitingAppend[]): Promise<void> {
    this.#underWay = group.length;
    try {
      const outcomes = await this.#writeGroup(group.map(({ named }) => named));
      this.#tell(() => {
        for (const [index, { settle }] of group.entries()) settle(outcomes[index]!);
      });
    } catch (error) {
      this.#tell(() => {
        for (const { settle } of group) settle(error as Error);
      });
    }
  }

  /** Tells callers what became of their appends. What they do next is done while the next group, if any, is under way. */
  #tell(settle: () => void): void {
    if (this.#waiting[0]?.kind === "append") setImmediate(settle);
    else settle();
  }

  /** The appends at the front that can leave together; none when something else is there. */
  #takeGroup(): WaitingAppend[] {
    const group: WaitingAppend[] = [];
    const ids = new Set<string>();
    let [events, length] = [0, 0];
    for (const entry of this.#waiting) {
      if (entry.kind !== "append" || group.length >= groupMax.appends || namesAnyOf(ids, entry.named)) break;
      const { append } = entry.named;
      events += append.count;
      for (const part of append.streams) {
        length += part.body.length;
        for (const id of part.ids ?? []) if (id !== undefined) ids.add(id);
      }
      if (group.length > 0 && (events > groupMax.events || length > groupMax.length)) break;
      group.push(entry);
    }
    this.#waiting.splice(0, group.length);
    return group;
  }
}
