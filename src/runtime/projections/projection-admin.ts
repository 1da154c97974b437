/**
 * Looking after projections; see {@link ProjectionAdmin}. Nothing is run here: what is wanted is written down, and the
 * processes that run the projection see it. What an owner must not miss, such as a reset, changes its generation's record,
 * so that its next commit is refused and it begins again from what is stored.
 */
import { HithertoError, isHithertoError } from "../../core/errors.ts";
import type { ReadModelInfo, ReadSideCommit } from "../../store/read-side.ts";
import { checkedName } from "../check-calls.ts";
import type { ProjectionRecord, RunRecord } from "../records.ts";
import {
  findProjectionStatus,
  knownProjections,
  listProjectionStatuses,
} from "../status/projection-status.ts";
import { unlessDamaged } from "../unless-damaged.ts";
import type { ProjectionAdmin } from "../work-admin.ts";
import type { Work } from "../work.ts";
import { forgetBeside, forgetParked, projectionRef, runRef } from "./generation-records.ts";

/** Makes what looks after the projections of a store. */
export function createProjectionAdmin(work: Work): ProjectionAdmin {
  return {
    list: () => listProjectionStatuses(work),
    status: async (name) => findProjectionStatus(work, checkedName(name)),
    pause: (name) => change(work, name, (record) => ({ ...record, wanted: "paused" })),
    resume: (name) =>
      change(work, name, (record) => ({ ...record, wanted: "running", resumed: record.resumed + 1 })),
    rebuild: (name) => change(work, name, (record) => ({ ...record, rebuild: record.rebuild + 1 })),
    reset: (name) => untilSettled(work, name, () => reset(work, name)),
    remove: (name) => untilSettled(work, name, () => remove(work, name)),
  };
}

const blank: ProjectionRecord = { wanted: "running", rebuild: 0, resumed: 0 };

function change(
  work: Work,
  name: string,
  next: (record: ProjectionRecord) => ProjectionRecord,
): Promise<void> {
  return untilSettled(work, name, async () => {
    const ref = projectionRef(name);
    const stored = await work.readSide.findRecord(ref);
    const value = next({ ...blank, ...(stored?.value as ProjectionRecord | undefined) });
    return { expect: [{ ...ref, version: stored?.version ?? 0 }], put: [{ ...ref, value }] };
  });
}

/** Empties what readers see, parked events included. */
async function reset({ readSide }: Work, name: string): Promise<ReadSideCommit> {
  const active = (await readSide.listModels(name)).find(({ state }) => state === "active");
  if (active === undefined) return {};
  const ref = runRef(active);
  const stored = await readSide.findRecord(ref);
  const run: RunRecord | undefined = stored?.value as RunRecord | undefined;
  return {
    expect: [{ ...ref, version: stored?.version ?? 0 }],
    models: [{ step: "clear", generation: active.generation }],
    put: run === undefined ? [] : [{ ...ref, value: { ...run, hasParked: false } }],
    removeAll: forgetParked(active),
  };
}

async function remove({ readSide }: Work, name: string): Promise<ReadSideCommit> {
  const ref = projectionRef(name);
  const stored = await unlessDamaged(() => readSide.findRecord(ref));
  const models = await readSide.listModels(name);
  const beside = forgetBeside(models);
  return {
    // Whoever makes a generation puts this record as well, so none is overlooked; while it is damaged, nobody can.
    expect: stored === "damaged" ? [] : [{ ...ref, version: stored?.version ?? 0 }],
    models: models.map(({ generation }: ReadModelInfo) => ({ step: "drop", generation })),
    remove: [ref, ...beside.remove],
    removeAll: beside.removeAll,
  };
}

/** Makes changes from what is stored, again if somebody else was faster. @throws `PROJECTION_UNKNOWN` */
async function untilSettled(work: Work, name: string, changes: () => Promise<ReadSideCommit>): Promise<void> {
  await requireKnown(work, name);
  for (;;) {
    try {
      await work.readSide.commit(await changes());
      return;
    } catch (error) {
      if (!isHithertoError(error, "RECORD_CONFLICT", "MODEL_CONFLICT")) throw error;
    }
  }
}

async function requireKnown(work: Work, name: string): Promise<void> {
  const ref = projectionRef(checkedName(name));
  // A damaged record is one, and those of other projections are none of its business.
  if ((await unlessDamaged(() => work.readSide.findRecord(ref))) !== undefined) return;
  const known = await knownProjections(work);
  if (!known.includes(name)) throw new HithertoError("PROJECTION_UNKNOWN", { projection: name, known });
}
