/**
 * What a consumer does about an event of each type: lift it to the schema version of the code, tell its key, handle it.
 */
import { HithertoError } from "../../core/errors.ts";
import { typeOf, upcastTo } from "../../core/event-type.ts";
import type { StoredEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import { inWords } from "../../store/check-input.ts";
import type { Consumer, DeliveryHandler } from "./consumer.ts";

/** What is done about one type of event. */
export interface Step {
  readonly handler: DeliveryHandler;
  /** The event as the code knows it; the same object when it is that already. Throws what lifting throws. */
  readonly lift: (event: StoredEvent) => StoredEvent;
}

/** Finds the steps of a consumer by event type; undefined for types that pass by. Each is put together once. */
export function createSteps(consumer: Consumer): (type: string) => Step | undefined {
  const steps = new Map<string, Step | undefined>();
  return (type) => {
    const known = steps.get(type);
    if (known !== undefined || steps.has(type)) return known;
    const made = makeStep(consumer, type);
    steps.set(type, made);
    return made;
  };
}

/** The key that orders a lifted event. @throws `DEFINITION_INVALID` when the function makes none, and what it throws. */
export function keyOf(consumer: Consumer, event: StoredEvent): string {
  const key: unknown = consumer.partitionBy(event);
  if (key === event.stream) return event.stream;
  const problem = keyProblem(key);
  if (problem === undefined) return key as string;
  throw new HithertoError("DEFINITION_INVALID", {
    definition: consumer.name,
    problem: `partitionBy made ${problem} of an event of type ${event.type}`,
  });
}

function keyProblem(key: unknown): string | undefined {
  if (typeof key !== "string") return inWords(key);
  if (key.length > limits.keyLengthMax) return `a key of ${key.length} characters`;
  return key.isWellFormed() ? undefined : "a key that holds half of a surrogate pair";
}

function makeStep(consumer: Consumer, type: string): Step | undefined {
  const handler = consumer.handlerOf(type);
  if (handler === undefined) return undefined;
  const definition = typeOf(consumer.events, type);
  const lift = (event: StoredEvent): StoredEvent =>
    event.schemaVersion === definition.schemaVersion ? event : upcastTo(definition, event);
  return { handler, lift };
}
