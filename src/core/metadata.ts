/**
 * Correlation and causation: how what one command or event sets off stays tied together. The correlation id is handed
 * on unchanged; the causation id names the one message that directly led to the next.
 */
import { requireArgument } from "./check-arguments.ts";
import type { EventMetadata, StoredEvent } from "./event.ts";

/** What is known about a command besides its payload. */
export interface CommandContext {
  /** The id of the command itself. */
  readonly id?: string | undefined;
  /** Carried over to each event of the decision. */
  readonly metadata?: EventMetadata | undefined;
}

/**
 * The metadata of events that a command leads to: all that the command carries, with the command's id as causation,
 * and as correlation where the command names none. Keys without a value are left out.
 *
 * @example
 * ```ts
 * import { metadataOf } from "hitherto/core";
 * metadataOf({ id: "c-1", metadata: { userId: "ada" } });
 * // { userId: "ada", correlationId: "c-1", causationId: "c-1" }
 * ```
 */
export function metadataOf(command: CommandContext): EventMetadata {
  requireArgument("command", command);
  const { id, metadata = {} } = command;
  requireArgument("command.metadata", metadata);
  return withoutGaps({
    ...metadata,
    correlationId: metadata.correlationId ?? id,
    causationId: id ?? metadata.causationId,
  });
}

/**
 * The metadata of a command that an event leads to: the event's correlation (its own id, if it has none), the event
 * as causation, and its trace context. Who did it and free keys belong to the event alone.
 *
 * @example
 * ```ts
 * import type { StoredEvent } from "hitherto/core";
 * import { metadataCausedBy } from "hitherto/core";
 * const metadata = (event: StoredEvent) => metadataCausedBy(event);
 * ```
 */
export function metadataCausedBy(event: Pick<StoredEvent, "id" | "metadata">): EventMetadata {
  requireArgument("event", event);
  requireArgument("event.metadata", event.metadata);
  const { correlationId = event.id, traceparent, tracestate } = event.metadata;
  return withoutGaps({ correlationId, causationId: event.id, traceparent, tracestate });
}

function withoutGaps(metadata: EventMetadata): EventMetadata {
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
}
