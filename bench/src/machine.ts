/**
 * What is measured on: without it, figures say nothing.
 */
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Machine } from "./results.ts";
import { median } from "./statistics.ts";

/** Describes the machine, with the file system of the folder. */
export function describeMachine(folder: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    os: `${type()} ${release()}`,
    filesystem: filesystemOf(folder),
    fsyncMs: timeFsync(folder),
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** The SQLite that Node brings along. */
export function describeSqlite(): string {
  const db = new DatabaseSync(":memory:");
  const row = db.prepare("SELECT sqlite_version() AS release").get();
  db.close();
  return `node:sqlite ${String(row?.["release"])}`;
}

/** Magic numbers of statfs(2). */
const filesystems: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x2fc12fc1: "zfs",
  0xf2f52010: "f2fs",
  0x01021994: "tmpfs (memory: syncing costs nothing)",
  0x794c7630: "overlayfs",
  0x6969: "nfs",
  0x01021997: "9p",
  0x6a656a63: "virtiofs",
  0x1a: "apfs",
};

function filesystemOf(folder: string): string {
  const magic = statfsSync(folder).type;
  return filesystems[magic] ?? `0x${magic.toString(16)}`;
}

const fsyncSamples = 64;

function timeFsync(folder: string): number {
  const path = join(folder, "fsync-probe");
  const block = new Uint8Array(4_096);
  const file = openSync(path, "w");
  const times = Array.from({ length: fsyncSamples }, () => {
    const before = performance.now();
    writeSync(file, block);
    fsyncSync(file);
    return performance.now() - before;
  });
  closeSync(file);
  rmSync(path);
  return median(times);
}
