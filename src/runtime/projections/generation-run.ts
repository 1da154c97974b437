/**
 * Runs one generation of a projection in one process: the states between `standing by` and `ended` of the machine that is
 * described in `projection-runner.ts`. One loop does everything, a turn at a time, so nothing here happens side by side
 * save the commit of a batch with the folding of the next.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { filterOf } from "../../core/projection-step.ts";
import type { AnyProjection } from "../../core/projection.ts";
import type { EventFilter } from "../../core/query.ts";
import { endsHandle, isLoss } from "../../store/ends-handle.ts";
import type { ReadModelInfo } from "../../store/read-side.ts";
import type { Member } from "../membership.ts";
import { checkReached } from "../reached-position.ts";
import type { ProjectionRecord, RunRecord } from "../records.ts";
import { retryDelayMs } from "../retry-policy.ts";
import { toWorkError } from "../work-error.ts";
import type { WorkError, WorkEvent, WorkState } from "../work-status.ts";
import type { Work } from "../work.ts";
import { activate } from "./activation.ts";
import { readBatches, Turn } from "./batches.ts";
import { Bell } from "./bell.ts";
import { createDocumentWriter } from "./document-writer.ts";
import { EventFailed, toProjectionFailed } from "./event-failure.ts";
import type { EventFailure } from "./event-failure.ts";
import { parkedScope, projectionRef, runRef } from "./generation-records.ts";
import type { GenerationWriter, WriterSurroundings } from "./generation-writer.ts";
import { OwnedGeneration } from "./owned-generation.ts";
import { RateMeter } from "./rate-meter.ts";
import { Replays } from "./replay.ts";
import { RunParking } from "./run-parking.ts";
import type { RunnerPlan } from "./runner-plan.ts";
import { createSqlWriter } from "./sql-writer.ts";

/** What a run has in common with its keeper. */
export interface RunContext {
  readonly work: Work;
  readonly member: Member;
  readonly projection: AnyProjection;
  readonly plan: RunnerPlan;
  /** Tells the hooks; never throws. */
  readonly tell: (event: WorkEventPart) => void;
  /** Tells the keeper that its generations, or who owns them, are no longer what they were. */
  readonly onChange: () => void;
}

type WithoutWork<Event> = Event extends unknown ? Omit<Event, "work"> : never;

/** A {@link WorkEvent} without the name of the work. */
export type WorkEventPart = WithoutWork<WorkEvent>;

/** What is wanted, as far as it concerns a run. */
export interface Directions {
  readonly wanted: "running" | "paused";
  /** Rises with each resume. */
  readonly resumed: number;
}

/** An event that goes on failing. */
interface Failing extends EventFailure {
  readonly attempts: number;
}

/** Why it stands still until somebody resumes it. */
export interface Halt {
  readonly error: unknown;
  /** The number of resumes then. */
  readonly resumed: number;
}

/** The owner's tools, made anew with each take-over. */
interface Tools extends WriterSurroundings {
  readonly writer: GenerationWriter;
  readonly replays: Replays;
}

/** How long to wait for a signal before looking by oneself, in milliseconds. */
const pollMs = 1_000;
/** How often to look at the record of somebody else's generation, in milliseconds. */
const standByMs = 100;
/** How often to look whether parked keys have been changed, in milliseconds. */
const parkingMs = 200;
const storeRetryMs = { first: 50, max: 5_000 } as const;
/** How often to try to give a generation away, for whoever stops waits for it. */
const releasesMax = 5;

/** Runs a generation until it is stopped or gone. */
export class GenerationRun {
  #model: ReadModelInfo;
  readonly #context: RunContext;
  readonly #filter: EventFilter;
  readonly #bell = new Bell();
  readonly #meter = new RateMeter();
  readonly #done: Promise<void>;
  #directions: Directions;
  #tools: Tools | undefined;
  #state: WorkState = "idle";
  #error: WorkError | undefined;
  #notedAt = 0;
  #parkingSeenAt = 0;
  #failing: Failing | undefined;
  #halted: Halt | undefined;
  #isEnding = false;

