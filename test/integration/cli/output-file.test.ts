/**
 * Files that the command writes: whole or not at all, and never in the place of what nobody said to replace.
 */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createOutputFile } from "../../../src/cli/output-file.ts";
import { scratchFolder } from "./hitherto-process.ts";

/** Writes a whole file. */
async function write(path: string, overwrite?: boolean): Promise<void> {
  const file = await createOutputFile(path, { overwrite });
  try {
    await file.output.write("the new one");
    await file.finish();
  } catch (error) {
    file.abandon();
    throw error;
  }
}

const unwritable = (problem: string): object => ({ code: "FILE_UNWRITABLE", details: { problem } });

test("a file gets its name when it is complete, and until then there is nothing of that name", async () => {
  const at = scratchFolder();
  const file = await createOutputFile(at("out.gz"), {});
  await file.output.write("the new one");
  expect(existsSync(at("out.gz"))).toBe(false);
  await file.finish();
  expect(gunzipSync(readFileSync(at("out.gz"))).toString()).toBe("the new one");
  expect(readdirSync(at("."))).toEqual(["out.gz"]);
});

test("a file that is abandoned leaves nothing", async () => {
  const at = scratchFolder();
  const file = await createOutputFile(at("out"), {});
  await file.output.write("the new one");
  file.abandon();
  expect(readdirSync(at("."))).toEqual([]);
});

test("a file that exists is replaced only when that was said, and only by a complete one", async () => {
  const at = scratchFolder();
  writeFileSync(at("out"), "the old one");
  await expect(write(at("out"))).rejects.toMatchObject(
    unwritable("it exists; add --overwrite to replace it"),
  );
  const file = await createOutputFile(at("out"), { overwrite: true });
  await file.output.write("the new one");
  expect(readFileSync(at("out"), "utf8")).toBe("the old one");
  await file.finish();
  expect(readFileSync(at("out"), "utf8")).toBe("the new one");
  expect(readdirSync(at("."))).toEqual(["out"]);
});

test("a file that comes into being meanwhile is not replaced", async () => {
  const at = scratchFolder();
  const file = await createOutputFile(at("out"), {});
  writeFileSync(at("out"), "somebody else's");
  await expect(file.finish()).rejects.toMatchObject({ code: "FILE_UNWRITABLE" });
  file.abandon();
  expect(readFileSync(at("out"), "utf8")).toBe("somebody else's");
  expect(readdirSync(at("."))).toEqual(["out"]);
});

test.each([true, false])(
  "a symbolic link is neither followed nor replaced (overwrite: %s)",
  async (overwrite) => {
    const at = scratchFolder();
    writeFileSync(at("secret"), "the old one");
    symlinkSync(at("secret"), at("out"));
    symlinkSync(at("nowhere"), at("dangling"));
    for (const name of ["out", "dangling"]) {
      await expect(write(at(name), overwrite)).rejects.toMatchObject(
        unwritable("it is a symbolic link; name the file that it leads to"),
      );
      expect(lstatSync(at(name)).isSymbolicLink()).toBe(true);
    }
    expect(readFileSync(at("secret"), "utf8")).toBe("the old one");
    expect(existsSync(at("nowhere"))).toBe(false);
  },
);

test("a symbolic link under the name of an unfinished file is not written through", async () => {
  const at = scratchFolder();
  writeFileSync(at("secret"), "the old one");
  symlinkSync(at("secret"), at("out.partial"));
  await write(at("out"));
  expect(readFileSync(at("secret"), "utf8")).toBe("the old one");
  expect(readFileSync(at("out"), "utf8")).toBe("the new one");
});

test("a database and a folder are never replaced", async () => {
  const at = scratchFolder();
  const db = new DatabaseSync(at("a.db"));
  db.exec("CREATE TABLE t (a)");
  db.close();
  await expect(write(at("a.db"), true)).rejects.toMatchObject(
    unwritable("it is a database, which an export would replace"),
  );
  await expect(write(at("."), true)).rejects.toMatchObject(unwritable("it is a folder"));
});

test.skipIf(process.platform === "win32")(
  "a pipe or a device is written to directly, through a link too (but on Windows, which has none)",
  async () => {
    const at = scratchFolder();
    execFileSync("mkfifo", [at("pipe")]);
    const reading = readFile(at("pipe"), "utf8");
    await write(at("pipe"));
    expect(await reading).toBe("the new one");
    symlinkSync("/dev/null", at("null"));
    await write(at("null"));
    expect(lstatSync(at("null")).isSymbolicLink()).toBe(true);
  },
);
