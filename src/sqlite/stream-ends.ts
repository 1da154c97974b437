/**
 * Notices that the index of streams has lost the end of a stream.
 *
 * Gaps within a stream show while it is read; a missing end does not, since the index alone says where a stream ends.
 * An entry that was damaged still stands in its place, though: right behind the entries of its stream, or, where it was
 * the only one, between the neighbours of the stream. So the entries around a stream are compared with their commits.
 * It takes two look-ups. It does not notice entries that the header of a page no longer counts; `verify` does.
 */
import { HithertoError } from "../core/errors.ts";
import { checkRow, commitColumns } from "./commit-row.ts";
import type { CommitRow } from "./commit-row.ts";
import type { Statements } from "./row-source.ts";

type Neighbour = [position: number, fits: number];

const neighbour = `SELECT entry.position, entry.stream IS row.stream AND entry.revision IS row.revision
  FROM commits AS entry INDEXED BY commits_by_stream LEFT JOIN commits AS row ON row.position = entry.position`;

/** Revision of the last stored event of a stream; -1 if none is stored. @throws `STORE_DAMAGED` */
export function lastStoredRevision(statements: Statements, stream: string, store: string): number {
  const last = statements
    .prepare<[string, number, number]>(
      "SELECT stream, revision, events FROM commits WHERE stream = ? ORDER BY revision DESC LIMIT 1",
    )
    .get(stream);
  if (last === undefined) return -1;
  // In an index that is out of order, SQLite can find an entry that was not looked for.
  if (last[0] !== stream || last[1] < 0 || last[2] < 1) throw misfit(stream, store);
  return last[1] + last[2] - 1;
}

/** {@link lastStoredRevision}, once the commit that says so has been checked. @throws `STORE_DAMAGED` */
export function checkedLastRevision(statements: Statements, stream: string, store: string): number {
  const last = statements
    .prepare<CommitRow>(
      `SELECT ${commitColumns} FROM commits WHERE stream = ? ORDER BY revision DESC LIMIT 1`,
    )
    .get(stream);
  if (last === undefined) return -1;
  checkRow(last, store);
  if (last[1] !== stream) throw misfit(stream, store);
  return last[2] + last[3] - 1;
}

/** Refuses a stream when an entry beside its own ones is not what its commit says. @throws `STORE_DAMAGED` */
export function checkStreamEnds(
  statements: Statements,
  stream: string,
  lastStored: number,
  store: string,
): void {
  const behind = statements.prepare<Neighbour>(
    `${neighbour} WHERE (entry.stream, entry.revision) > (?, ?) ORDER BY entry.stream, entry.revision LIMIT 1`,
  );
  checkNeighbour(behind.get(stream, lastStored), stream, store);
  if (lastStored >= 0) return;
  const before = statements.prepare<Neighbour>(
    `${neighbour} WHERE entry.stream < ? ORDER BY entry.stream DESC, entry.revision DESC LIMIT 1`,
  );
  checkNeighbour(before.get(stream), stream, store);
}

function checkNeighbour(found: Neighbour | undefined, stream: string, store: string): void {
  if (found !== undefined && found[1] !== 1) throw misfit(stream, store, found[0]);
}

function misfit(stream: string, store: string, position?: number): HithertoError {
  const problem = "the index of streams does not fit the commits";
  return new HithertoError("STORE_DAMAGED", {
    store,
    problem,
    stream,
    ...(position !== undefined && { position }),
  });
}