  constructor(context: RunContext, model: ReadModelInfo, directions: Directions) {
    this.#context = context;
    this.#model = model;
    this.#directions = directions;
    this.#filter = filterOf(context.projection);
    this.#done = this.#main();
  }

  get generation(): number {
    return this.#model.generation;
  }

  get isEnded(): boolean {
    return this.#isEnding;
  }

  /** The position of the read model, while it is owned here and readers see it. */
  get livePosition(): number | undefined {
    return this.#model.state === "active" ? this.#tools?.writer.reached : undefined;
  }

  /** Why it is halted, if it is. */
  get halt(): Halt | undefined {
    return this.#halted;
  }

  get isOwner(): boolean {
    return this.#tools !== undefined;
  }

  /** Tells that something may have changed in the store. */
  ring(): void {
    this.#bell.ring();
  }

  direct(directions: Directions): void {
    const { wanted, resumed } = this.#directions;
    if (directions.wanted === wanted && directions.resumed === resumed) return;
    this.#directions = directions;
    this.ring();
  }

  /** Finishes the batch under way and gives the generation away. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    this.ring();
    await this.#done;
  }

  async #main(): Promise<void> {
    let failures = 0;
    while (!this.#isEnding) {
      try {
        await this.#turn();
        failures = 0;
      } catch (error) {
        failures++;
        await this.#mend(error, failures);
      }
    }
    await this.#release();
  }

  async #turn(): Promise<void> {
    const tools = this.#tools;
    if (tools === undefined) return this.#standBy();
    await this.#seeDirections();
    if (!(await tools.owned.isAsLastSeen())) return this.#beginAgain(true);
    if (this.#directions.wanted === "paused") return this.#rest("paused");
    if (this.#halted !== undefined) {
      if (this.#directions.resumed <= this.#halted.resumed) return this.#rest("halted");
      this.#halted = undefined;
      this.#failing = undefined;
    }
    const replayMs = await this.#replay(tools);
    const failure = await this.#catchUp(tools);
    if (failure !== undefined) return this.#fail(failure, tools);
    if (this.#isInterrupted) return;
    this.#failing = undefined;
    this.#error = undefined;
    if (this.#model.state === "building" && !(await this.#activate(tools))) return;
    await this.#note("live");
    await this.#bell.wait(Math.min(replayMs ?? pollMs, pollMs));
  }

  // Ownership

  async #standBy(): Promise<void> {
    const { work, member } = this.#context;
    const record = await work.readSide.findRecord(runRef(this.#model));
    const run = record?.value as RunRecord | undefined;
    if (record === undefined || run === undefined) {
      this.#end();
      return;
    }
    const isOthers = run.holder !== undefined && run.holder !== member.id;
    // Beats may be far between; that a process of this machine is no more can be seen at any time.
    if (isOthers) await work.look();
    if (isOthers && member.isAlive(run.holder)) {
      await this.#bell.wait(pollMs);
      // Somebody else's commits ring it too.
      await this.#pause(standByMs);
      return;
    }
    if (run.holder !== member.id) {
      const value: RunRecord = { ...run, holder: member.id };
      const expect = [{ ...runRef(this.#model), version: record.version }];
      await work.readSide.commit({ expect, put: [{ ...runRef(this.#model), value }] }, { isDurable: false });
    }
    await this.#own();
    this.#context.onChange();
  }

  /** Looks whether the generation is still this one's, and begins from what is stored. */
  async #own(): Promise<void> {
    const { work, member, projection } = this.#context;
    const { readSide } = work;
    this.#tools = undefined;
    const [record, models] = await Promise.all([
      readSide.findRecord(runRef(this.#model)),
      readSide.listModels(this.#model.name),
    ]);
    const model = models.find(({ generation }) => generation === this.generation);
    if (record === undefined || model === undefined) {
      this.#end();
      return;
    }
    if ((record.value as RunRecord).holder !== member.id) return;
    const what = `generation ${model.generation} of the read model "${model.name}"`;
    await checkReached(work.store, [{ what, position: model.position }]);
    this.#model = model;
    const owned = new OwnedGeneration(readSide, model, record);
    const holdsBack = projection.kind === "projection";
    const parking = new RunParking(readSide, parkedScope(model), { holdsBack, now: work.plan.clock });
    await parking.load();
    this.#tools = this.#equip({ readSide, owned, parking });
  }

  #equip(around: WriterSurroundings): Tools {
    const { projection, work } = this.#context;
    const writer =
      projection.kind === "projection"
        ? createDocumentWriter(projection, around)
        : createSqlWriter(projection, around);
    const onFailure = (failure: EventFailure, attempt: number): void =>
      this.#tellFailure(failure, attempt, "park");
    const { store, plan } = work;
    const replays = new Replays({ ...around, store, writer, now: plan.clock, onFailure });
    return { ...around, writer, replays };
  }

  async #release(): Promise<void> {
    const tools = this.#tools;
    this.#tools = undefined;
    if (tools === undefined) return;
    await tools.writer.settle().catch(() => undefined);
    for (let attempt = 1; attempt <= releasesMax; attempt++) {
      try {
        await tools.owned.release({ state: "idle", error: this.#error, ratePerSecond: 0 });
        return;
      } catch (error) {
        // Taken over already, dropped, or closed: then there is nothing to give away.
        if (isHithertoError(error, "RECORD_CONFLICT", "MODEL_CONFLICT") || endsHandle(error)) return;
        const next = attempt < releasesMax ? "retry" : "hand-over";
        this.#context.tell({ kind: "failure", error, position: undefined, attempt, next });
        if (next === "retry") await sleep(storeRetryMs.first * 2 ** attempt);
      }
    }
  }

  #end(): void {
    this.#isEnding = true;
    this.#tools = undefined;
    this.#context.onChange();
  }

  // Work

  get #isInterrupted(): boolean {
    return this.#isEnding || this.#directions.wanted === "paused";
  }

