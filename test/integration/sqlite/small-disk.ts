/**
 * A disk that is soon full, to write stores to: a small tmpfs where one can be mounted, else a limit on the size of files.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ErrorCode } from "hitherto/core";

/** A disk of little space. */
export interface SmallDisk extends Disposable {
  readonly folder: string;
  /** What a write fails with when there is no room. */
  readonly codes: readonly ErrorCode[];
  /** Leaves room for about so many bytes more. */
  leave(bytes: number): void;
  /** Gives all the room back. */
  makeRoom(): void;
}

/** Makes a small disk, and says so loudly when it is not a real one. */
export function makeSmallDisk(bytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder], { stdio: "pipe" });
  } catch (error) {
    console.warn(
      `\n*** NO TMPFS CAN BE MOUNTED (${String(error).split("\n")[0]}).\n` +
        "*** The full-disk tests limit the size of files instead; SQLite then reports an I/O error, not a full disk.\n",
    );
    return limitedFiles(folder);
  }
  return tmpfs(folder);
}

function tmpfs(folder: string): SmallDisk {
  const filler = join(folder, "filler");
  const makeRoom = (): void => rmSync(filler, { force: true });
  return {
    folder,
    codes: ["STORE_FULL"],
    leave: (bytes) => {
      makeRoom();
      const { bavail, bsize } = statfsSync(folder);
      fill(filler, Math.max(0, bavail * bsize - bytes));
    },
    makeRoom,
    [Symbol.dispose]: () => {
      execFileSync("umount", ["--lazy", folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** A checkpoint may take some of the room meanwhile; then the disk is full all the same. */
function fill(filler: string, bytes: number): void {
  try {
    writeFileSync(filler, new Uint8Array(bytes));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

/** `RLIMIT_FSIZE` of this process. A write beyond it raises SIGXFSZ, which would end the process, and fails. */
function limitedFiles(folder: string): SmallDisk {
  const ignore = (): void => undefined;
  process.on("SIGXFSZ", ignore);
  const limit = (bytes: number | "unlimited"): void => {
    execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:unlimited`]);
  };
  return {
    folder,
    codes: ["STORE_FULL", "STORE_IO"],
    leave: (bytes) => limit(bytes),
    makeRoom: () => limit("unlimited"),
    [Symbol.dispose]: () => {
      limit("unlimited");
      process.off("SIGXFSZ", ignore);
      rmSync(folder, { recursive: true });
    },
  };
}
