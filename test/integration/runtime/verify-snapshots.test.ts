import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { encodeSnapshot } from "../../../src/runtime/snapshot-codec.ts";
import type { Snapshot } from "../../../src/store/event-store.ts";
import { anAccount, engines } from "./engines.ts";
import type { AccountState, Log } from "./engines.ts";

const { account } = anAccount();
const key = { stream: "account-42", name: "account", stateVersion: account.stateVersion };

async function aSnapshot(content: {
  readonly revision: number;
  readonly position: number;
  readonly state: AccountState;
}): Promise<Snapshot> {
  const named = { ...key, revision: content.revision };
  const state = await encodeSnapshot(named, { ...content, firstRevision: 0 });
  return { ...named, takenAt: new Date().toISOString(), state };
}

const problemsIn = async (store: Hitherto): Promise<readonly string[]> => {
  const { problems } = await store.verify({ snapshotsOf: [account] });
  // The store itself may tell of a snapshot beyond the end too.
  const compared = problems.filter(({ kind }) => kind === "snapshot");
  return compared.map(({ kind, stream, message }) => `${kind}, ${stream}: ${message}`);
};

describe.each(engines)("verifying snapshots on $name", ({ createLog }) => {
  let log: Log;
  let store: Hitherto;
  beforeEach(async () => {
    log = await createLog();
    store = await log.open({ snapshots: { every: 1_000 } });
    await store.execute(account, "42", "depositOften", { times: 5 });
    await store.execute(account, "43", "depositOften", { times: 5 });
  });
  afterEach(async () => {
    await store.close();
    await log[Symbol.asyncDispose]();
  });

  test("finds nothing wrong with those that were taken", async () => {
    await store.snapshot(account, "42");
    await store.execute(account, "42", "deposit", { amount: 1 });
    await store.snapshot(account, "42");
    expect(await store.verify({ snapshotsOf: [account] })).toMatchObject({ isSound: true, problemCount: 0 });
  });

  test("finds a state of which an event is missing, a place that is another one, and one beyond the end", async () => {
    await store.snapshots.save(
      await aSnapshot({ revision: 4, position: 5, state: { balance: 4, transactions: 4 } }),
    );
    await store.snapshots.save(
      await aSnapshot({ revision: 3, position: 3, state: { balance: 4, transactions: 4 } }),
    );
    expect(await store.verify()).toMatchObject({ isSound: true });
    const kept = await store.snapshots.list(key.stream);
    // No store takes it any more; one that was written before may have it.
    const ahead = await aSnapshot({ revision: 7, position: 8, state: { balance: 8, transactions: 8 } });
    const list = vi.spyOn(store.snapshots, "list");
    list.mockImplementation(async (stream) => (stream === key.stream ? [ahead, ...kept] : []));
    const differs = "is not the state that its events lead to";
    expect(new Set(await problemsIn(store))).toEqual(
      new Set([
        `snapshot, account-42: the snapshot of "account" at revision 4 ${differs}`,
        `snapshot, account-42: the snapshot of "account" at revision 3 ${differs}`,
        'snapshot, account-42: the snapshot of "account" at revision 7 lies beyond the last event, at revision 4',
      ]),
    );
  });

  test("finds a damaged one, and nothing once it has been cleared", async () => {
    const state = new Uint8Array([1, 2, 3, 4, 5, 6]);
    await store.snapshots.save({ ...key, revision: 4, takenAt: new Date().toISOString(), state });
    expect(await problemsIn(store)).toEqual([
      expect.stringContaining('the snapshot of "account" at revision 4 is damaged'),
    ]);
    await store.snapshots.clear("account-42");
    expect(await problemsIn(store)).toEqual([]);
  });

  test("passes over snapshots of events that are hidden by now, since loading does", async () => {
    await store.snapshot(account, "42");
    await store.setStreamPolicy("account-42", { truncateBefore: 2 });
    expect(await problemsIn(store)).toEqual([]);
  });

  test("refuses what is no decider", async () => {
    await expect(store.verify({ snapshotsOf: [{} as never] })).rejects.toMatchObject({
      code: "ARGUMENT_INVALID",
      details: { argument: "snapshotsOf[0]" },
    });
    await expect(store.verify({ snapshotsOf: account as never })).rejects.toThrow("snapshotsOf");
  });
});
