/**
 * Commits of one handle that wait right behind each other leave together: in one round trip, and with one wait for the
 * disk. Each is decided on its own.
 *
 * A group is **boarding** while it is the last thing that waits in the handle's queue: whatever else is called ends that,
 * so that all writes take effect in the order of the calls. Then it **waits** for its turn, and **leaves**.
 */
import { setTimeout as delay } from "node:timers/promises";
import { isHithertoError } from "../../core/errors.ts";
import type { CommitPlan } from "../../store/read-side-options.ts";
import { isContention, isStatementError, sqlStateOf } from "../postgres-errors.ts";
import type { Session } from "../session.ts";
import type { SharedStore } from "../shared-store.ts";
import { isOneCall } from "./read-side-writer.ts";
import type { ReadSideWriter } from "./read-side-writer.ts";

/** Bounds of a group, beyond its first commit: the length is that of all JSON in it. */
const groupMax = { commits: 256, length: 4_194_304 } as const;
/** Pauses between two attempts: doubled each time up to the most, and shortened at random. */
const pauseMs = { first: 5, most: 500 } as const;

interface Member {
  readonly plan: CommitPlan;
  readonly isDurable: boolean;
  readonly settle: (outcome: number | Error) => void;
}

/** Makes the commits of one handle. */
export class CommitGroups {
  readonly #shared: SharedStore;
  readonly #writer: ReadSideWriter;
  readonly #onCommit: (plans: readonly CommitPlan[]) => Promise<void>;
  #boarding: { readonly members: Member[]; readonly place: object; length: number } | undefined;

  /** `onCommit` is called in the turn of each group, when it has been committed. */
  constructor(
    shared: SharedStore,
    writer: ReadSideWriter,
    onCommit: (plans: readonly CommitPlan[]) => Promise<void>,
  ) {
    this.#shared = shared;
    this.#writer = writer;
    this.#onCommit = onCommit;
  }

  /** Queues a commit and gives its version. @throws what refuses it, `QUEUE_FULL`, `STORE_CLOSED`, `STORE_BUSY`, `STORE_IO` */
  async commit(plan: CommitPlan, isDurable: boolean): Promise<number> {
    const outcome = await new Promise<number | Error>((settle) => {
      this.#board({ plan, isDurable, settle });
    });
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  #board(member: Member): void {
    const { queue } = this.#shared;
    const group = this.#boarding;
    const length = lengthOf(member.plan);
    if (group !== undefined && group.place === queue.last && isOneCall(member.plan)) {
      group.length += length;
      if (group.members.length < groupMax.commits && group.length <= groupMax.length) {
        group.members.push(member);
        return;
      }
    }
    const [members, before] = [[member], queue.last];
    const leaving = queue.run(() => this.#leave(members));
    leaving.catch((error: unknown) => members.forEach(({ settle }) => settle(error as Error)));
    // What the queue has refused is not there.
    const place = queue.last === before ? undefined : queue.last;
    this.#boarding = place !== undefined && isOneCall(member.plan) ? { members, place, length } : undefined;
  }

  async #leave(members: readonly Member[]): Promise<void> {
    const outcomes = await this.#write(members);
    await this.#onCommit(members.map(({ plan }) => plan));
    for (const [index, { settle }] of members.entries()) settle(outcomes[index]!);
  }

  async #write(members: readonly Member[]): Promise<ReadonlyArray<number | Error>> {
    try {
      return await this.#tryWrite(members);
    } catch (error) {
      if (members.length === 1) return [error as Error];
      if (!isStatementError((error as Error).cause)) throw error;
    }
    // One of them brought down all: alone, it harms only itself.
    const outcomes: Array<number | Error> = [];
    for (const member of members) outcomes.push(...(await this.#write([member])));
    return outcomes;
  }

  /** Tries again what was surely not done; what was under way when a connection broke may have been. */
  async #tryWrite(members: readonly Member[]): Promise<ReadonlyArray<number | Error>> {
    const { database, busyTimeoutMs } = this.#shared;
    const isDurable = members.some((member) => member.isDurable);
    const plans = members.map(({ plan }) => plan);
    const commitTogether = (connection: Session): Promise<ReadonlyArray<number | Error>> =>
      this.#writer.commitGroup(connection, plans, isDurable);
    const commitStepwise = async (connection: Session): Promise<readonly number[]> => {
      return [await this.#writer.commit(connection, plans[0]!, isDurable)];
    };
    const deadline = performance.now() + busyTimeoutMs;
    for (let attempt = 0; ; attempt++) {
      try {
        return await (isOneCall(plans[0]!)
          ? database.withConnection(commitTogether)
          : database.transaction(commitStepwise));
      } catch (error) {
        if (!mayPass(error) || performance.now() >= deadline) throw error;
      }
      const pause = Math.min(pauseMs.most, pauseMs.first * 2 ** attempt);
      await delay(pause * (0.5 + Math.random() / 2));
    }
  }
}

/** Who waited for a lock as long as he may does not wait again. */
function mayPass(error: unknown): boolean {
  return (
    isHithertoError(error, "STORE_UNREACHABLE") || (isContention(error) && sqlStateOf(error) !== "55P03")
  );
}

function lengthOf({ put, models }: CommitPlan): number {
  let length = 0;
  for (const { json } of put) length += json.length;
  for (const step of models) {
    if (step.step !== "advance") continue;
    for (const { json } of step.documents ?? []) length += json?.length ?? 0;
  }
  return length;
}
