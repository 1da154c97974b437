/**
 * Waiting until read models include what is in the log.
 */
import { HithertoError } from "../../core/errors.ts";
import type { AnyProjection } from "../../core/projection.ts";
import { checkSignal, throwIfAborted } from "../../store/read-options.ts";
import type { Work } from "../work.ts";
import { Bell } from "./bell.ts";

/** What to wait for. */
export interface CaughtUpOptions {
  readonly work: Work;
  readonly projections: readonly AnyProjection[];
  /** Why one of them will not get there, if that is so. */
  readonly findObstacle: () => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
}

const pollMs = 1_000;

/**
 * Resolves when the active read models, built by the versions given, have reached the present end of the log.
 *
 * @throws `ARGUMENT_INVALID`; `PROJECTION_OUTDATED` when a higher version has taken over; `ABORTED`; the obstacle; what the store throws.
 */
export async function untilCaughtUp(options: CaughtUpOptions): Promise<void> {
  const { work, projections, findObstacle, signal } = options;
  checkSignal(signal);
  const { readSide } = work;
  const bell = new Bell();
  const ring = (): void => bell.ring();
  const unwatch = readSide.watch(ring);
  signal?.addEventListener("abort", ring);
  try {
    const head = await work.store.head();
    for (;;) {
      throwIfAborted(signal, "wait for projections");
      const reached = await Promise.all(projections.map((one) => hasReached(work, one, head)));
      if (reached.every(Boolean)) return;
      const obstacle = await findObstacle();
      if (obstacle !== undefined) throw obstacle as Error;
      await bell.wait(pollMs);
    }
  } finally {
    unwatch();
    signal?.removeEventListener("abort", ring);
  }
}

async function hasReached(
  { readSide }: Work,
  { name, version }: AnyProjection,
  head: number,
): Promise<boolean> {
  const active = (await readSide.listModels(name)).find(({ state }) => state === "active");
  if (active === undefined || active.version < version) return false;
  if (active.version > version) {
    throw new HithertoError("PROJECTION_OUTDATED", { projection: name, version, stored: active.version });
  }
  return active.position >= head;
}
