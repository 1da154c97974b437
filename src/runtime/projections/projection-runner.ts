/**
 * Running projections. Each process that runs one has a keeper for it (`projection-keeper.ts`), which knows what is stored
 * and what is wanted, and a run (`generation-run.ts`) for each generation of its read model that is to be worked on.
 *
 * What is stored, where, and who may write it
 * - **Generations** (`ReadSide.listModels`): each is built by one version of the definition. Keepers make them and drop those
 *   that nobody needs; only the owner moves one on. Inline appends do so too, for the active one: every move says from
 *   where, so of two that meet, the later one is refused and begins again from what is stored.
 * - **`projections`**, by name: what is wanted (running or paused, how many rebuilds and resumes were asked for). Admins
 *   write it; a keeper makes it, and writes it unchanged together with each generation that it makes, so that of several
 *   processes one makes it.
 * - **`runs`**, by name and generation: the owner, and how it stands. Its owner writes it; who takes over, and an admin who resets
 *   the read model, write it too. *Every* commit of an owner expects it as the owner last saw it. Whoever owned a generation
 *   and was overtaken, frozen or not, therefore can not write any more; leases only say when to try a take-over.
 * - **`parked`, `parkedKeys`**: see `parked-records.ts`.
 *
 * States of a run
 * - **standing by**: entered first, and from any other state when a commit is refused because another process has put itself
 *   into the record (`OWNERSHIP_LOST`). Left when the record names no owner, or one that is not alive, by putting oneself there.
 *   Whoever becomes the owner knows nothing: position, parked keys and documents are read from the store.
 * - **building** (of a generation that readers do not see yet), **catching up** (of one that they see): the log is read from
 *   where the generation is, in batches. Of documents, one batch is folded while the one before it is committed; of tables,
 *   each batch is a transaction. Effect and position are one commit. Left for *live* at the end of the log. A generation that
 *   was building is *activated* first: the last stretch is worked off under the write lock, in the same commit readers are
 *   switched, and the generation before it is dropped.
 * - **live**: nothing is left. A signal from the store, or a second without one, leads to a look at the end of the log; what has
 *   been appended is worked off at once, and the position follows also over events that do not concern the read model. Only when
 *   there is more than one batch does it fall back to *catching up*.
 * - **retrying**: an event has failed. What came before it is committed. After a wait that grows, with jitter, everything from
 *   the event on is tried again. Left when the event goes through, or after the last retry: with `park`, the event is parked
 *   with the next commit, and so are, until somebody replays or discards it, the later events of its key; with `halt`, for *halted*.
 *   When the store itself fails, it is tried again without end, from what is stored.
 * - **halted**: left when somebody resumes the projection, when it is taken over, or when a new version is built. Also entered
 *   when there are too many parked events (`PARKED_FULL`).
 * - **paused**: entered from any state of an owner, after the batch under way, when somebody pauses the projection; left by a resume.
 * - **ended**: the generation was dropped, the store was closed, or the run was stopped; in the last case the batch under way is finished
 *   and the record's owner removed, so that others take over at once.
 *
 * Rebuilds. The keeper wants a generation of the version it has, made since the last rebuild asked for. If there is none, it makes one
 * beside what readers see. Interrupted, it is gone on with, by whichever process. If the definition changes once more meanwhile,
 * the higher version drops it. A process with a lower version than the active one stands aside (`idle`); it never builds backwards.
 */
import type { AnyProjection } from "../../core/projection.ts";
import type { RetryPolicy } from "../retry-policy.ts";
import type { WorkEvent } from "../work-status.ts";

/** How projections are run in this process. */
export interface ProjectionRunnerOptions {
  /** Waits and attempts before `onError` decides. Default: 5 retries, from 100 ms on, doubling up to 10 s. */
  readonly retry?: RetryPolicy | undefined;
  /**
   * What happens to an event whose handler goes on failing. `halt` (default): the projection stays where it is, its state
   * is `halted`, and a resume or a new version makes it go on. `park`: the event and the later ones of the same document
   * are parked, everything else goes on. An SQL projection has no documents, so there the event alone is parked.
   */
  readonly onError?: "halt" | "park" | undefined;
  /** Events in one batch at most. Default 5,000. */
  readonly batchSizeMax?: number | undefined;
  /** After this time without a sign of life, another process takes over. At least 30, default 3,000 milliseconds. */
  readonly leaseMs?: number | undefined;
  /** Lag that counts as too much, in milliseconds. Default 5,000. */
  readonly lagAlertMs?: number | undefined;
  /** Told of changes of state, failures, and lag that begins or ceases to be too much. */
  readonly onEvent?: ((event: WorkEvent) => void) | undefined;
}

/**
 * Projections being run by this process, or standing by for the process that runs them. Made by
 * `Hitherto.runProjections`; they begin at once.
 */
export interface ProjectionRunner extends AsyncDisposable {
  readonly projections: readonly AnyProjection[];
  /**
   * Resolves when all read models, built by the versions given here, include what was in the log when it was called.
   *
   * @throws the error of the event (`PROJECTION_FAILED`) at which one of them is halted in this process;
   * `PROJECTION_OUTDATED` when a higher version has taken over; `ABORTED`, also when the runner was stopped.
   */
  caughtUp(options?: { readonly signal?: AbortSignal | undefined }): Promise<void>;
  /** Finishes the batches under way and hands over to whoever stands by. */
  stop(): Promise<void>;
}
