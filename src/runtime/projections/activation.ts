/**
 * Makes a generation that has caught up the one that readers see. The last stretch is worked off under the store's write
 * lock, so that nobody appends in between, and no append, however frequent, can keep a rebuild from its end. In the same
 * commit the generation before it goes, with all that belongs to it.
 */
import type { EventFilter } from "../../core/query.ts";
import type { ReadSide, ReadSideTransaction } from "../../store/read-side.ts";
import type { RunRecord } from "../records.ts";
import { forgetBeside } from "./generation-records.ts";
import type { GenerationWriter } from "./generation-writer.ts";
import { withGuard } from "./owned-generation.ts";
import type { OwnedGeneration } from "./owned-generation.ts";

/** What is to be activated. */
export interface Activation {
  readonly readSide: ReadSide;
  readonly writer: GenerationWriter;
  readonly owned: OwnedGeneration;
  readonly filter: EventFilter;
  /** How the owner stands from then on. */
  readonly progress: RunRecord["progress"];
  /** How long a last stretch may be, in positions. */
  readonly eventsMax: number;
}

/**
 * Activates a generation. False when there is too much to be done yet. @throws {@link EventFailed}; what the store
 * throws. After any of them, the writer is to be reset.
 */
export async function activate({ readSide, ...activation }: Activation): Promise<boolean> {
  const { owned, progress } = activation;
  const before = owned.record.progress;
  owned.note({ progress });
  const guard = owned.guard();
  const version = await readSide.transaction(
    async (transaction) => {
      const isDone = await finish(transaction, activation);
      if (!isDone) return undefined;
      const { name, generation } = owned.model;
      const models = await transaction.findModels(name);
      const replaced = models.filter((model) => model.state === "active" && model.generation !== generation);
      const changes = { models: [{ step: "activate", generation } as const], ...forgetBeside(replaced) };
      return (await transaction.commit(withGuard(changes, guard))).version;
    },
    { isDurable: false },
  );
  if (version === undefined) {
    owned.note({ progress: before });
    return false;
  }
  guard.onCommitted(version);
  return true;
}

/** Works off the last stretch, if it is short. */
async function finish(
  transaction: ReadSideTransaction,
  { writer, filter, eventsMax }: Omit<Activation, "readSide">,
): Promise<boolean> {
  const head = await transaction.head();
  if (head - writer.reached > eventsMax) return false;
  if (head === writer.reached) return true;
  const events = await transaction.read({ ...filter, from: writer.reached + 1, to: head });
  await writer.writeIn(transaction, { events, to: head });
  return true;
}
