/**
 * Folders for tests: each test file has its own, and takes it away at its end.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of one's own under the system's temporary folder. */
export interface Scratch extends Disposable {
  readonly folder: string;
  /** A path in the folder that was not handed out before. */
  path(suffix?: string): string;
}

/** Makes a scratch folder. */
export function makeScratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-"));
  let count = 0;
  return {
    folder,
    path: (suffix = ".db") => join(folder, `${++count}${suffix}`),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
