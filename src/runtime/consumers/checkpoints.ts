/**
 * Decides when checkpoints are written.
 *
 * It is **idle** until rung, for a second at most; then it **waits** for `checkpointMs`, so that what happens meanwhile
 * goes into one commit; then it **writes** those partitions that have something to say, and is idle again.
 *
 * A partition has something to say when it has moved on by its own events, or has events to park; or, once a second, when
 * it has moved on over events of others, or its state has changed.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Bell } from "../projections/bell.ts";
import type { WorkProgress } from "../work-status.ts";
import type { OwnedPartition } from "./owned-partition.ts";
import type { PartitionWriter } from "./partition-writer.ts";

/** What is needed, and who is told. */
export interface CheckpointsOptions {
  readonly writer: PartitionWriter;
  readonly checkpointMs: number;
  readonly owned: () => Iterable<OwnedPartition>;
  readonly progressOf: (partition: OwnedPartition) => WorkProgress;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** After each round. */
  readonly onRound: () => void;
  /** A commit failed, for other reasons than a lost partition. It will be tried again. */
  readonly onError: (error: unknown, partitions: readonly OwnedPartition[]) => void;
}

const idleMs = 1_000;

/** Keeps checkpoints; see the module's header. */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  readonly #bell = new Bell();

  constructor(options: CheckpointsOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#bell.ring(), { once: true });
  }

  /** There may be something to write. */
  ring(): void {
    this.#bell.ring();
  }

  /** Runs until the signal fires; never rejects. */
  async run(): Promise<void> {
    const { signal, owned, checkpointMs, onRound } = this.#options;
    while (!signal.aborted) {
      await this.#bell.wait(idleMs);
      await pause(checkpointMs, signal);
      if (signal.aborted) return;
      await this.#write([...owned()].filter((partition) => this.#isDue(partition)));
      onRound();
    }
  }

  async #write(partitions: readonly OwnedPartition[]): Promise<void> {
    if (partitions.length === 0) return;
    try {
      await this.#options.writer.checkpoint(partitions);
    } catch (error) {
      this.#options.onError(error, partitions);
      await pause(idleMs, this.#options.signal);
    }
  }

  #isDue(partition: OwnedPartition): boolean {
    if (partition.phase !== "open") return false;
    const mark = partition.lowWaterMark;
    for (const { event } of partition.drafts.values()) if (event.position <= mark) return true;
    const { noted, position } = partition;
    if (mark > position && partition.done !== noted?.done) return true;
    if (noted !== undefined && performance.now() - noted.atMs < idleMs) return false;
    return mark > position || isNews(this.#options.progressOf(partition), noted?.progress);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function isNews(progress: WorkProgress, noted: WorkProgress | undefined): boolean {
  if (noted === undefined) return true;
  const { state, error, ratePerSecond } = progress;
  return state !== noted.state || error !== noted.error || ratePerSecond !== noted.ratePerSecond;
}
