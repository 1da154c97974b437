import { openMemoryStore } from "hitherto/store";
import { expect, test } from "vitest";
import { parkedRef } from "../../../src/runtime/parked/parked-records.ts";
import { ParkedRoom } from "../../../src/runtime/parked/parked-room.ts";

test("refuses with PARKED_FULL to park more events than there may be, over all owners", async () => {
  await using store = openMemoryStore();
  const scope = { kind: "consumer", name: "mails" } as const;
  const room = new ParkedRoom(store.readSide, scope, 3);
  const park = (position: number) => ({ ...parkedRef(scope, "ada", position), value: {} });
  await room.take(2);
  await store.readSide.commit({ put: [park(1), park(2)] });
  await room.take(1);
  await store.readSide.commit({ put: [park(3)] });
  await expect(room.take(1)).rejects.toMatchObject({ code: "PARKED_FULL", details: { max: 3 } });
});
