/**
 * How projections stand, from what is stored: no definition is needed, so any process can say it.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import type { ReadModelInfo } from "../../store/read-side.ts";
import type { Liveness } from "../member-watch.ts";
import { ownerKey, recordKey, spaces } from "../records.ts";
import type { ProjectionRecord, RunRecord } from "../records.ts";
import type { ProjectionStatus, RebuildStatus } from "../work-status.ts";
import type { Work } from "../work.ts";
import { lagAlertMsDefault, measureLag } from "./lag.ts";
import { currentWork, lastError, lookAround } from "./progress.ts";
import type { CurrentWork, Surroundings } from "./progress.ts";

/** All projections that the store knows, by name. */
export async function listProjectionStatuses(work: Work): Promise<readonly ProjectionStatus[]> {
  const names = await knownProjections(work);
  const surroundings = await lookAround(work);
  return Promise.all(names.map((name) => describe(work, name, surroundings)));
}

/** One projection. @throws `PROJECTION_UNKNOWN` */
export async function findProjectionStatus(work: Work, name: string): Promise<ProjectionStatus> {
  const known = await knownProjections(work);
  if (!known.includes(name)) throw new HithertoError("PROJECTION_UNKNOWN", { projection: name, known });
  return describe(work, name, await lookAround(work));
}

/** Names of all projections that the store knows, in order: those once run, and those with a read model. */
export async function knownProjections({ readSide }: Work): Promise<readonly string[]> {
  const [records, models] = await Promise.all([
    readSide.listRecords(spaces.projections),
    readSide.listModels(),
  ]);
  return [...new Set([...records.map(({ key }) => key), ...models.map(({ name }) => name)])].toSorted();
}

/** A generation, and how the work on it stands. */
interface Build {
  readonly model: ReadModelInfo;
  readonly run: RunRecord | undefined;
  readonly current: CurrentWork;
}

async function describe(
  work: Work,
  name: string,
  { members, head }: Surroundings,
): Promise<ProjectionStatus> {
  const record = await findProjection(work, name);
  const { active, building } = await findBuilds(work, name, members, record?.wanted ?? "running");
  const shown = active ?? building;
  // While a new version is built, nobody may be left who runs the old one.
  const working = active?.current.owner === undefined ? (building ?? active) : active;
  const position = shown?.model.position ?? 0;
  const alertMs = record?.lagAlertMs ?? lagAlertMsDefault;
  const [lag, parked, documents] = await Promise.all([
    measureLag(work.store, { position, head, now: work.plan.clock(), alertMs }),
    work.readSide.countRecords(spaces.parked, ownerKey({ kind: "projection", name })),
    countDocuments(work, shown?.model),
  ]);
  const wanted = record?.wanted ?? "running";
  const current = working?.current ?? currentWork(undefined, members, wanted);
  return {
    name,
    version: active?.model.version,
    state: current.state,
    position,
    lag,
    ratePerSecond: current.ratePerSecond,
    owner: current.owner,
    rebuild: rebuildStatus({ active, building, head, asked: record?.rebuild }),
    error: lastError([active?.current.error, building?.current.error]),
    parked,
    documents,
  };
}

async function findProjection({ readSide }: Work, name: string): Promise<ProjectionRecord | undefined> {
  const record = await readSide.findRecord({ space: spaces.projections, key: name });
  return record?.value as ProjectionRecord | undefined;
}

async function findBuilds(
  { readSide }: Work,
  name: string,
  members: Liveness,
  wanted: ProjectionRecord["wanted"],
): Promise<{ readonly active: Build | undefined; readonly building: Build | undefined }> {
  const models = await readSide.listModels(name);
  const builds = models.map(async (model): Promise<Build> => {
    const key = recordKey(name, model.generation);
    const run = (await readSide.findRecord({ space: spaces.runs, key }))?.value as RunRecord | undefined;
    return { model, run, current: currentWork(run, members, wanted) };
  });
  const all = await Promise.all(builds);
  return {
    active: all.findLast(({ model }) => model.state === "active"),
    building: all.findLast(({ model }) => model.state === "building"),
  };
}

/** A rebuild that was asked for, and that nobody has begun yet, is one too. */
function rebuildStatus({
  active,
  building,
  head,
  asked = 0,
}: {
  readonly active: Build | undefined;
  readonly building: Build | undefined;
  readonly head: number;
  readonly asked: number | undefined;
}): RebuildStatus | undefined {
  if (building === undefined) {
    if (active?.run === undefined || active.run.rebuild >= asked) return undefined;
    return {
      version: active.model.version,
      state: "idle",
      position: 0,
      head,
      ratePerSecond: 0,
      etaMs: undefined,
    };
  }
  const { version, position } = building.model;
  const { state, ratePerSecond } = building.current;
  const remaining = Math.max(0, head - position);
  const etaMs = ratePerSecond > 0 ? Math.ceil((remaining / ratePerSecond) * 1_000) : undefined;
  return { version, state, position, head, ratePerSecond, etaMs };
}

async function countDocuments(
  { readSide }: Work,
  model: ReadModelInfo | undefined,
): Promise<number | undefined> {
  if (model?.shape.kind !== "documents") return undefined;
  const { generation } = model;
  try {
    return (await readSide.countDocuments({ generation }, { where: {}, sort: [], limit: 1 })).count;
  } catch (error) {
    // Who looks after a store need not have a right to its read models.
    if (isHithertoError(error, "STORE_RIGHTS_MISSING")) return undefined;
    throw error;
  }
}
