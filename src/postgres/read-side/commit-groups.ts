/**
 * Commits of one handle that wait right behind each other leave together: in one round trip, and with one wait for the
 * disk. Each is decided on its own.
 *
 * A group is **boarding** while it is the last thing that waits in the handle's queue: whatever else is called ends that,
 * so that all writes take effect in the order of the calls. Then it **waits** for its turn, and **leaves**.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CommitPlan } from "../../store/read-side-options.ts";
import { isContention, isStatementError, sqlStateOf } from "../postgres-errors.ts";
import type { Session } from "../session.ts";
import type { SharedStore } from "../shared-store.ts";
import { isOneCall } from "./read-side-writer.ts";
import type { ReadSideWriter } from "./read-side-writer.ts";

/** Commits in a group. */
const groupMax = 256;
/** The longest pause before a group is tried again. */
const pauseMsMax = 20;

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
  #boarding: { readonly members: Member[]; readonly place: object } | undefined;

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
    const isOpen = group !== undefined && group.place === queue.last && group.members.length < groupMax;
    if (isOpen && isOneCall(member.plan)) {
      group.members.push(member);
      return;
    }
    const [members, before] = [[member], queue.last];
    const leaving = queue.run(() => this.#leave(members));
    leaving.catch((error: unknown) => members.forEach(({ settle }) => settle(error as Error)));
    // What the queue has refused is not there.
    const place = queue.last === before ? undefined : queue.last;
    this.#boarding = place !== undefined && isOneCall(member.plan) ? { members, place } : undefined;
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

  /** Tries again what other transactions have undone; what was under way when a connection broke may have been done. */
  async #tryWrite(members: readonly Member[]): Promise<ReadonlyArray<number | Error>> {
    const { database, busyTimeoutMs } = this.#shared;
    const isDurable = members.some((member) => member.isDurable);
    const [plan, ...others] = members.map((member) => member.plan);
    const commitAll = (connection: Session): Promise<ReadonlyArray<number | Error>> =>
      this.#writer.commitGroup(connection, [plan!, ...others], isDurable);
    const commitStepwise = async (connection: Session): Promise<number[]> => {
      return [await this.#writer.commit(connection, plan!, isDurable)];
    };
    for (const deadline = performance.now() + busyTimeoutMs; ;) {
      try {
        return await (isOneCall(plan!)
          ? database.withConnection(commitAll)
          : database.transaction(commitStepwise));
      } catch (error) {
        const mayPass = isContention(error) && sqlStateOf(error) !== "55P03";
        if (!mayPass || performance.now() >= deadline) throw error;
      }
      await delay(Math.random() * pauseMsMax);
    }
  }
}
