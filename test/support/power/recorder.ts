/**
 * Runs a process under the recorder (recorder.c), which is compiled with the machine's C compiler.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("recorder.c", import.meta.url));

/** Why nothing can be recorded here; undefined where it can. */
export function whyNoRecorder(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  const { status } = spawnSync("cc", ["--version"]);
  return status === 0 ? undefined : "there is no C compiler (the command cc)";
}

/** What a process did, and the folder in which it did it. */
export interface Recording {
  readonly journal: Buffer;
  readonly folder: string;
  readonly output: string;
}

/** Compiles the recorder once, and runs scripts under it. */
export class Recorder implements Disposable {
  readonly folder: string = realpathSync(mkdtempSync(join(tmpdir(), "hitherto-power-")));
  readonly #library: string = join(this.folder, "recorder.so");
  #runs = 0;

  constructor() {
    const options = ["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", this.#library, source];
    const { status, stderr } = spawnSync("cc", [...options, "-ldl", "-lpthread"], { encoding: "utf8" });
    if (status !== 0) throw new Error(`The recorder does not compile: ${stderr}`);
  }

  /** Runs a script with the path of a folder of its own as its first argument. */
  record(script: string, ...args: readonly string[]): Recording {
    const folder = join(this.folder, `run-${++this.#runs}`);
    const journal = `${folder}.journal`;
    mkdirSync(folder);
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--no-warnings", script, folder, ...args],
      {
        encoding: "utf8",
        env: { ...process.env, LD_PRELOAD: this.#library, POWER_FOLDER: folder, POWER_JOURNAL: journal },
      },
    );
    if (status !== 0) throw new Error(`The recorded process ended with ${status}: ${stderr}${stdout}`);
    return { journal: existsSync(journal) ? readFileSync(journal) : Buffer.of(), folder, output: stdout };
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
