/**
 * What is on a disk while a recorded process writes, in memory and for good: the journal of recorder.c played back.
 *
 * The model is what POSIX promises and no more. A write changes pages in memory; a sync of the file takes its changed pages and
 * its length to the disk; a sync of the folder, which files it has. A sync that fails does what Linux does: the pages stay
 * in memory, count as unchanged from then on, and reach the disk only when something is written to them again.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const pageBytes = 4096;
const sectorBytes = 512;

/** One record of the journal. */
export interface Record {
  readonly kind: "C" | "W" | "T" | "S" | "F" | "U" | "R" | "D";
  readonly args: readonly string[];
  readonly bytes: Buffer;
}

/** Reads a journal. */
export function recordsOf(journal: Buffer): Record[] {
  const records: Record[] = [];
  for (let at = 0; at < journal.length;) {
    const end = journal.indexOf(10, at);
    const [kind, ...args] = journal.toString("utf8", at, end).split(" ");
    const length = kind === "W" ? Number(args[2]) : 0;
    records.push({ kind: kind as Record["kind"], args, bytes: journal.subarray(end + 1, end + 1 + length) });
    at = end + 1 + length;
  }
  return records;
}

class Inode {
  memory: Buffer = Buffer.alloc(0);
  disk: Buffer = Buffer.alloc(0);
  /** Pages that differ, by number: those that a sync takes along, and those that it takes for unchanged. */
  changed = new Set<number>();
  lost = new Set<number>();
  readonly number: string;

  constructor(number: string) {
    this.number = number;
  }

  write(offset: number, bytes: Buffer): void {
    const end = offset + bytes.length;
    if (end > this.memory.length) this.memory = resized(this.memory, end);
    bytes.copy(this.memory, offset);
    for (let page = Math.floor(offset / pageBytes); page * pageBytes < end; page++) {
      this.changed.add(page);
      this.lost.delete(page);
    }
  }

  sync(): void {
    this.disk = this.#with([...this.changed], this.memory.length, () => true);
    this.changed.clear();
  }

  fail(): void {
    for (const page of this.changed) this.lost.add(page);
    this.changed.clear();
  }

  /** The disk after a loss of power, with some of the sectors that were not synced. */
  afterLoss(random: (() => number) | undefined): Buffer {
    if (random === undefined) return this.disk;
    const share = random();
    const length = random() < 0.5 ? this.disk.length : this.memory.length;
    return this.#with([...this.changed, ...this.lost], length, () => random() < share);
  }

  #with(pages: readonly number[], length: number, isKept: () => boolean): Buffer {
    const disk = resized(this.disk, length);
    for (const page of pages) {
      for (let at = page * pageBytes; at < Math.min((page + 1) * pageBytes, length); at += sectorBytes) {
        if (isKept()) this.memory.copy(disk, at, at, Math.min(at + sectorBytes, length));
      }
    }
    return disk;
  }
}

function resized(buffer: Buffer, length: number): Buffer {
  const copy = Buffer.alloc(length);
  buffer.copy(copy);
  return copy;
}

/** A folder of a disk. */
export class Disk {
  readonly #names = new Map<string, Inode>();
  #namesOnDisk = new Map<string, Inode>();
  readonly #inodes = new Map<string, Inode>();

  apply({ kind, args, bytes }: Record): void {
    const [first = "", second = ""] = args;
    const inode = this.#inodes.get(first);
    if (kind === "C") this.#open(first, args.slice(1).join(" "));
    else if (kind === "W") inode?.write(Number(second), bytes);
    else if (kind === "T" && inode !== undefined) inode.memory = resized(inode.memory, Number(second));
    else if (kind === "S") inode?.sync();
    else if (kind === "F") inode?.fail();
    else if (kind === "D") this.#namesOnDisk = new Map(this.#names);
    else if (kind === "U") this.#names.delete(first);
    else if (kind === "R") {
      this.#names.set(second, this.#names.get(first)!);
      this.#names.delete(first);
    }
  }

  /** What is in a file, in memory. */
  textOf(name: string): string {
    for (const [path, { memory }] of this.#names) if (basename(path) === name) return memory.toString();
    return "";
  }

  /**
   * Makes a folder of what a loss of power leaves: of what was synced, and, with `random`, of some of what was not.
   */
  writeTo(folder: string, random?: () => number): void {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const names = random !== undefined && random() < 0.5 ? this.#names : this.#namesOnDisk;
    for (const [path, inode] of names) writeFileSync(join(folder, basename(path)), inode.afterLoss(random));
  }

  /** The number of an inode is given to another file when its last name is gone. */
  #open(number: string, path: string): void {
    if (this.#names.get(path)?.number === number) return;
    const inode = new Inode(number);
    this.#inodes.set(number, inode);
    this.#names.set(path, inode);
  }
}
