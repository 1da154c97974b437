import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { hitherto, scratchFolder } from "./hitherto-process.ts";

describe("backup and restore", () => {
  test("make a file of a store, and a store of the file", async () => {
    const at = scratchFolder();
    const store = ["--store", at("shop.db")];
    await hitherto(["append", "order-1", "--type", "OrderPlaced", ...store]);
    const made = await hitherto(["backup", at("backup.db"), ...store]);
    expect(made).toMatchObject({ exitCode: 0, err: "" });
    expect(made.out).toMatch(/^Backed up 1 event to .*backup\.db, up to position 1, /);
    await hitherto(["append", "order-2", "--type", "OrderPlaced", ...store]);

    const restored = await hitherto(["restore", at("backup.db"), "--store", at("restored.db")]);
    expect(restored.exitCode).toBe(0);
    expect(restored.out).toMatch(/^Restored 1 event in 1 stream to .*restored\.db, .*The head is 1\.$/m);
    expect(restored.err).toContain("Positions above 1 are given out again");
    expect((await hitherto(["read", "--store", at("restored.db")])).out).toContain("order-1@0");
  });

  test("write reports as JSON, and replace a backup only when asked to", async () => {
    const at = scratchFolder();
    const store = ["--store", at("shop.db"), "--json"];
    await hitherto(["append", "order-1", "--type", "OrderPlaced", ...store]);
    const { out } = await hitherto(["backup", at("backup.db"), ...store]);
    expect(JSON.parse(out)).toMatchObject({ path: at("backup.db"), head: 1, events: 1, streams: 1 });
    const refused = await hitherto(["backup", at("backup.db"), ...store]);
    expect(refused.exitCode).toBe(1);
    expect(JSON.parse(refused.err)).toMatchObject({ code: "FILE_UNWRITABLE" });
    expect((await hitherto(["backup", at("backup.db"), "--overwrite", ...store])).exitCode).toBe(0);
    const again = await hitherto(["restore", at("backup.db"), "--store", at("new.db"), "--json"]);
    expect(JSON.parse(again.out)).toMatchObject({ path: at("new.db"), head: 1 });
    expect(again.err).toBe("");
  });

  test("refuse what is no backup, and a store that is there or is no file", async () => {
    const at = scratchFolder();
    writeFileSync(at("text"), "no store");
    const { err, exitCode } = await hitherto(["restore", at("text"), "--store", at("new.db")]);
    expect([exitCode, err]).toEqual([1, expect.stringContaining("[STORE_NOT_A_STORE]")]);
    expect(existsSync(at("new.db"))).toBe(false);
    for (const url of ["memory:", "postgres://ada:secret@localhost/shop"]) {
      const refused = await hitherto(["restore", at("text"), "--store", url]);
      expect(refused.err).toContain("[BACKUP_UNSUPPORTED]");
      expect(refused.err).not.toContain("secret");
    }
  });
});

test("a store in memory says what to do instead of a backup", async () => {
  await using store = openMemoryStore();
  const refused = { code: "BACKUP_UNSUPPORTED", details: { store: "memory:" } };
  await expect(store.backup("a.db")).rejects.toMatchObject(refused);
  await expect(store.backup("")).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
});
