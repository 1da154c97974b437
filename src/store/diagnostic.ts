/**
 * Telling the user what goes wrong where no caller waits for it.
 */
import { messageOf } from "./message-of.ts";

/** Something that went wrong in the background: no caller waits for it, and no result depends on it. */
export interface Diagnostic {
  /**
   * What it went wrong with. Of a store on a server: `connection` when it can not be reached, `listener` when others can
   * not wake it, so that it looks by itself, and `subscription` when one can not be read on, or none of those that wait.
   * `decision` when what a command or decision appended is stored, but could not be read back or folded afterwards.
   */
  readonly operation:
    | "decision"
    | "snapshot.save"
    | "snapshot.load"
    | "projection"
    | "consumer"
    | "member"
    | "connection"
    | "listener"
    | "subscription";
  /** Undefined where it is not about a stream. */
  readonly stream?: string | undefined;
  /** Name of the decider, projection or consumer; the URL of the store where it is about a store. */
  readonly definition: string;
  /** Such as `SNAPSHOT_NOT_FAITHFUL` or `SNAPSHOT_DAMAGED`. */
  readonly error: unknown;
  /** True when it has passed, and the work goes on by itself; `error` is what had been wrong. */
  readonly isOver?: boolean | undefined;
}

/** Tells of what goes wrong in the background; never throws. */
export type Report = (diagnostic: Diagnostic) => void;

/** Makes a hook safe: one that throws must not end the process from within a background task. */
export function reportTo(onError: Report = warn): Report {
  return (diagnostic) => {
    try {
      onError(diagnostic);
    } catch (error) {
      warn(diagnostic);
      warn({ ...diagnostic, error, isOver: false });
    }
  };
}

function warn({ operation, stream, definition, error, isOver = false }: Diagnostic): void {
  const where = stream === undefined ? "" : ` on stream "${stream}"`;
  const words = `${isOver ? "goes on; it was held up by: " : ""}${messageOf(error)}`;
  process.emitWarning(`${operation} "${definition}"${where}: ${words}`, "HithertoWarning");
}
