/**
 * Erasing, as somebody sees it who looks for a text in all bytes of all files of a store.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { consumer, decider, open, projection, sqlProjection } from "hitherto";
import type { Hitherto } from "hitherto";
import { openSqliteStore } from "hitherto/sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const secret = "Ada-Lovelace-1815";
const secretId = "5ecde700-0000-4000-8000-000000001815";

/** A store in a folder of its own. */
const freshPath = (): string => join(mkdtempSync(join(scratch.folder, "store-")), "people.db");

const program = `
  const { readFileSync, readdirSync } = require("node:fs");
  const [folder, ...texts] = process.argv.slice(1);
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(folder + "/" + name);
    for (const text of texts) if (bytes.includes(text)) console.log(name + ": " + text);
  }`;

/** The files of a store in which one of the texts is. Another process looks: reading them here would lose SQLite's locks. */
function found(path: string, ...texts: string[]): string[] {
  const args = ["--eval", program, join(path, ".."), ...(texts.length > 0 ? texts : [secret, secretId])];
  return execFileSync(process.execPath, args, { encoding: "utf8" }).split("\n").filter(Boolean);
}

interface Registered {
  readonly name: string;
}

const person = decider("person", {
  initial: () => ({ name: "" }),
  evolve: { PersonRegistered: (_state, { name }: Registered) => ({ name }) },
  decide: { register: (_state, data: Registered) => ({ type: "PersonRegistered", data }) },
});

const people = projection("people", {
  initial: () => ({ name: "" }),
  evolve: { PersonRegistered: (_document, { name }: Registered) => ({ name }), PersonForgotten: () => null },
  indexes: ["name"],
});

const names = sqlProjection("names", {
  tables: { names: "stream TEXT PRIMARY KEY, name TEXT NOT NULL" },
  on: {
    PersonRegistered: async (transaction, { name }: Registered, { stream }) => {
      await transaction.run("INSERT INTO {names} VALUES (?, ?)", [stream, name]);
    },
    PersonForgotten: async (transaction, _data: object, { stream }) => {
      await transaction.run("DELETE FROM {names} WHERE stream = ?", [stream]);
    },
  },
});

const letters = consumer("letters", {
  on: {
    PersonRegistered: ({ name }: Registered) => {
      if (name.startsWith(secret)) throw new Error(`no address of ${name.slice(0, 20)}`);
    },
  },
  retry: { max: 0 },
});

const note = { type: "NoteTaken", data: { text: "plain" } };

/** Puts the secret into everything that keeps something of an event, and takes it out again by the documented calls. */
async function fillAndForget(store: Hitherto): Promise<void> {
  const metadata = { userId: secret, correlationId: `${secret}-request` };
  for (let n = 0; n < 40; n++) await store.execute(person, `${n}`, "register", { name: `Somebody ${n}` });
  await using runner = await store.runProjections([people, names]);
  await using member = await store.consume(letters);
  // In a stream of its own; more than a page, so that there are overflow pages.
  const name = `${secret} `.repeat(1_000);
  await store.append({
    stream: "person-ada",
    events: [{ id: secretId, type: "PersonRegistered", data: { name }, tags: [`name:${secret}`], metadata }],
  });
  // Together with events that stay.
  await store.append({
    stream: "person-1",
    events: ["x", secret, "y"].map((text) => ({ type: "NoteTaken", data: { text }, tags: [`note:${text}`] })),
  });
  await store.snapshot(person, "ada");
  await runner.caughtUp();
  await member.caughtUp();
  expect((await store.readModel(people).get("ada")).document?.name).toBe(name);
  expect(await store.parked.count({ kind: "consumer", name: "letters" })).toBe(1);

  await store.append({ stream: "person-ada", events: [{ type: "PersonForgotten", data: {} }] });
  await runner.caughtUp();
  await store.parked.discard({ kind: "consumer", name: "letters", key: "person-ada" });
  await store.deleteStream("person-ada");
  await store.setStreamPolicy("person-1", { truncateBefore: 3 });
  await member.caughtUp();
  // The last error of a consumer stays with it.
  await member.stop();
  await store.consumers.remove("letters");
}

