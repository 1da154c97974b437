/**
 * What a ledger says about a stream that was cut back: which acknowledged appends must be hidden, and which must not.
 */
import type { StreamAppendResult } from "../../src/store/event-store.ts";
import type { LedgerLine } from "./ledger.ts";

/** An acknowledged append to the stream. */
export interface CutAppend {
  readonly op: string;
  readonly result: StreamAppendResult;
  /** Undefined when append and cut ran at once, or when nobody knows whether the cut took place. */
  readonly isCut: boolean | undefined;
}

/** A deletion or truncation: the lines of the ledger between which it took place. */
interface Cut {
  readonly from: number;
  readonly to: number;
  readonly isDone: boolean;
  /** Revisions below are cut; undefined: all that there are. */
  readonly before: number | undefined;
}

/** The acknowledged appends to a stream. */
export function streamOfCuts(stream: string, ledger: readonly LedgerLine[]): CutAppend[] {
  const cuts = cutsOf(stream, ledger);
  const tried = new Map<string, number>();
  const appends: CutAppend[] = [];
  for (const [index, line] of ledger.entries()) {
    if (line.kind === "try") tried.set(line.op, index);
    if (line.kind !== "done") continue;
    const result = line.result.streams.find((one) => one.stream === stream);
    if (result === undefined) continue;
    const place = { from: tried.get(line.op)!, to: index };
    appends.push({ op: line.op, result, isCut: isCutBy(cuts, place, result) });
  }
  return appends;
}

function isCutBy(
  cuts: readonly Cut[],
  append: { readonly from: number; readonly to: number },
  { firstRevision, revision }: StreamAppendResult,
): boolean | undefined {
  let isCut: boolean | undefined = false;
  for (const cut of cuts) {
    if (cut.before === undefined) {
      if (cut.isDone && append.to < cut.from) return true;
      if (append.from < cut.to) isCut = undefined;
    } else {
      if (cut.isDone && revision < cut.before) return true;
      if (firstRevision < cut.before) isCut = undefined;
    }
  }
  return isCut;
}

/** A cut that was not acknowledged may have taken place until its process ended. Equal cuts end in the order of lines. */
function cutsOf(stream: string, ledger: readonly LedgerLine[]): Cut[] {
  const cuts: Cut[] = [];
  const lastLines = new Map(ledger.map((line, index) => [lifeOf(line), index]));
  let pending: Array<{ life: number; from: number; before: number | undefined }> = [];
  const endPending = (to: number): void => {
    const ended = pending.filter(({ life }) => lastLines.get(life)! <= to);
    for (const { from, before } of ended) cuts.push({ from, to, isDone: false, before });
    pending = pending.filter((one) => !ended.includes(one));
  };
  for (const [index, line] of ledger.entries()) {
    if (line.kind === "life") endPending(index);
    if (line.kind !== "cut" || line.stream !== stream) continue;
    const { life, before } = line;
    if (!line.isDone) {
      pending.push({ life, from: index, before });
      continue;
    }
    const at = pending.findIndex((one) => one.life === life && one.before === before);
    const [begun] = pending.splice(at, 1);
    cuts.push({ from: begun!.from, to: index, isDone: true, before });
  }
  endPending(ledger.length);
  return cuts;
}

/** The life that wrote a line; an operation carries it in its name. */
function lifeOf(line: LedgerLine): number {
  return "life" in line ? line.life : Number(line.op.split(":")[1]);
}