  /** What is asked for is seen before anything that is appended afterwards is worked off. */
  async #seeDirections(): Promise<void> {
    const { readSide } = this.#context.work;
    const record = await readSide.findRecord(projectionRef(this.#model.name));
    if (record === undefined) return;
    const { wanted, resumed } = record.value as ProjectionRecord;
    this.#directions = { wanted, resumed };
  }

  /** Works off what is in the log now. */
  async #catchUp({ writer, owned }: Tools): Promise<EventFailure | undefined> {
    const { work, plan } = this.#context;
    const head = await work.store.head();
    if (head <= writer.reached) return undefined;
    await this.#follow(writer);
    const range = { filter: this.#filter, after: writer.reached, to: head, sizeMax: plan.batchSizeMax };
    if (head <= range.after) return undefined;
    const turn = new Turn();
    for await (const batch of readBatches(work.store, range)) {
      const failure = await writer.write(batch);
      this.#meter.add(batch.events.length);
      if (failure !== undefined) return failure;
      if (batch.to < head) this.#noteBehind(owned);
      if (turn.isOver) await turn.rest();
      if (this.#isInterrupted) break;
    }
    await writer.settle();
    return undefined;
  }

  /** Inline appends, or an admin, may have moved the read model meanwhile. */
  async #follow(writer: GenerationWriter): Promise<void> {
    const models = await this.#context.work.readSide.listModels(this.#model.name);
    const model = models.find(({ generation }) => generation === this.generation);
    if (model !== undefined && model.position !== writer.reached) writer.reset(model.position);
  }

  async #replay({ parking, replays, owned }: Tools): Promise<number | undefined> {
    const isDue = performance.now() - this.#parkingSeenAt > parkingMs;
    if (parking.hasParked && isDue) {
      await parking.load();
      this.#parkingSeenAt = performance.now();
    }
    const dueInMs = await replays.step();
    const { hasParked } = parking;
    if ((owned.record.hasParked ?? false) !== hasParked) owned.note({ hasParked });
    return dueInMs;
  }