describe("erasing", () => {
  test("leaves no byte of what was hidden and deleted in the files", async () => {
    const path = freshPath();
    await using store = await open(path, { snapshots: { every: 1 }, onError: () => undefined });
    // Another handle, which has seen all of it, stays open.
    await using other = await openSqliteStore(path);
    await fillAndForget(store);
    await other.read().toArray();
    expect((await store.reclaim()).events).toBe(3);
    expect(found(path)).not.toEqual([]);

    expect(await store.reclaim({ erase: true })).toEqual({ events: 2, isErased: true });
    expect(found(path)).toEqual([]);
    expect(await store.verify()).toMatchObject({ isSound: true });
    const { revision } = await other.append({ stream: "person-1", events: [note] });
    expect(revision).toBe(4);
    expect((await other.readStream("person-1").toArray()).map((event) => event.revision)).toEqual([3, 4]);
    expect((await store.readModel(people).get("2")).document).toEqual({ name: "Somebody 2" });
  });

  test("takes what earlier deletions left, and what stays is what was there", async () => {
    const path = freshPath();
    const events = [{ ...note, data: { text: secret.repeat(2_000) } }, note];
    {
      await using store = await openSqliteStore(path);
      for (let n = 0; n < 50; n++) await store.append({ stream: `note-${n}`, events });
      for (let n = 0; n < 50; n += 2) await store.tombstoneStream(`note-${n}`);
      for (let n = 1; n < 50; n += 2) await store.setStreamPolicy(`note-${n}`, { maxCount: 1 });
      await store.reclaim();
    }
    expect(found(path)).toEqual([`people.db: ${secret}`]);
    await using store = await openSqliteStore(path);
    const before = await store.read().toArray();
    const appending = Promise.all(
      Array.from({ length: 20 }, (_, n) => store.append({ stream: `later-${n}`, events: [note] })),
    );
    expect(await store.reclaim({ erase: true })).toEqual({ events: 25, isErased: true });
    await appending;
    expect(found(path)).toEqual([]);
    expect((await store.read().toArray()).slice(0, before.length)).toEqual(before);
    expect(await store.verify()).toMatchObject({ isSound: true, events: 45 });
    expect((await store.append({ stream: "note-1", events: [note] })).revision).toBe(2);
  });

  test("says so when a reader holds it back, and is done when it is called again", async () => {
    const path = freshPath();
    await using store = await openSqliteStore(path, { busyTimeoutMs: 200 });
    await store.append({ stream: "note-1", events: [{ ...note, data: { text: secret } }] });
    await store.deleteStream("note-1");
    const reader = new DatabaseSync(path);
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM commits").get();
    const began = performance.now();
    const result = await store.reclaim({ erase: true });
    expect(result).toEqual({
      events: 1,
      isErased: false,
      heldBack: expect.stringContaining("reading") as string,
    });
    expect(performance.now() - began).toBeLessThan(5_000);
    // Writers are not held up.
    await store.append({ stream: "note-2", events: [note] });
    expect(found(path)).not.toEqual([]);
    reader.close();
    expect(await store.reclaim({ erase: true })).toEqual({ events: 0, isErased: true });
    expect(found(path)).toEqual([]);
  });

  test("can be aborted while a reader holds it back", async () => {
    const path = freshPath();
    await using store = await openSqliteStore(path);
    await store.append({ stream: "note-1", events: [note] });
    const reader = new DatabaseSync(path);
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM commits").get();
    const reclaiming = store.reclaim({ erase: true, signal: AbortSignal.timeout(300) });
    await expect(reclaiming).rejects.toMatchObject({ code: "ABORTED" });
    reader.close();
  });
});
