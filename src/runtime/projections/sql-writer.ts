/**
 * Works events into SQL tables: each batch in a transaction, short enough to let other writers in between. When an event
 * fails, its transaction is undone as a whole, and the events before it are worked off once more without it.
 */
import { performance } from "node:perf_hooks";
import { isHithertoError } from "../../core/errors.ts";
import type { StoredEvent } from "../../core/event.ts";
import { projectionFailed } from "../../core/projection-step.ts";
import type { SqlProjection } from "../../core/projection.ts";
import type { ReadSideCommit, ReadSideTransaction } from "../../store/read-side.ts";
import { Turn } from "./batches.ts";
import type { Batch } from "./batches.ts";
import { EventFailed } from "./event-failure.ts";
import type { EventFailure } from "./event-failure.ts";
import type { GenerationWriter, Replay, WriterSurroundings } from "./generation-writer.ts";
import { withGuard } from "./owned-generation.ts";
import type { Parked } from "./run-parking.ts";
import { applySqlStep } from "./sql-steps.ts";

/** How long a transaction takes in events, in milliseconds; whoever wants to append waits so long. */
const transactionMs = 50;

/** Makes a writer for a generation of tables. */
export function createSqlWriter(projection: SqlProjection, around: WriterSurroundings): GenerationWriter {
  return new SqlWriter(projection, around);
}

/** What a transaction has worked off. */
interface Written {
  readonly count: number;
  readonly to: number;
  readonly parked: readonly Parked[];
}

class SqlWriter implements GenerationWriter {
  reached: number;
  readonly #projection: SqlProjection;
  readonly #around: WriterSurroundings;
  readonly #generation: number;
  /** The event whose function is running. */
  #current: StoredEvent | undefined;

  constructor(projection: SqlProjection, around: WriterSurroundings) {
    const { generation, position } = around.owned.model;
    this.#projection = projection;
    this.#around = around;
    this.#generation = generation;
    this.reached = position;
  }

  async write({ events, to }: Batch): Promise<EventFailure | undefined> {
    let rest = events;
    while (this.reached < to) {
      try {
        rest = rest.slice(await this.#commitSome({ events: rest, to }));
      } catch (error) {
        if (!(error instanceof EventFailed)) throw error;
        const { position } = error.failure.event;
        const before = rest.filter((event) => event.position < position);
        return (await this.write({ events: before, to: position - 1 })) ?? error.failure;
      }
    }
    return undefined;
  }

  settle(): Promise<void> {
    return Promise.resolve();
  }

  async writeIn(transaction: ReadSideTransaction, batch: Batch): Promise<void> {
    const written = await this.#apply(transaction, batch, Infinity);
    const { changes } = this.#around.parking.changesFor(written.parked);
    await transaction.commit({ ...changes, models: [this.#advance(written)] });
    this.reached = written.to;
  }

  async replay({ event, changes }: Replay): Promise<EventFailure | undefined> {
    try {
      await this.#transact(async (transaction) => {
        await this.#step(transaction, event);
        return { changes };
      });
      return undefined;
    } catch (error) {
      if (error instanceof EventFailed) return error.failure;
      throw error;
    }
  }

  reset(position: number): void {
    this.reached = position;
  }

  /** Works off as many events as the time allows, and says how many. @throws {@link EventFailed} */
  async #commitSome(batch: Batch): Promise<number> {
    const { parking, owned } = this.#around;
    const written = await this.#transact(async (transaction) => {
      const some = await this.#apply(transaction, batch, transactionMs);
      if (some.parked.length > 0) owned.note({ hasParked: true });
      const { changes, onCommitted } = parking.changesFor(some.parked);
      return { changes: { ...changes, models: [this.#advance(some)] }, onCommitted, result: some };
    });
    this.reached = written!.to;
    return written!.count;
  }

  async #transact<Result>(
    body: (transaction: ReadSideTransaction) => Promise<{
      readonly changes: ReadSideCommit;
      readonly onCommitted?: (version: number) => void;
      readonly result?: Result;
    }>,
  ): Promise<Result | undefined> {
    const { readSide, owned } = this.#around;
    this.#current = undefined;
    try {
      const made = await readSide.transaction(
        async (transaction) => {
          const { changes, onCommitted, result } = await body(transaction);
          const guard = owned.guard();
          const { version } = await transaction.commit(withGuard(changes, guard));
          return { version, guard, onCommitted, result };
        },
        { isDurable: false },
      );
      made.guard.onCommitted(made.version);
      made.onCommitted?.(made.version);
      return made.result;
    } catch (error) {
      throw this.#blame(error);
    }
  }

  async #apply(transaction: ReadSideTransaction, { events, to }: Batch, timeMs: number): Promise<Written> {
    const { parking } = this.#around;
    const end = performance.now() + timeMs;
    const turn = new Turn();
    const parked: Parked[] = [];
    for (const [index, event] of events.entries()) {
      if (index > 0 && performance.now() > end) return { count: index, to: event.position - 1, parked };
      if (turn.isOver) await turn.rest();
      const failure = parking.verdictOf(event, event.stream);
      if (failure === undefined) {
        await this.#step(transaction, event);
      } else {
        parking.park(event.stream);
        parked.push({ event, key: event.stream, failure });
      }
    }
    await parking.takeRoom(parked.length);
    return { count: events.length, to, parked };
  }

  async #step(transaction: ReadSideTransaction, event: StoredEvent): Promise<void> {
    this.#current = event;
    await applySqlStep(this.#projection, transaction.sql(this.#generation), event);
  }

  /** A function that never ends is a failure of its event. */
  #blame(error: unknown): unknown {
    const event = this.#current;
    if (event === undefined || !isHithertoError(error, "TRANSACTION_TIMEOUT")) return error;
    const failed = projectionFailed(this.#projection, event, "took too long", error);
    return new EventFailed({ event, key: event.stream, error: failed });
  }

  #advance({ to }: Written) {
    return { step: "advance", generation: this.#generation, from: this.reached, to } as const;
  }
}
