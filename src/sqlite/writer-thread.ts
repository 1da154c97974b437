/**
 * The writer thread: takes writes from its port, applies whatever is waiting as one group, answers, and begins again.
 * So the callers' thread encodes the next group while this one waits for the disk.
 *
 * States
 * - applying: a group is in its transaction; writes that arrive meanwhile wait in the port and form the next group.
 * - waiting: nothing is in the port. The thread sleeps on a counter in shared memory, which the callers' thread raises
 *   after each post (a sleeping futex wakes in a fraction of what an event loop takes).
 * - resting: nothing has been written for a while, so the head is noted and the write-ahead log moved into the database.
 *   Under load the checkpoint thread does that, and this one when the log has become long.
 * - closed: entered when the port carries `null`; everything before it has been applied. The database is closed, and
 *   the port with it, which tells the callers' thread.
 */
import { statSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import { receiveMessageOnPort, workerData } from "node:worker_threads";
import { machineNowMs } from "../store/clock.ts";
import { LogWriter, randomBits } from "./log-writer.ts";
import type { Write } from "./log-writer.ts";
import { runThread } from "./run-thread.ts";
import { connect } from "./schema.ts";
import type { ConnectOptions } from "./schema.ts";
import { StoreFile } from "./store-file.ts";
import { tryCheckpoint } from "./try-checkpoint.ts";
import type { WriteMessage } from "./wire.ts";
import { decodeWrites, encodeOutcomes } from "./wire.ts";

/** What the thread is started with. */
export interface WriterThreadData {
  readonly connect: ConnectOptions;
  readonly port: MessagePort;
  /** Two Int32: the number of posts so far, and whether the thread sleeps: waking one that is awake costs as much. */
  readonly posts: SharedArrayBuffer;
}

/** Writes in one transaction; beyond it the first of them would wait too long for their acknowledgement. */
const groupSizeMax = 2_000;
/** Characters of bodies in one transaction, likewise. */
const groupLengthMax = 16 * 1024 * 1024;
/** A write-ahead log of so many bytes is checkpointed on this thread too: the checkpoint thread has fallen behind. */
const logBytesMax = 80 * 1024 * 1024;
/** How many bytes a write takes in the log, body left out: some pages of indexes. */
const writeBytes = 5 * 4096;
/** A pause this long is taken as leisure to checkpoint. */
const leisureMs = 500;

function main({ connect: options, port, posts }: WriterThreadData, started: () => void): void {
  const db = connect(options);
  const { path, files, busyTimeoutMs, durability } = options;
  const file = new StoreFile(path, files, options.syncs);
  const clock = machineNowMs;
  const writer = new LogWriter(db, { file, clock, idRandom: randomBits(), busyTimeoutMs, durability });
  const counter = new Int32Array(posts);
  let isDirty = false;
  let written = 0;
  started();
  for (;;) {
    const seen = Atomics.load(counter, 0);
    const { writes, length, isClosing } = takeWaiting(port);
    if (writes.length > 0) {
      port.postMessage(encodeOutcomes(writer.apply(writes)));
      isDirty = true;
      written += length + writes.length * writeBytes;
      if (written >= logBytesMax) {
        if (lengthOf(`${path}-wal`) >= logBytesMax) tryCheckpoint(db, file);
        written = 0;
      }
    } else if (!isClosing && !sleepUntilPost(counter, seen, isDirty ? leisureMs : Infinity)) {
      writer.noteHead();
      tryCheckpoint(db, file);
      isDirty = false;
    }
    if (isClosing) break;
  }
  if (isDirty || file.log.isSuspect) writer.noteHead();
  db.close();
  port.close();
}

/** Sleeps while the number of posts is still `seen`; false when the time has passed without a post. */
function sleepUntilPost(counter: Int32Array, seen: number, timeoutMs: number): boolean {
  Atomics.store(counter, 1, 1);
  const outcome = Atomics.wait(counter, 0, seen, timeoutMs);
  Atomics.store(counter, 1, 0);
  return outcome !== "timed-out";
}

function lengthOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function takeWaiting(port: MessagePort): { writes: Write[]; length: number; isClosing: boolean } {
  const writes: Write[] = [];
  let length = 0;
  while (writes.length < groupSizeMax && length < groupLengthMax) {
    const received: { message: WriteMessage | null } | undefined = receiveMessageOnPort(port);
    if (received === undefined) break;
    if (received.message === null) return { writes, length, isClosing: true };
    decodeWrites(received.message, writes);
    for (const payload of received.message) length += payload.length;
  }
  return { writes, length, isClosing: false };
}

const data = workerData as WriterThreadData;
await runThread(data.connect.path, (started) => main(data, started));