  /** Makes it what readers see, if nothing has come in between. */
  async #activate({ writer, owned, parking }: Tools): Promise<boolean> {
    const progress = this.#progress("live");
    const { work, plan } = this.#context;
    const activated = await activate({
      readSide: work.readSide,
      writer,
      owned,
      filter: this.#filter,
      progress,
      eventsMax: plan.batchSizeMax,
    });
    if (!activated) return false;
    this.#model = { ...this.#model, state: "active" };
    await parking.load();
    this.#context.onChange();
    return true;
  }

  // Failures

  async #fail(failure: EventFailure, { writer, parking }: Tools): Promise<void> {
    await writer.settle();
    await parking.load();
    const { plan, work } = this.#context;
    const before = this.#failing;
    const isSame = before?.event.position === failure.event.position && before.key === failure.key;
    const attempts = isSame ? before.attempts + 1 : 1;
    this.#failing = { ...failure, attempts };
    this.#error = toWorkError(failure.error, work.plan.clock(), failure.event.position);
    if (attempts <= plan.retry.max) {
      this.#tellFailure(failure, attempts, "retry");
      await this.#note("retrying");
      await this.#pause(retryDelayMs(plan.retry, attempts, work.plan.random));
    } else if (plan.onError === "park") {
      parking.condemn(failure.event, failure.key, { error: failure.error, attempts, at: work.plan.clock() });
      this.#tellFailure(failure, attempts, "park");
    } else {
      this.#tellFailure(failure, attempts, "halt");
      await this.#halt(toProjectionFailed(this.#context.projection, failure));
    }
  }

  async #halt(error: unknown): Promise<void> {
    this.#halted = { error, resumed: this.#directions.resumed };
    await this.#note("halted");
  }

  /** After an error of the store: begins again from what is stored, if it still owns the generation. */
  async #mend(error: unknown, failures: number): Promise<void> {
    if (error instanceof EventFailed && this.#tools !== undefined) return this.#mendEvent(error.failure);
    if (endsHandle(error)) {
      if (isLoss(error)) await this.#sayFailed(error, failures, "halt");
      this.#end();
      return;
    }
    const isOvertaken = isHithertoError(error, "RECORD_CONFLICT", "MODEL_CONFLICT");
    const isFull = isHithertoError(error, "PARKED_FULL");
    if (!isOvertaken) await this.#sayFailed(error, failures, isFull ? "halt" : "retry");
    else if (failures > 1) await this.#pause(storeRetryMs.first);
    await this.#beginAgain(isOvertaken);
    if (!isOvertaken && !isFull) await this.#noteFailed();
    if (!isFull || this.#tools === undefined) return;
    try {
      await this.#halt(error);
    } catch {
      this.#tools = undefined;
    }
  }

  /** From what is stored, if that is still this one's. */
  async #beginAgain(isOvertaken: boolean): Promise<void> {
    const wasOwner = this.#tools !== undefined;
    try {
      await this.#own();
    } catch {
      this.#tools = undefined;
    }
    if (wasOwner && this.#tools === undefined) this.#sayLost(isOvertaken);
  }

  /** An event that failed within a transaction: nothing of that is left, so what is known here goes too. */
  async #mendEvent(failure: EventFailure): Promise<void> {
    try {
      await this.#own();
      if (this.#tools !== undefined) await this.#fail(failure, this.#tools);
    } catch {
      // What keeps the failure from being noted, meets the next turn too.
      this.#tools = undefined;
    }
  }

  async #sayFailed(error: unknown, failures: number, next: "retry" | "halt"): Promise<void> {
    this.#error = toWorkError(error, this.#context.work.plan.clock());
    this.#context.tell({ kind: "failure", error, position: undefined, attempt: failures, next });
    if (next === "halt") return;
    this.#enter("retrying");
    await this.#pause(Math.min(storeRetryMs.first * 2 ** (failures - 1), storeRetryMs.max));
  }

  /**
   * Writes what is wrong with the store into the record, also of a generation that was claimed and cannot be worked on,
   * so that every process can tell. What keeps it from being written, the next turn meets too.
   */
  async #noteFailed(): Promise<void> {
    if (this.#isEnding) return;
    try {
      const owned = this.#tools?.owned ?? (await this.#findOwned());
      const noted = owned?.record.progress;
      if (noted?.state === "retrying" && noted.error?.message === this.#error?.message) return;
      owned?.note({ progress: this.#progress("retrying") });
      await owned?.flush();
    } catch {
      // See above.
    }
  }

  /** The generation, if the record names this member. */
  async #findOwned(): Promise<OwnedGeneration | undefined> {
    const { work, member } = this.#context;
    const record = await work.readSide.findRecord(runRef(this.#model));
    if (record === undefined || (record.value as RunRecord).holder !== member.id) return undefined;
    return new OwnedGeneration(work.readSide, this.#model, record);
  }

  #sayLost(isOvertaken: boolean): void {
    const { projection, tell, onChange } = this.#context;
    if (isOvertaken && !this.#isEnding) {
      const error = new HithertoError("OWNERSHIP_LOST", { work: `the projection "${projection.name}"` });
      tell({ kind: "failure", error, position: undefined, attempt: 1, next: "hand-over" });
    }
    onChange();
  }

  #tellFailure({ event, error }: EventFailure, attempt: number, next: "retry" | "park" | "halt"): void {
    this.#context.tell({ kind: "failure", error, position: event.position, attempt, next });
  }

  // State

  #progress(state: WorkState): RunRecord["progress"] {
    return { state, error: this.#error, ratePerSecond: this.#meter.perSecond };
  }

  /** Notes a state with a commit of its own, when it is new, or the rate is. */
  async #note(state: WorkState): Promise<void> {
    const owned = this.#tools?.owned;
    if (owned === undefined) return;
    const isNew = this.#enter(state);
    const isStale = performance.now() - this.#notedAt > pollMs;
    const isOther = owned.record.progress.ratePerSecond !== this.#meter.perSecond;
    if (isNew || owned.record.progress.state !== state || (isStale && isOther)) {
      owned.note({ progress: this.#progress(state) });
      this.#notedAt = performance.now();
    }
    await owned.flush();
  }

  /** Notes, with the next batch, that there is more to be done than one batch. */
  #noteBehind(owned: OwnedGeneration): void {
    const state = this.#model.state === "building" ? "building" : "catching-up";
    const isNew = this.#enter(state);
    if (!isNew && performance.now() - this.#notedAt <= pollMs) return;
    owned.note({ progress: this.#progress(state) });
    this.#notedAt = performance.now();
  }

  #enter(state: WorkState): boolean {
    if (this.#state === state) return false;
    this.#state = state;
    this.#context.tell({ kind: "state", state });
    return true;
  }

  /** Does nothing until something is rung, or for a while. */
  async #rest(state: "paused" | "halted"): Promise<void> {
    await this.#note(state);
    await this.#bell.wait(pollMs);
  }

  /** Waits, whatever rings, unless it is to end or other directions come. */
  async #pause(ms: number): Promise<void> {
    const end = performance.now() + ms;
    const { wanted, resumed } = this.#directions;
    const isAsBefore = (): boolean =>
      this.#directions.wanted === wanted && this.#directions.resumed === resumed;
    // The time is read once a turn: between two readings, the end may pass.
    for (let leftMs = ms; leftMs > 0 && !this.#isEnding && isAsBefore(); leftMs = end - performance.now()) {
      await this.#bell.wait(leftMs);
    }
  }
}
