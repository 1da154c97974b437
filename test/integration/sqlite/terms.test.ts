/**
 * Tags that share an index term, by an attacker's choice: cyrb53 is quick to collide. It may cost time, nothing else.
 */
import { openSqliteStore } from "hitherto/sqlite";
import type { EventStore } from "hitherto/store";
import { afterAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { termOf } from "../../../src/sqlite/terms.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const [one, other] = ["怹宇一", "咤問䫵"] as const;

let store: EventStore;
beforeEach(async () => {
  store = await openSqliteStore(scratch.path());
  onTestFinished(() => store.close());
  // So many events that reads go by the index.
  const filler = Array.from({ length: 1_000 }, (_, n) => ({ type: "ThingDone", data: n }));
  await store.append({ stream: "filler-1", events: filler });
});

const tagged = (...tags: string[]) => ({ type: "ThingDone", data: tags.join(), tags });

async function dataBy(tag: string): Promise<unknown[]> {
  return (await store.read({ tags: [tag] }).toArray()).map((event) => event.data);
}

describe("two tags with the same term", () => {
  test("do share it", () => {
    expect(termOf("tag", one)).toBe(termOf("tag", other));
  });

  test("are told apart by reads and conditions", async () => {
    await store.append({ stream: "a", events: [tagged(one)] });
    const condition = (tag: string) => ({ condition: { failIfMatch: [{ tags: [tag] }] } });
    expect(await dataBy(other)).toEqual([]);
    await store.append({ stream: "b", events: [tagged(other)] }, condition(other));
    expect(await dataBy(one)).toEqual([one]);
    expect(await dataBy(other)).toEqual([other]);
    const again = store.append({ stream: "b", events: [tagged(other)] }, condition(one));
    await expect(again).rejects.toMatchObject({
      code: "CONDITION_CONFLICT",
      details: { event: { stream: "a" } },
    });
  });

  test("may be on one event and in one append, beside the appends of others", async () => {
    await Promise.all([
      store.append({ stream: "a", events: [tagged(one, other)] }),
      store.append({ stream: "b", events: [tagged(one), tagged(other)] }),
      store.append({ stream: "c", events: [tagged("innocent")] }),
    ]);
    expect(await dataBy(one)).toEqual([`${one},${other}`, one]);
    expect(await dataBy(other)).toEqual([`${one},${other}`, other]);
    expect((await store.verify()).problems).toEqual([]);
  });

  test("are reclaimed together", async () => {
    await store.append({ stream: "a", events: [tagged(one, other)] });
    await store.append({ stream: "b", events: [tagged(one)] });
    await store.deleteStream("a");
    expect((await store.reclaim()).events).toBe(1);
    expect(await dataBy(one)).toEqual([one]);
    expect((await store.verify()).problems).toEqual([]);
  });
});
