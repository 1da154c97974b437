/**
 * The callers' side of the checkpoint thread: started when a handle turns out to write more than a little, told of
 * commits through shared memory, ended before the writer's connection is closed.
 */
import type { CheckpointThreadData } from "./checkpoint-thread.ts";
import type { ConnectOptions } from "./schema.ts";
import { startThread } from "./start-thread.ts";
import type { Thread } from "./start-thread.ts";

/** Groups of writes before the thread is worth its start. Until then the writer checkpoints when it has a pause. */
const groupsBeforeStart = 50;

/** Runs checkpoints of one store beside its writer. */
export class Checkpointer {
  readonly #connect: ConnectOptions;
  readonly #commits = new Int32Array(new SharedArrayBuffer(8));
  #groups = 0;
  #thread: Thread | undefined;
  #isBroken = false;

  constructor(connect: ConnectOptions) {
    this.#connect = connect;
  }

  /** To be called after each group of writes. */
  noteCommit(): void {
    this.#groups++;
    if (this.#groups < groupsBeforeStart || this.#isBroken || Atomics.load(this.#commits, 1) === 1) return;
    this.#thread ??= this.#tryStart();
    Atomics.add(this.#commits, 0, 1);
    Atomics.notify(this.#commits, 0);
  }

  /** Ends the thread after the checkpoint under way. */
  async close(): Promise<void> {
    Atomics.store(this.#commits, 1, 1);
    Atomics.add(this.#commits, 0, 1);
    for (const index of [0, 1]) Atomics.notify(this.#commits, index);
    // Or a process that has nothing else to do would end before this is settled.
    this.#thread?.worker.ref();
    await this.#thread?.ended;
  }

  /** Without the thread the store goes on: the writer thread checkpoints when the log is long. */
  #tryStart(): Thread | undefined {
    const { path, files, syncs } = this.#connect;
    const data: CheckpointThreadData = { path, files, syncs, commits: this.#commits.buffer };
    try {
      const thread = startThread("checkpoint", path, {
        workerData: data,
        name: "hitherto-checkpointer",
      });
      thread.worker.unref();
      return thread;
    } catch {
      this.#isBroken = true;
      return undefined;
    }
  }
}
