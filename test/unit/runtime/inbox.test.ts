import { openMemoryStore } from "hitherto/store";
import { expect, test } from "vitest";
import { partitionRef, runOnce } from "../../../src/runtime/consumers/inbox.ts";

test("refuses with OWNERSHIP_LOST to run an effect for a member that another has overtaken", async () => {
  await using store = openMemoryStore();
  const { readSide } = store;
  await store.append({ stream: "order-1", events: [{ type: "OrderPlaced", data: {} }] });
  const [event] = await store.read().toArray();
  const own = async (holder: string): Promise<unknown> =>
    readSide.commit({ put: [{ ...partitionRef("mails", 0), value: { holder, position: 0 } }] });
  const effects: string[] = [];
  const once = (member: string): Promise<boolean> => {
    const body = (): Promise<void> => Promise.resolve(void effects.push(member));
    const partition = { number: 0, position: 0, inbox: new Set<number>() };
    const call = { partition, event, key: "1", check: () => undefined, body };
    return runOnce({ readSide, consumer: "mails", member }, call as never);
  };
  await own("second");
  await expect(once("first")).rejects.toMatchObject({ code: "OWNERSHIP_LOST" });
  expect(await once("second")).toBe(true);
  await own("third");
  expect(await once("third")).toBe(false);
  expect(effects).toEqual(["second"]);
});
