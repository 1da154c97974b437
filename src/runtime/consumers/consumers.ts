/**
 * The consumers that one handle takes part in.
 *
 * A handle takes part in a consumer once: from the call of `consume` until its member has ended. Everything ends with
 * the handle.
 */
import { HithertoError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { ConsumerAdmin } from "../work-admin.ts";
import type { Work } from "../work.ts";
import { checkConsumer, planConsume } from "./consume-plan.ts";
import { createConsumerAdmin } from "./consumer-admin.ts";
import { changeConsumer, ensureConsumer } from "./consumer-records.ts";
import type { Consumer, ConsumeOptions, ConsumerMember } from "./consumer.ts";
import { startMember } from "./running-member.ts";

/** What a handle does about consumers. */
export interface Consumers {
  readonly admin: ConsumerAdmin;
  consume(consumer: Consumer, options?: ConsumeOptions): Promise<ConsumerMember>;
  /** Stops taking part in all of them. */
  stop(): Promise<void>;
}

/** Limits that tests make smaller. */
export interface ConsumersLimits {
  readonly parkedEventsMax: number;
}

/** Makes the consumers of a handle. */
export function createConsumers(work: Work, { parkedEventsMax }: ConsumersLimits = limits): Consumers {
  /** By name: those that take part, or are about to. */
  const members = new Map<string, Promise<ConsumerMember>>();

  async function consume(consumer: Consumer, options?: ConsumeOptions): Promise<ConsumerMember> {
    checkConsumer(consumer);
    const { name } = consumer;
    const plan = planConsume(consumer, options);
    if (members.has(name)) throw new HithertoError("DEFINITION_REPEATED", { kind: "consumer", name });
    const starting = start();
    members.set(name, starting);
    starting.catch(() => members.delete(name));
    return starting;

    async function start(): Promise<ConsumerMember> {
      const { record } = await ensureConsumer(work.store, consumer, plan.lagAlertMs);
      const { lagAlertMs = record.lagAlertMs } = plan;
      if (lagAlertMs !== record.lagAlertMs) {
        await changeConsumer(work.readSide, name, (now) => ({ ...now, lagAlertMs }));
      }
      const member = await work.member(plan.leaseMs);
      const onEnd = (): void => void members.delete(name);
      return startMember({ work, consumer, plan: { ...plan, lagAlertMs }, member, parkedEventsMax, onEnd });
    }
  }

  return {
    admin: createConsumerAdmin(work),
    consume,
    stop: async () => {
      const stopping = [...members.values()].map(async (starting) => (await starting).stop());
      await Promise.allSettled(stopping);
    },
  };
}
