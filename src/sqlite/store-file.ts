/**
 * Whether the file that a handle has open is still the one that its path leads to.
 *
 * A path is resolved once, when the store is opened. From then on the handle is bound to three files: the database, its
 * write-ahead log and the index of that log (`-wal`, `-shm`). SQLite never looks at their names again. When somebody
 * removes, renames or replaces one of them, commits go on into a file that nobody finds. So each thread of a handle
 * compares device and inode: before and after it opens a connection, before each group of writes, after the `COMMIT` and
 * before the answer, before each checkpoint; and reads do it now and then.
 *
 * Comparing is sound because the handle keeps the files open: their inodes cannot be given to others meanwhile. While a
 * connection is open, SQLite in any process neither removes the log nor makes another one.
 *
 * Only `stat` is used, never `open`: closing any descriptor of the database or the `-shm` file would drop the locks
 * that SQLite holds on it for the whole process. `docs/adr/0015-the-file-that-was-opened.md` says more.
 *
 * States of a {@link StoreFile}: sound → lost, for good, with the first file that differs.
 */
import { readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { HithertoError, isHithertoError } from "../core/errors.ts";
import { toStoreError } from "./sql-errors.ts";
import { shareSyncs, WalTrust } from "./wal-trust.ts";

/** A file of the file system. */
interface FileId {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** The files of an open store; those that were not there when it was opened are undefined. */
export interface FileIdentity {
  readonly database: FileId | undefined;
  readonly wal: FileId | undefined;
  readonly shm: FileId | undefined;
  /** Whether only the database is used, as one that never changes. Then others may make and remove `-wal` and `-shm`. */
  readonly isImmutable: boolean;
}

const suffixes = { database: "", wal: "-wal", shm: "-shm" } as const;
const kinds = ["database", "wal", "shm"] as const;
type FileKind = (typeof kinds)[number];
const names = { database: "the file", wal: "its -wal file", shm: "its -shm file" } as const;

/** How often reads look at the files, in milliseconds. */
export const lookIntervalMs = 100;

/** Links followed before a path counts as one that leads nowhere. */
const linksMax = 40;

/** The absolute path of a file without links, also of one that does not exist yet. `followed`: links to such a file so far. */
export function resolvePath(path: string, followed = 0): string {
  const target = resolve(path);
  const real = attempt(() => realpathSync(target));
  if (real !== undefined) return real;
  const folder = attempt(() => realpathSync(dirname(target)));
  if (folder === undefined) return target;
  const name = join(folder, basename(target));
  const link = attempt(() => readlinkSync(name));
  if (link === undefined || followed === linksMax) return name;
  return resolvePath(resolve(folder, link), followed + 1);
}

function attempt<Result>(body: () => Result): Result | undefined {
  try {
    return body();
  } catch {
    return undefined;
  }
}

/**
 * The files of a store that a connection has just opened; undefined on Windows, which lets nobody remove or rename an
 * open file.
 */
export function identify(path: string, isImmutable = false): FileIdentity | undefined {
  if (process.platform === "win32") return undefined;
  const [wal, shm] = isImmutable ? [] : [find(path, "wal"), find(path, "shm")];
  return { database: find(path, "database"), wal, shm, isImmutable };
}

function find(path: string, kind: FileKind): FileStat | undefined {
  try {
    return statSync(path + suffixes[kind], { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    // There is no file whose name is too long.
    if ((error as NodeJS.ErrnoException).code === "ENAMETOOLONG") return undefined;
    throw error;
  }
}

interface FileStat extends FileId {
  readonly nlink: bigint;
}

function isSame(one: FileId | undefined, other: FileId | undefined): boolean {
  return one?.ino === other?.ino && one?.dev === other?.dev;
}

/** How many names the file has. One with several would get a write-ahead log for each. @throws `STORE_HARD_LINKED` */
export function checkNames(store: string, { nlink }: { readonly nlink: bigint | number }): void {
  if (nlink > 1) throw new HithertoError("STORE_HARD_LINKED", { store, names: Number(nlink) });
}

/** The files of one handle, as one thread sees them. */
export class StoreFile {
  readonly path: string;
  readonly log: WalTrust;
  readonly #identity: { -readonly [Kind in keyof FileIdentity]: FileIdentity[Kind] } | undefined;
  #loss: HithertoError<"STORE_REPLACED"> | undefined;
  /** Undefined while the handle is not being closed. */
  #closing: Promise<void> | undefined;
  #lookedAtMs = 0;
  /** How many the file had when it was last looked at. */
  #names = 1n;

  /** `syncs`: shared by the threads of the handle. */
  constructor(path: string, identity: FileIdentity | undefined, syncs: SharedArrayBuffer = shareSyncs()) {
    this.path = path;
    this.log = new WalTrust(path, syncs);
    this.#identity = identity && { ...identity };
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** For what does not touch the files. @throws `STORE_REPLACED` when that has been found before. */
  checkKnown(): void {
    if (this.#loss !== undefined) throw this.#loss;
  }

  /** Looks at the files. @throws `STORE_REPLACED`, `STORE_IO` */
  check(): void {
    this.#look("database");
    if (this.#identity?.isImmutable === false) {
      this.#look("wal");
      this.#look("shm");
    }
    this.#lookedAtMs = performance.now();
  }

  /** Looks at the files, unless that was done a moment ago. @throws `STORE_REPLACED`, `STORE_IO` */
  checkNowAndThen(): void {
    this.checkKnown();
    if (performance.now() - this.#lookedAtMs >= lookIntervalMs) this.check();
  }

  /**
   * Before something is written: what goes astray nevertheless is found by {@link StoreFile.checkCommitted}.
   * @throws `STORE_REPLACED`, `STORE_HARD_LINKED`, `STORE_IO`
   */
  checkBeforeWrite(): void {
    this.checkNowAndThen();
    if (this.#names > 1) checkNames(this.path, this.#look("database")!);
  }

  /** Before something that was committed is acknowledged: looks where it was written to. @throws `STORE_REPLACED`, `STORE_IO` */
  checkCommitted(): void {
    this.#look("database");
    this.#look("wal");
  }

  /** The error to raise for one that was caught: when the files are others, that is why. */
  explain(error: unknown): unknown {
    this.log.note(error);
    if (isHithertoError(error, "STORE_REPLACED")) this.#loss ??= error;
    else if (!isHithertoError(error)) attempt(() => this.check());
    return this.#loss ?? error;
  }

  #look(kind: FileKind): FileStat | undefined {
    this.checkKnown();
    const identity = this.#identity;
    if (identity === undefined) return undefined;
    const found = this.#find(kind);
    // One that was not there has been made since, by a writer: it is the one that SQLite opens next.
    if (identity[kind] === undefined) identity[kind] = found;
    else if (!isSame(identity[kind], found)) throw this.#lose(kind, found);
    if (kind === "database" && found !== undefined) this.#names = found.nlink;
    return found;
  }

  #find(kind: FileKind): FileStat | undefined {
    try {
      return find(this.path, kind);
    } catch (error) {
      throw toStoreError(error, this.path);
    }
  }

  #lose(kind: FileKind, found: FileId | undefined): HithertoError {
    const change = found === undefined ? "was removed or renamed" : "was replaced by another one";
    const problem = `${names[kind]} ${change} while the store was open`;
    this.#loss = new HithertoError("STORE_REPLACED", { store: this.path, problem });
    return this.#loss;
  }

  // The files of all handles of this copy of the module

  static readonly #open = new Set<StoreFile>();

  /**
   * To be called before the first connection of a handle. Connections of one process share the index of the log by the
   * database's inode, so a handle that has other files under the same path, or the same file under another, would damage
   * both. One that is being closed may remove its log at any moment, so it is waited for. @throws `STORE_REPLACED`
   */
  static async checkOthers(path: string): Promise<void> {
    for (;;) {
      const file = new StoreFile(path, identify(path));
      const clashing = [...StoreFile.#open].filter((other) => file.#clashesWith(other));
      if (clashing.length === 0) return;
      const closings = clashing.map((other) => {
        if (other.#closing === undefined) throw file.#clash();
        return other.#closing;
      });
      await Promise.allSettled(closings);
    }
  }

  /** Notes that the handle is open, until {@link StoreFile.leave}. */
  enter(): void {
    StoreFile.#open.add(this);
  }

  leave(): void {
    StoreFile.#open.delete(this);
  }

  /** Notes that the handle is being closed, and leaves when that has ended, well or not. */
  async leaveAfter(closing: Promise<void>): Promise<void> {
    this.#closing = closing;
    try {
      await closing;
    } finally {
      this.leave();
    }
  }

  #clashesWith(other: StoreFile): boolean {
    const [mine, theirs] = [this.#identity, other.#identity];
    if (mine === undefined || theirs === undefined) return false;
    const isSamePath = this.path === other.path;
    if (isSamePath !== isSame(mine.database, theirs.database)) return true;
    if (!isSamePath) return false;
    return kinds.some((kind) => theirs[kind] !== undefined && !isSame(mine[kind], theirs[kind]));
  }

  #clash(): HithertoError {
    const problem =
      "another handle of this process still has the files open that were there before; close it first";
    return new HithertoError("STORE_REPLACED", { store: this.path, problem });
  }
}
