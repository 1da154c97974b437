/**
 * The ledger of a crash test: a text file of JSON lines in which a writer says what it is about to do and what it was
 * told was done. Each line is one write of its own to a file opened for appending, so that the kernel has it, whatever
 * becomes of the process. A line that the kill cut off is left out.
 */
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import type { AppendResult } from "../../src/store/event-store.ts";

/** One line. */
export type LedgerLine =
  /** A process begins to write. */
  | { readonly kind: "life"; readonly life: number }
  /** About to append; `revision` is what a counter expects. */
  | { readonly kind: "try"; readonly op: string; readonly revision?: number }
  /** An append was acknowledged. */
  | { readonly kind: "done"; readonly op: string; readonly result: AppendResult }
  /** An append was refused with this code. */
  | { readonly kind: "refused"; readonly op: string; readonly code: string }
  /** Deleting a stream or raising `truncateBefore` begins, or was acknowledged. */
  | {
      readonly kind: "cut";
      readonly life: number;
      readonly stream: string;
      readonly before?: number;
      readonly isDone: boolean;
    };

/** Writes a ledger. */
export interface LedgerWriter extends Disposable {
  write(line: LedgerLine): void;
}

/** Opens a ledger to add to it. */
export function writeLedger(path: string): LedgerWriter {
  const file = openSync(path, "a");
  return {
    write: (line) => void writeSync(file, `${JSON.stringify(line)}\n`),
    [Symbol.dispose]: () => closeSync(file),
  };
}

/** Reads a ledger; a missing one is empty. */
export function readLedger(path: string): LedgerLine[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.slice(0, -1).map((line) => JSON.parse(line) as LedgerLine);
}
