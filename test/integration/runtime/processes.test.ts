import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { open } from "../../../src/runtime/open.ts";
import { makeScratch } from "../sqlite/scratch.ts";
import type { Scratch } from "../sqlite/scratch.ts";
import { orders } from "./stored-model.ts";

const program = fileURLToPath(new URL("runner-process.ts", import.meta.url));

let scratch: Scratch;
let path: string;
let store: Hitherto;

beforeEach(async () => {
  scratch = makeScratch();
  path = scratch.path();
  store = await open(path);
});

afterEach(async () => {
  await store.close();
  scratch[Symbol.dispose]();
});

/** Starts a process that runs the read model; resolves when it has caught up. */
async function startRunner(...given: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, path, ...given], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

async function place(id: string, total: number): Promise<number> {
  const events = [{ type: "OrderPlaced", data: { customer: "ada", total } }];
  return (await store.append({ stream: `order-${id}`, events })).position;
}

test("a reader waits for what another process appends, and follows it live", async () => {
  await place("1", 10);
  await startRunner();
  const model = store.readModel(orders);
  const position = await place("2", 20);
  expect((await model.get("2", { waitFor: position })).document).toMatchObject({ total: 20 });

  const changes = model.live({ where: { total: { gt: 25 } } })[Symbol.asyncIterator]();
  const next = changes.next();
  await place("3", 30);
  expect((await next).value).toMatchObject({ kind: "added", key: "3", document: { total: 30 } });
  await changes.return?.();
});

test("a process that is killed is known to be gone at the first look", async () => {
  await place("1", 10);
  const child = await startRunner();
  const { owner } = await store.projections.status("orders");
  expect(owner).toBe(`${hostname()}/${child.pid}`);
  child.kill("SIGKILL");
  await once(child, "exit");
  const { state, owner: none } = await store.projections.status("orders");
  expect({ state, none }).toEqual({ state: "idle", none: undefined });
});

test("another process goes on at once after a kill, without waiting for the lease time", async () => {
  const child = await startRunner();
  child.kill("SIGKILL");
  await once(child, "exit");
  const runner = await store.runProjections([orders], { leaseMs: 3_600_000 });
  const position = await place("1", 10);
  const { document } = await store.readModel(orders).get("1", { waitFor: position, timeoutMs: 20_000 });
  expect(document).toMatchObject({ total: 10 });
  await runner.stop();
});

test("what runs keeps its process alive, and what was stopped does not", async () => {
  const [running, stopped] = await Promise.all([startRunner(), startRunner("stop")]);
  const [code] = (stopped.exitCode === null ? await once(stopped, "exit") : [stopped.exitCode]) as [number];
  expect(code).toBe(0);
  await sleep(300);
  expect(running.exitCode).toBeNull();
});
