/**
 * Takes care of one projection in one process: looks again and again at what is stored of it, makes the generation that its
 * version needs, drops those that nobody needs any more, and has a {@link GenerationRun} for each that is to be worked on.
 * There are two while a rebuild of the same version goes on beside the active generation. What to do with which
 * generation is decided in `generation-plan.ts`.
 */
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import { filterOf } from "../../core/projection-step.ts";
import type { AnyProjection } from "../../core/projection.ts";
import { endsHandle } from "../../store/ends-handle.ts";
import type { ReadModelInfo, ReadModelStep, StoredRecord } from "../../store/read-side.ts";
import type { Member } from "../membership.ts";
import type { ProjectionRecord, RunRecord } from "../records.ts";
import { monitorLag } from "../status/lag-monitor.ts";
import type { LagMonitor } from "../status/lag-monitor.ts";
import type { WorkEvent } from "../work-status.ts";
import { workOf } from "../work.ts";
import type { Work } from "../work.ts";
import { Bell } from "./bell.ts";
import { planGenerations } from "./generation-plan.ts";
import type { GenerationPlan, KnownGeneration } from "./generation-plan.ts";
import { forgetBeside, projectionRef, runRef, shapeOf } from "./generation-records.ts";
import { GenerationRun } from "./generation-run.ts";
import type { Directions, Halt, RunContext, WorkEventPart } from "./generation-run.ts";
import type { RunnerPlan } from "./runner-plan.ts";

/** What a keeper works with. */
export interface KeeperOptions {
  readonly work: Work;
  readonly member: Member;
  readonly projection: AnyProjection;
  readonly plan: RunnerPlan;
}

/** How often at most to look, and how often when nothing is heard of, in milliseconds. */
const lookMs = { least: 200, most: 1_000 } as const;

/** Takes care of one projection. */
export class ProjectionKeeper {
  readonly projection: AnyProjection;
  readonly #options: KeeperOptions;
  readonly #work: string;
  readonly #bell = new Bell();
  readonly #cleanUps: Array<() => void> = [];
  #runs: GenerationRun[] = [];
  #looking: Promise<void> = Promise.resolve();
  #isOwner = false;
  /** Whether the threshold of this process has been written; others may have theirs written after it. */
  #isThresholdNoted = false;
  readonly #ending = new AbortController();

  constructor(options: KeeperOptions) {
    this.projection = options.projection;
    this.#options = options;
    this.#work = workOf({ kind: "projection", name: options.projection.name });
  }

  /** Begins; resolves after the first look. @throws `PROJECTION_OUTDATED`; what the store throws. */
  async start(): Promise<void> {
    const { newerVersion } = await this.#lookFirst();
    if (newerVersion !== undefined) {
      await this.stop();
      const { name, version } = this.projection;
      throw new HithertoError("PROJECTION_OUTDATED", { projection: name, version, stored: newerVersion });
    }
    const { work, member } = this.#options;
    const lag = this.#watchLag();
    this.#cleanUps.push(
      work.readSide.watch(() => this.#ring()),
      member.onBeat(() => this.#ring()),
      member.takePart(this.#work),
      () => lag.stop(),
    );
    this.#looking = this.#keepLooking();
  }

  /** Why a run of it is halted here, if one is, unless a resume has been asked for since. */
  async findHalt(): Promise<Halt | undefined> {
    const halt = this.#runs.map((run) => run.halt).find((one) => one !== undefined);
    if (halt === undefined) return undefined;
    const { readSide } = this.#options.work;
    const wanted = await readSide.findRecord(projectionRef(this.projection.name));
    const isLifted = wanted !== undefined && (wanted.value as ProjectionRecord).resumed > halt.resumed;
    return isLifted ? undefined : halt;
  }

  /** Finishes what is under way and gives it away. */
  async stop(): Promise<void> {
    this.#ending.abort();
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp();
    this.#bell.ring();
    await this.#looking;
    await Promise.all(this.#runs.map((run) => run.stop()));
    this.#tellOwner();
  }

  #ring(): void {
    this.#bell.ring();
    for (const run of this.#runs) run.ring();
  }

  async #keepLooking(): Promise<void> {
    while (!this.#isStopped) {
      const began = performance.now();
      try {
        await this.#look();
      } catch (error) {
        if (endsHandle(error)) return;
        // Another process was faster; or the runs tell what is wrong with the store.
        if (!isHithertoError(error, "RECORD_CONFLICT", "MODEL_CONFLICT")) this.#report(error);
      }
      await this.#bell.wait(lookMs.most);
      const restMs = lookMs.least - (performance.now() - began);
      if (restMs > 0) await this.#sleep(restMs);
    }
  }

  /** Several processes may begin at once; all but one of them have to look again. */
  async #lookFirst(): Promise<GenerationPlan> {
    for (;;) {
      try {
        return await this.#look();
      } catch (error) {
        if (!isHithertoError(error, "RECORD_CONFLICT", "MODEL_CONFLICT")) throw error;
      }
    }
  }

  get #isStopped(): boolean {
    return this.#ending.signal.aborted;
  }

  async #sleep(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }

