/**
 * Telling those who watch a store.
 */

/**
 * Calls every listener. What one throws is its own: the others are told, the caller goes on, and the error is raised by
 * itself, as an uncaught exception.
 */
export function callAll(listeners: Iterable<() => void>): void {
  for (const listener of listeners) {
    try {
      listener();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
