import { once } from "node:events";
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { setTimeout } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { isHithertoError } from "../../../src/core/errors.ts";
import { openSqliteStore } from "../../../src/sqlite/sqlite-store.ts";
import { exportLines } from "./exchange-lines.ts";
import { finished, hitherto, scratchFolder, start } from "./hitherto-process.ts";

describe("a store in a file", () => {
  test("is written by append and read by every other command", async () => {
    const at = scratchFolder();
    const store = ["--store", at("shop.db")];
    const appended = await hitherto([
      "append",
      "order-1",
      "--type",
      "OrderPlaced",
      "--data",
      '{"total":100}',
      ...store,
    ]);
    expect(appended).toMatchObject({
      exitCode: 0,
      err: "",
      out: "Appended 1 event to order-1: revision 0, position 1.\n",
    });
    expect((await hitherto(["read", ...store])).out).toContain('order-1@0  OrderPlaced  {"total":100}');
    expect((await hitherto(["streams", ...store])).out).toContain("order-1");
    expect((await hitherto(["stats", ...store])).out).toMatch(/^Events +1$/m);
    expect(await hitherto(["verify", ...store])).toMatchObject({ exitCode: 0, err: "" });
  });

  test.each(["read", "streams", "stats", "verify", "export"])("is not made by %s", async (command) => {
    const at = scratchFolder();
    const { exitCode, err } = await hitherto([command, "--store", at("none.db")]);
    expect(err).toContain("[STORE_NOT_FOUND]");
    expect(exitCode).toBe(1);
    expect(existsSync(at("none.db"))).toBe(false);
  });

  test("must be a store", async () => {
    const at = scratchFolder();
    writeFileSync(at("text.db"), "no store at all, but long enough to look at".repeat(20));
    for (const args of [["read"], ["append", "a", "--type", "A"]]) {
      const { exitCode, err } = await hitherto([...args, "--store", at("text.db")]);
      expect(err).toContain("[STORE_NOT_A_STORE]");
      expect(exitCode).toBe(1);
    }
  });

  test("is damaged when a bit of it is flipped, and verify lists where", async () => {
    const at = scratchFolder();
    const store = ["--store", at("shop.db")];
    await hitherto(["import", "-", ...store], { stdin: exportLines(2_000) });
    flipByteBehind(at("shop.db"), '"n":1234,');
    const { exitCode, out } = await hitherto(["verify", ...store]);
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^Damaged: \d+ problems? in /m);
    const json = JSON.parse((await hitherto(["verify", "--json", ...store])).out) as { isSound: boolean };
    expect(json.isSound).toBe(false);
    const read = await hitherto(["read", ...store]);
    expect(read.err).toContain("[STORE_DAMAGED]");
    expect(read.exitCode).toBe(1);
  });
});

describe("the output", () => {
  test("may be cut by head without an error", async () => {
    const at = scratchFolder();
    await hitherto(["import", "-", "--store", at("shop.db")], { stdin: exportLines(20_000) });
    for (const command of ["read", "export"]) {
      const child = start([command, "--store", at("shop.db")]);
      child.stdout.once("data", () => child.stdout.destroy());
      const [exitCode, err] = await Promise.all([
        once(child, "close").then(([code]) => code as number),
        child.stderr.setEncoding("utf8").toArray(),
      ]);
      expect({ exitCode, err: err.join("") }).toEqual({ exitCode: 0, err: "" });
    }
  });

  test("has no progress bar where nobody watches", async () => {
    const at = scratchFolder();
    const { err } = await hitherto(["import", "-", "--store", at("shop.db")], { stdin: exportLines(5_000) });
    expect(err).toBe("");
  });
});

