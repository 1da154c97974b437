import { setTimeout } from "node:timers/promises";
import type { EventStore } from "../../../store/event-store.ts";
import type { Worker } from "./worker-process.ts";

/** An append that takes longer waits for a lock. */
const lockedMs = 500;

/**
 * Makes a process stand still at a moment at which it does not hold the store's write lock: where the engine is a file,
 * nobody could write until it goes on, which is no matter of owners.
 */
export async function standStill(worker: Worker, store: EventStore): Promise<void> {
  for (;;) {
    worker.stop();
    const probe = store.append({ stream: "probe", events: [{ type: "Probed", data: null }] });
    const isFree = await Promise.race([probe.then(() => true), setTimeout(lockedMs, false)]);
    if (isFree) return;
    worker.go();
    await probe;
  }
}
