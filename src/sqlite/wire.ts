/**
 * How writes and their outcomes pass between the caller's thread and the writer thread.
 *
 * A message is an array: first one JSON text with everything small about all its writes, then the bodies and snapshot
 * states in order. Cloning one text and some bodies costs a sixth of cloning the objects. Outcomes come back in the
 * order of the writes, so that neither side needs to number them.
 */
import type { ErrorCode, ErrorDetails } from "../core/errors.ts";
import type { AppendCondition } from "../core/query.ts";
import type { EncodedAppend, EncodedStream } from "../store/encode-append.ts";
import type { AppendResult, Expectation, Snapshot } from "../store/event-store.ts";
import type { CommitPlan } from "../store/read-side-options.ts";
import type { DocumentWrite, IndexValue, ReadModelStep } from "../store/read-side.ts";
import type { Write, WriteOutcome } from "./log-writer.ts";

/** What is posted to the writer thread: the head, then payloads. */
export type WriteMessage = readonly [head: string, ...payloads: WritePayload[]];

type WritePayload = string | Uint8Array;

type StreamHead = [
  stream: string,
  expect: Expectation,
  count: number,
  recordedAtMs: number | null,
  types: readonly string[],
  tags: readonly string[],
  correlationIds: readonly string[],
  ids: ReadonlyArray<string | null> | 0,
  firstRevision: number | null,
];

type Head =
  | readonly ["append", streams: readonly StreamHead[], condition: AppendCondition | 0]
  | readonly ["snapshot", snapshot: Omit<Snapshot, "state">, keep: number]
  | readonly ["commit", plan: CommitHead, isDurable: boolean]
  | readonly ["other", write: Exclude<Write, { kind: "append" | "snapshot" | "commit" }>];

/** A commit with its documents in short, their text left out. */
type CommitHead = Omit<CommitPlan, "models"> & {
  readonly models: ReadonlyArray<Exclude<ReadModelStep, AdvanceStep> | AdvanceHead>;
};
type AdvanceStep = ReadModelStep & { readonly step: "advance" };
type AdvanceHead = Omit<AdvanceStep, "documents"> & { readonly documents: readonly DocumentHead[] };
type DocumentHead = readonly [key: string, position: number, ...indexed: IndexValue[]];

/** Encodes writes for the writer thread. */
export function encodeWrites(writes: readonly Write[]): WriteMessage {
  const payloads: WritePayload[] = [];
  const heads = writes.map((write): Head => {
    if (write.kind === "append") {
      for (const part of write.append.streams) payloads.push(part.body);
      return ["append", write.append.streams.map(streamHead), write.append.condition ?? 0];
    }
    if (write.kind === "snapshot") {
      const { state, ...rest } = write.snapshot;
      payloads.push(state);
      return ["snapshot", rest, write.keep];
    }
    if (write.kind === "commit") return ["commit", commitHead(write.plan, payloads), write.isDurable];
    return ["other", write];
  });
  return [JSON.stringify(heads), ...payloads];
}

function streamHead(part: EncodedStream): StreamHead {
  return [
    part.stream,
    part.expect,
    part.count,
    part.recordedAtMs ?? null,
    part.types,
    part.tags,
    part.correlationIds,
    part.ids === undefined ? 0 : part.ids.map((id) => id ?? null),
    part.firstRevision ?? null,
  ];
}

function commitHead(plan: CommitPlan, payloads: WritePayload[]): CommitHead {
  const models = plan.models.map((step) => {
    if (step.step !== "advance") return step;
    const documents = (step.documents ?? []).map(({ key, json, position, indexed }): DocumentHead => {
      // No JSON text is empty.
      payloads.push(json ?? "");
      return [key, position, ...indexed];
    });
    return { ...step, documents };
  });
  return { ...plan, models };
}

/** Decodes what {@link encodeWrites} made, adding to `writes`. */
export function decodeWrites(message: WriteMessage, writes: Write[]): void {
  const [text, ...payloads] = message;
  const next = payloads.values();
  for (const head of JSON.parse(text) as readonly Head[]) writes.push(decodeWrite(head, next));
}

