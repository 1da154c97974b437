/**
 * The consumers that one handle takes part in.
 */
import type { ConsumerAdmin } from "../work-admin.ts";
import type { Work } from "../work.ts";
import type { Consumer, ConsumeOptions, ConsumerMember } from "./consumer.ts";

/** What a handle does about consumers. */
export interface Consumers {
  readonly admin: ConsumerAdmin;
  consume(consumer: Consumer, options?: ConsumeOptions): Promise<ConsumerMember>;
  /** Stops taking part in all of them. */
  stop(): Promise<void>;
}

/** Makes the consumers of a handle. */
export function createConsumers(_work: Work): Consumers {
  const unbuilt = (): never => {
    throw new Error("not built yet");
  };
  return { admin: {} as ConsumerAdmin, consume: unbuilt, stop: () => Promise.resolve() };
}
