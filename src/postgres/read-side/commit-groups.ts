/**
 * Commits of one handle that wait right behind each other leave together: in one round trip, and with one wait for the
 * disk. Each is decided on its own.
 *
 * A group is **boarding** while it is the last thing that waits in the handle's queue: whatever else is called ends that,
 * so that all writes take effect in the order of the calls. Then it **waits** for its turn, and **leaves**.
 */
import type { CommitPlan } from "../../store/read-side-options.ts";
import {
  failureOf,
  isConnectionLoss,
  isStatementError,
  mayPass,
  unknownOutcome,
  wasNotSent,
} from "../postgres-errors.ts";
import type { Session } from "../session.ts";
import type { SharedStore } from "../shared-store.ts";
import { tryAgain } from "../try-again.ts";
import { isOneCall } from "./read-side-writer.ts";
import type { ReadSideWriter } from "./read-side-writer.ts";

/** Bounds of a group, beyond its first commit: the length is that of all JSON in it. */
const groupMax = { commits: 256, length: 4_194_304 } as const;
/** The longest pause between two attempts, in milliseconds. */
const pauseMaxMs = 500;

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
    // Tables and their indexes are made and emptied step by step, which may take long.
    const attempt = (): Promise<ReadonlyArray<number | Error>> =>
      isOneCall(plans[0]!)
        ? database.withConnection(commitTogether, busyTimeoutMs + database.answerTimeoutMs)
        : database.transaction(commitStepwise);
    const mayHelp = (error: unknown): boolean =>
      isSurelyUndone(error) && !(isConnectionLoss(error) && database.isLongAway);
    try {
      return await tryAgain(attempt, { forMs: busyTimeoutMs, mayHelp, pauseMaxMs });
    } catch (error) {
      if (!isConnectionLoss(error) || isSurelyUndone(error)) throw error;
      throw unknownOutcome(error, database.store, "the commit was made");
    }
  }
}

/** Who waited for a lock as long as he may does not wait again; who got no connection has sent nothing. */
function isSurelyUndone(error: unknown): boolean {
  if (isConnectionLoss(error)) return wasNotSent(error);
  return mayPass(error) && failureOf(error) !== "locked";
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
