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
    // The first may overtake what the process has sent to a server just before it stopped; the second does not.
    if ((await isFree(store)) && (await isFree(store))) return;
    worker.go();
    await probe(store);
  }
}

function isFree(store: EventStore): Promise<boolean> {
  return Promise.race([probe(store).then(() => true), setTimeout(lockedMs, false)]);
}

async function probe(store: EventStore): Promise<void> {
  await store.append({ stream: "probe", events: [{ type: "Probed", data: null }] });
}