function decodeWrite(head: Head, payloads: Iterator<WritePayload>): Write {
  if (head[0] === "other") return head[1];
  if (head[0] === "snapshot") {
    const snapshot = { ...head[1], state: payloads.next().value as Uint8Array };
    return { kind: "snapshot", snapshot, keep: head[2] };
  }
  if (head[0] === "commit") {
    return { kind: "commit", plan: decodeCommit(head[1], payloads), isDurable: head[2] };
  }
  const streams = head[1].map((part) => decodeStream(part, payloads.next().value as string));
  return { kind: "append", append: decodeAppend(streams, head[2] === 0 ? undefined : head[2]) };
}

function decodeCommit(head: CommitHead, payloads: Iterator<WritePayload>): CommitPlan {
  const models = head.models.map((step) => {
    if (step.step !== "advance") return step;
    const documents = step.documents.map(([key, position, ...indexed]): DocumentWrite => {
      const json = payloads.next().value as string;
      return { key, json: json === "" ? null : json, position, indexed };
    });
    return { ...step, documents };
  });
  return { ...head, models };
}

function decodeAppend(streams: EncodedStream[], condition: AppendCondition | undefined): EncodedAppend {
  return { streams, condition, count: streams.reduce((sum, part) => sum + part.count, 0) };
}

function decodeStream(head: StreamHead, body: string): EncodedStream {
  const [stream, expect, count, recordedAtMs, types, tags, correlationIds, ids, firstRevision] = head;
  return {
    stream,
    expect,
    firstRevision: firstRevision ?? undefined,
    count,
    body,
    recordedAtMs: recordedAtMs ?? undefined,
    types,
    tags,
    correlationIds,
    ids: ids === 0 ? undefined : ids.map((id) => id ?? undefined),
  };
}

/** `[0, …]` done, `[1, duplicate, firstPosition, position, firstRevision, revision, …]` appended, `[2, …]` refused, `[3, …]` committed, `[4, …]` rewritten. */
type OutcomeHead =
  | readonly [0, events: number]
  | readonly [1, duplicate: 0 | 1, firstPosition: number, position: number, ...revisions: number[]]
  | readonly [2, code: ErrorCode, details: ErrorDetails<ErrorCode>, cause: string | null]
  | readonly [3, version: number]
  | readonly [4, isComplete: boolean];

/** Encodes outcomes for the caller's thread. */
export function encodeOutcomes(outcomes: readonly WriteOutcome[]): string {
  return JSON.stringify(
    outcomes.map((outcome): OutcomeHead => {
      if (outcome.kind === "done") return [0, outcome.events];
      if (outcome.kind === "committed") return [3, outcome.version];
      if (outcome.kind === "rewritten") return [4, outcome.isComplete];
      if (outcome.kind === "refused") {
        const { code, details, cause } = outcome.refusal;
        return [2, code, details, cause instanceof Error ? cause.message : null];
      }
      const { isDuplicate, firstPosition, position, streams } = outcome.result;
      const revisions = streams.flatMap((stream) => [stream.firstRevision, stream.revision]);
      return [1, isDuplicate ? 1 : 0, firstPosition, position, ...revisions];
    }),
  );
}

/** Decodes what {@link encodeOutcomes} made; `writes` are the writes that the outcomes belong to, from the first on. */
export function decodeOutcomes(text: string, writes: readonly Write[]): WriteOutcome[] {
  return (JSON.parse(text) as OutcomeHead[]).map((head, index) => {
    if (head[0] === 0) return { kind: "done", events: head[1] };
    if (head[0] === 4) return { kind: "rewritten", isComplete: head[1] };
    if (head[0] === 3) return { kind: "committed", version: head[1] };
    if (head[0] === 1) return { kind: "appended", result: decodeResult(head, writes[index]!) };
    const [, code, details, cause] = head;
    return {
      kind: "refused",
      refusal: { code, details, cause: cause === null ? undefined : new Error(cause) },
    };
  });
}

function decodeResult(head: Extract<OutcomeHead, readonly [1, ...unknown[]]>, write: Write): AppendResult {
  const [, duplicate, firstPosition, position, ...revisions] = head;
  const parts = write.kind === "append" ? write.append.streams : [];
  const streams = parts.map(({ stream }, index) => {
    return { stream, firstRevision: revisions[2 * index]!, revision: revisions[2 * index + 1]! };
  });
  return { position, firstPosition, revision: streams[0]!.revision, streams, isDuplicate: duplicate === 1 };
}
