/**
 * Live queries: the documents that match, and then what changes about them.
 *
 * The query is asked again whenever its read model has moved on; what is told is the difference to the answer before. So
 * nothing is missed, whoever made the change and however many came at once, and nothing is told twice: a document is told
 * when its text differs from what was last told of it. That holds across generations too, where the same event may have
 * made another document. An answer is held as text until the next one.
 *
 * States; a consumer that pulls moves it from one to the next
 * - **asking**: the query is run. The first time, without anything to read, it fails with `READ_MODEL_NOT_READY`.
 * - **telling**: the differences are handed out, those that left first, then the rest in the order of the query. The
 *   consumer's pace is the pace: what happens meanwhile is in the next answer, merged.
 * - **waiting**: until the read model is at another position or of another generation; at least for as long as the query
 *   took, so that a busy log does not keep one query running all the time.
 * - **ended**: by the signal, by leaving the loop (both silent, also while waiting), or by an error of the store
 *   (`STORE_CLOSED` when it was closed).
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { DocumentQuery, ReadStamp, StoredDocument } from "../../store/read-side.ts";
import { parseDocument } from "./document-json.ts";
import type { DocumentSource } from "./document-source.ts";
import type { PositionWatch } from "./position-watch.ts";
import type { LiveChange } from "./read-model.ts";

/** What to follow, and by what. */
export interface LiveQuery {
  readonly readModel: string;
  readonly source: Pick<DocumentSource, "find">;
  readonly watch: PositionWatch;
  readonly query: DocumentQuery;
  readonly signal: AbortSignal | undefined;
  /** Makes the error of a read model that can not be read. */
  readonly notReady: () => Promise<Error>;
}

/** Follows a query from now on. Iterating again begins again. */
export function followQuery<Document>(live: LiveQuery): AsyncIterable<LiveChange<Document>> {
  return {
    [Symbol.asyncIterator]: () => {
      const leaving = new AbortController();
      const changes = follow<Document>({ ...live, signal: endedBy(live.signal, leaving) });
      return {
        next: () => changes.next(),
        return: () => {
          leaving.abort();
          return changes.return(undefined);
        },
      };
    },
  };
}

/** What was last told: texts by key. */
type Told = ReadonlyMap<string, string>;

async function* follow<Document>({
  readModel,
  source,
  watch,
  query,
  signal,
  notReady,
}: LiveQuery): AsyncGenerator<LiveChange<Document>, undefined> {
  let told: Told = new Map();
  while (!isAborted(signal)) {
    const begunAt = performance.now();
    const { documents, stamp } = await source.find(query);
    if (stamp === undefined) throw await notReady();
    const tookMs = performance.now() - begunAt;
    for (const change of changesBetween<Document>(readModel, told, { documents, stamp })) {
      if (isAborted(signal)) return;
      yield change;
    }
    told = new Map(documents.map(({ key, json }) => [key, json]));
    await rest(tookMs, signal);
    await watch.until((now) => now === undefined || !isSame(now, stamp), { signal });
  }
}

function* changesBetween<Document>(
  readModel: string,
  told: Told,
  { documents, stamp: { position, version } }: { documents: readonly StoredDocument[]; stamp: ReadStamp },
): Generator<LiveChange<Document>, undefined> {
  const keys = new Set(documents.map(({ key }) => key));
  for (const key of told.keys()) {
    if (!keys.has(key)) yield { kind: "removed", key, document: undefined, position, version };
  }
  for (const stored of documents) {
    const { key, json } = stored;
    const before = told.get(key);
    if (before === json) continue;
    const kind = before === undefined ? "added" : "changed";
    yield { kind, key, document: parseDocument(readModel, stored) as Document, position, version };
  }
}

const noticeableMs = 1;
const restMsMax = 1_000;

async function rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms < noticeableMs) return;
  await sleep(Math.min(ms, restMsMax), undefined, { signal }).catch(() => undefined);
}

function isSame(one: ReadStamp, other: ReadStamp): boolean {
  return one.generation === other.generation && one.position === other.position;
}

/** Its value changes during a `yield`, which the compiler does not see. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function endedBy(signal: AbortSignal | undefined, leaving: AbortController): AbortSignal {
  return signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]);
}
