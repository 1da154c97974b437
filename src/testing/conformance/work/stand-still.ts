import { isHithertoError } from "../../../core/errors.ts";
import type { EventStore } from "../../../store/event-store.ts";
import type { Worker } from "./worker-process.ts";

/**
 * Makes a process stand still at a moment at which it does not hold the store's write lock: where the engine is a file,
 * nobody could write until it goes on, which is no matter of owners.
 */
export async function standStill(worker: Worker, store: EventStore): Promise<void> {
  for (;;) {
    worker.stop();
    try {
      await store.append({ stream: "probe", events: [{ type: "Probed", data: null }] });
      return;
    } catch (error) {
      if (!isHithertoError(error, "STORE_BUSY")) throw error;
      worker.go();
    }
  }
}