describe("read --follow", () => {
  test("shows what another process appends, until it is interrupted", async () => {
    const at = scratchFolder();
    const store = ["--store", at("shop.db")];
    await hitherto(["append", "order-1", "--type", "A", ...store]);
    const follower = start(["read", "--follow", "--json", ...store]);
    const seen: string[] = [];
    follower.stdout.setEncoding("utf8").on("data", (chunk: string) => seen.push(chunk));
    const closed = once(follower, "close");
    await until(() => seen.join("").includes('"type":"A"'));
    await hitherto(["append", "order-1", "--type", "B", ...store]);
    await until(() => seen.join("").includes('"type":"B"'));
    follower.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    expect(seen.join("").trim().split("\n")).toHaveLength(2);
  });
});

describe("export and import", () => {
  test("carry a store through a gzipped file unchanged", async () => {
    const at = scratchFolder();
    const lines = exportLines(3_000);
    writeFileSync(at("in.ndjson.gz"), gzipSync(lines));
    expect((await hitherto(["import", at("in.ndjson.gz"), "--store", at("a.db")])).out).toMatch(
      /^Imported 3,000 events/,
    );
    const out = await hitherto(["export", "--out", at("out.ndjson.gz"), "--store", at("a.db")]);
    expect(out.out).toMatch(/^Exported 3,000 events to /);
    expect(gunzipSync(readFileSync(at("out.ndjson.gz"))).toString()).toBe(lines);
    expect(readdirSync(at(".")).filter((name) => name.includes(".partial"))).toEqual([]);
  });

  test("carry a store through CloudEvents unchanged", async () => {
    const at = scratchFolder();
    const lines = exportLines(1_000);
    await hitherto(["import", "-", "--store", at("a.db")], { stdin: lines });
    await hitherto(["export", "--format", "cloudevents", "--out", at("ce.ndjson"), "--store", at("a.db")]);
    await hitherto(["import", at("ce.ndjson"), "--store", at("b.db")]);
    expect((await hitherto(["export", "--store", at("b.db")])).out).toBe(lines);
  });

  test("take each other's output directly", async () => {
    const at = scratchFolder();
    const lines = exportLines(5_000);
    await hitherto(["import", "-", "--store", at("a.db")], { stdin: lines });
    const source = start(["export", "--store", at("a.db")]);
    const target = start(["import", "-", "--store", at("b.db")]);
    source.stdout.pipe(target.stdin);
    expect((await finished(target)).out).toMatch(/^Imported 5,000 events/);
    expect((await hitherto(["export", "--store", at("b.db")])).out).toBe(lines);
  });

  test("complete what was killed, again and again, to the last byte", { timeout: 90_000 }, async () => {
    const at = scratchFolder();
    const total = 20_000;
    const lines = exportLines(total);
    writeFileSync(at("in.ndjson"), lines);
    const store = ["--store", at("a.db")];
    const counts: number[] = [];
    for (const [batch, enough] of [
      ["50", 1_000],
      ["500", 3_000],
      ["33", 6_000],
    ] as const) {
      const child = start(["import", at("in.ndjson"), "--batch", batch, ...store]);
      await until(async () => (await headOf(at("a.db"))) > enough);
      child.kill("SIGKILL");
      await finished(child);
      counts.push(await headOf(at("a.db")));
    }
    const [first = 0, second = 0, third = 0] = counts;
    expect(0 < first && first < second && second < third && third < total).toBe(true);
    const { out } = await hitherto(["import", at("in.ndjson"), "--json", ...store]);
    expect(JSON.parse(out)).toMatchObject({ imported: total - third, alreadyThere: third, isComplete: true });
    expect((await hitherto(["export", ...store])).out).toBe(lines);
    expect((await hitherto(["verify", ...store])).exitCode).toBe(0);
  });

  test("can be interrupted and gone on with", async () => {
    const at = scratchFolder();
    writeFileSync(at("in.ndjson"), exportLines(20_000));
    const child = start(["import", at("in.ndjson"), "--store", at("a.db")]);
    await until(() => existsSync(at("a.db-wal")));
    child.kill("SIGINT");
    const first = await finished(child);
    expect(first.exitCode).toBe(130);
    expect(first.err).toContain("Interrupted. Run the same command again to go on.");
    const second = await hitherto(["import", at("in.ndjson"), "--store", at("a.db")]);
    expect(second.exitCode).toBe(0);
    expect((await hitherto(["stats", "--json", "--store", at("a.db")])).out).toContain('"events":20000');
  });

  test("waiting for standard input can be interrupted", async () => {
    const at = scratchFolder();
    const child = start(["import", "-", "--store", at("a.db")]);
    child.stdin.write(exportLines(10));
    await until(() => existsSync(at("a.db-wal")));
    child.kill("SIGINT");
    expect((await finished(child)).exitCode).toBe(130);
  });

  test("leave an older file as it was when the export fails", async () => {
    const at = scratchFolder();
    writeFileSync(at("out.ndjson"), "the older export");
    await hitherto(["import", "-", "--store", at("a.db")], { stdin: exportLines(2_000) });
    flipByteBehind(at("a.db"), '"n":1999,');
    const out = ["--out", at("out.ndjson"), "--overwrite"];
    const { exitCode, err } = await hitherto(["export", ...out, "--store", at("a.db")]);
    expect(err).toContain("[STORE_DAMAGED]");
    expect(exitCode).toBe(1);
    expect(readFileSync(at("out.ndjson"), "utf8")).toBe("the older export");
    expect(readdirSync(at(".")).filter((name) => name.includes(".partial"))).toEqual([]);
  });

  test("never put an export in the place of a database", async () => {
    const at = scratchFolder();
    await hitherto(["append", "a", "--type", "A", "--store", at("a.db")]);
    const { err } = await hitherto(["export", "--out", at("a.db"), "--overwrite", "--store", at("a.db")]);
    expect(err).toContain("it is a database, which an export would replace. [FILE_UNWRITABLE]");
    expect((await hitherto(["verify", "--store", at("a.db")])).exitCode).toBe(0);
  });

  test("say which file cannot be written", async () => {
    const at = scratchFolder();
    await hitherto(["append", "a", "--type", "A", "--store", at("a.db")]);
    const { err, exitCode } = await hitherto(["export", "--out", at("no/such/out"), "--store", at("a.db")]);
    expect(err).toContain("cannot be written: there is no such file or folder. [FILE_UNWRITABLE]");
    expect(exitCode).toBe(1);
  });

  test("say that gzip data ends too early, and import what came before", async () => {
    const at = scratchFolder();
    const zipped = gzipSync(exportLines(20_000));
    writeFileSync(at("cut.gz"), zipped.subarray(0, zipped.length / 2));
    const { err, out, exitCode } = await hitherto(["import", at("cut.gz"), "--store", at("a.db")]);
    expect(err).toContain("its gzip data ends too early. [FILE_UNREADABLE]");
    expect(out).toMatch(/^Imported [1-9][\d,]* events/);
    expect(exitCode).toBe(1);
  });

  test("say that gzip data is damaged", async () => {
    const at = scratchFolder();
    writeFileSync(at("bad.gz"), Buffer.concat([gzipSync("").subarray(0, 10), Buffer.alloc(100, 0xff)]));
    const { err } = await hitherto(["import", at("bad.gz"), "--store", at("a.db")]);
    expect(err).toContain("its gzip data is damaged. [FILE_UNREADABLE]");
  });
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 15_000; waited += 10) {
    if (await condition()) return;
    await setTimeout(10);
  }
  throw new Error("the condition never held");
}

/** Position of the last event in a store that others write to; 0 while there is no store. */
async function headOf(path: string): Promise<number> {
  try {
    await using store = await openSqliteStore(path, { mode: "read" });
    return await store.head();
  } catch (error) {
    if (isHithertoError(error, "STORE_NOT_FOUND", "STORE_NOT_A_STORE")) return 0;
    throw error;
  }
}

/** Changes one byte of a file, in the middle of the given text. */
function flipByteBehind(path: string, text: string): void {
  const index = readFileSync(path).indexOf(text);
  expect(index).toBeGreaterThan(0);
  const file = openSync(path, "r+");
  writeSync(file, "7", index + 5);
  closeSync(file);
}