  async #look(): Promise<GenerationPlan> {
    const { readSide } = this.#options.work;
    const record = await this.#findRecord();
    const wanted = record.value as ProjectionRecord;
    const known = await this.#findGenerations();
    const { version } = this.projection;
    const plan = planGenerations(known, { version, rebuild: wanted.rebuild });
    await this.#steer(plan, wanted);
    if (plan.isBuildNeeded && !this.#isStopped) {
      await this.#build(record, plan);
      return this.#look();
    }
    if (plan.drop.length > 0) {
      await readSide.commit({ models: plan.drop.map(dropping), ...forgetBeside(plan.drop) });
    }
    return plan;
  }

  /** The record of what is wanted, made if there is none. */
  async #findRecord(): Promise<StoredRecord> {
    const { work, plan } = this.#options;
    const ref = projectionRef(this.projection.name);
    const stored = await work.readSide.findRecord(ref);
    const first: ProjectionRecord = { wanted: "running", rebuild: 0, resumed: 0 };
    const value = { ...(stored?.value as ProjectionRecord | undefined) };
    const isRight = this.#isThresholdNoted || value.lagAlertMs === plan.lagAlertMs;
    if (stored === undefined || !isRight) {
      const put = [{ ...ref, value: { ...first, ...value, lagAlertMs: plan.lagAlertMs } }];
      await work.readSide.commit({ expect: [{ ...ref, version: stored?.version ?? 0 }], put });
    }
    this.#isThresholdNoted = true;
    return stored !== undefined && isRight ? stored : this.#findRecord();
  }

  async #findGenerations(): Promise<readonly KnownGeneration[]> {
    const { work, member } = this.#options;
    const models = await work.readSide.listModels(this.projection.name);
    const known = models.map(async (model): Promise<KnownGeneration> => {
      const run = (await work.readSide.findRecord(runRef(model)))?.value as RunRecord | undefined;
      const isHeld = run?.holder !== undefined && member.isAlive(run.holder);
      return { model, rebuild: run?.rebuild ?? 0, isHeld };
    });
    return Promise.all(known);
  }

  /** Makes a new generation and owns it. That of an empty log has caught up, so it is active at once. */
  async #build({ version, value }: StoredRecord, plan: GenerationPlan): Promise<void> {
    const { work, member } = this.#options;
    const { readSide } = work;
    const { name } = this.projection;
    const generation = await readSide.nextGeneration();
    const shape = shapeOf(this.projection);
    const steps: ReadModelStep[] = [
      ...plan.drop.map(dropping),
      { step: "create", generation, name, version: this.projection.version, shape },
    ];
    const isFirst = (await readSide.listModels(name)).length === 0;
    if (isFirst && (await work.store.head()) === 0) steps.push({ step: "activate", generation });
    const progress = { state: "building", error: undefined, ratePerSecond: 0 } as const;
    const run: RunRecord = { holder: member.id, rebuild: (value as ProjectionRecord).rebuild, progress };
    await readSide.commit({
      // The record is put as it is, so that of several processes only one can build.
      expect: [{ ...projectionRef(name), version }],
      models: steps,
      put: [
        { ...projectionRef(name), value },
        { ...runRef({ name, generation }), value: run },
      ],
      ...forgetBeside(plan.drop),
    });
  }

  /** Runs what is to be run, and no more. */
  async #steer({ run }: GenerationPlan, { wanted, resumed }: ProjectionRecord): Promise<void> {
    const directions: Directions = { wanted, resumed };
    const isWanted = ({ generation, isEnded }: GenerationRun): boolean =>
      !isEnded && run.some((model) => model.generation === generation);
    const unwanted = this.#runs.filter((one) => !isWanted(one));
    this.#runs = this.#runs.filter(isWanted);
    await Promise.all(unwanted.map((one) => one.stop()));
    for (const model of run) {
      const known = this.#runs.find(({ generation }) => generation === model.generation);
      if (known !== undefined) known.direct(directions);
      else if (!this.#isStopped) this.#runs.push(new GenerationRun(this.#context(), model, directions));
    }
    if (unwanted.length > 0 && run.length === 0) this.#tell({ kind: "state", state: "idle" });
    this.#tellOwner();
  }

  #context(): RunContext {
    const tell = (event: WorkEventPart): void => this.#tell(event);
    const onChange = (): void => {
      this.#tellOwner();
      this.#bell.ring();
    };
    return { ...this.#options, tell, onChange };
  }

  #watchLag(): LagMonitor {
    const { work, plan } = this.#options;
    const position = (): number | undefined =>
      this.#runs.map((run) => run.livePosition).find((reached) => reached !== undefined);
    return monitorLag(work, {
      alertMs: plan.lagAlertMs,
      filter: filterOf(this.projection),
      position,
      onLag: (lag) => this.#tell({ kind: "lag", lag }),
      onError: (error) => this.#report(error),
    });
  }

  #tellOwner(): void {
    const isOwner = !this.#isStopped && this.#runs.some((run) => run.isOwner);
    if (isOwner === this.#isOwner) return;
    this.#isOwner = isOwner;
    this.#tell({ kind: "owner", isOwner });
  }

  #tell(part: WorkEventPart): void {
    const event = { ...part, work: this.#work } as WorkEvent;
    // Retries and take-overs mend themselves; anything else somebody has to hear of.
    const isGrave = event.kind === "failure" && event.next !== "retry" && event.next !== "hand-over";
    if (isGrave) this.#report(event.error);
    try {
      this.#options.plan.onEvent(event);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    this.#options.work.plan.report({ operation: "projection", definition: this.projection.name, error });
  }
}

function dropping({ generation }: ReadModelInfo): ReadModelStep {
  return { step: "drop", generation };
}
