import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { encodeSnapshot } from "../../../src/runtime/snapshot-codec.ts";
import { cliOn } from "../../unit/cli/run-cli.ts";
import { scratchFolder } from "./hitherto-process.ts";

const definitions = `
const account = {
  kind: "decider", name: "account", category: "account", stateVersion: 1, events: {}, ignore: [], decide: {},
  initial: () => ({ balance: 0 }),
  evolve: { Deposited: (state, data) => ({ balance: state.balance + data.amount }) },
};
export default [account];`;

test("compares the snapshots of the deciders in a module with their events", async () => {
  const path = scratchFolder()("deciders.mjs");
  writeFileSync(path, definitions);
  const { store, run } = cliOn();
  const events = [
    { type: "Deposited", data: { amount: 1 } },
    { type: "Deposited", data: { amount: 2 } },
  ];
  await store.append({ stream: "account-42", events });
  const sound = await run(["verify", "--definitions", path]);
  expect(sound).toMatchObject({ exitCode: 0, err: "" });
  const key = { stream: "account-42", name: "account", stateVersion: 1, revision: 1 };
  const state = await encodeSnapshot(key, { state: { balance: 2 }, firstRevision: 0, position: 2 });
  await store.snapshots.save({ ...key, takenAt: new Date().toISOString(), state });
  const damaged = await run(["verify", "--definitions", path]);
  expect(damaged).toMatchObject({ exitCode: 1 });
  expect(damaged.out).toContain(
    'snapshot  the snapshot of "account" at revision 1 is not the state that its events lead to (stream account-42)',
  );
  expect(damaged.out).toContain("The events are sound.");
  expect((await run(["verify"])).exitCode).toBe(0);
});

test("refuses a module without deciders", async () => {
  const path = scratchFolder()("nothing.mjs");
  writeFileSync(path, "export const a = 1;");
  const { exitCode, err } = await cliOn().run(["verify", "--definitions", path]);
  expect(exitCode).toBe(2);
  expect(err).toContain("exports no decider");
});
