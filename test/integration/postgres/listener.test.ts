/**
 * How a handle learns that others have written: here what changes is a number in a table of the test.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Diagnostic } from "hitherto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { planConnection } from "../../../src/postgres/connection-plan.ts";
import { channelOf, Listener, listenerTimings } from "../../../src/postgres/listener.ts";
import type { ListenerTimings } from "../../../src/postgres/listener.ts";
import { Database } from "../../../src/postgres/session.ts";
import { startProxy } from "../../support/postgres-proxy.ts";
import type { PostgresProxy } from "../../support/postgres-proxy.ts";
import { freshSchema, postgresUrl, runSql } from "../../support/postgres.ts";

/** Far more than it takes. */
const patience = { timeout: 10_000, interval: 5 };

const never = 1_000_000;
const quick = { ...listenerTimings, proofMs: 200, firstPauseMs: 5, pauseMaxMs: 20, unprovenPauseMs: 20 };
/** With these only notifications, and what a new connection does, can wake anybody. */
const withoutPolls: ListenerTimings = { ...quick, slowPollMs: never, fastPollMs: never };

let listeners: Listener[];
let databases: Database[];
let proxy: PostgresProxy;
let schema: string;
let probes: number;
let told: Diagnostic[];
let value: string;

beforeEach(async () => {
  [listeners, databases, probes, value, told] = [[], [], 0, "0", []];
  schema = freshSchema().name;
  proxy = await startProxy(postgresUrl());
});

afterEach(async () => {
  for (const listener of listeners) await listener.close();
  for (const database of databases) await database.close();
  await proxy[Symbol.asyncDispose]();
});

/** A listener whose own connections go through the proxy. */
async function aListener(timings: ListenerTimings): Promise<Listener> {
  const onError = (diagnostic: Diagnostic): void => void told.push(diagnostic);
  const database = await Database.open(planConnection(proxy.url, { schema, connectionsMax: 2, onError }));
  const probe = (): Promise<string> => {
    probes += 1;
    return value === "fails" ? Promise.reject(new Error("no server")) : Promise.resolve(value);
  };
  const listener = new Listener({ database, probe, timings, random: () => 0.5 });
  listeners.push(listener);
  databases.push(database);
  return listener;
}

/** What another process does after it has written. */
function notifyFromElsewhere(payload = "another handle"): Promise<unknown> {
  return runSql("SELECT pg_notify($1, $2)", [channelOf(schema), payload]);
}

function untilListening(listener: Listener, isListening = true): Promise<void> {
  return vi.waitFor(() => expect(listener.isListening).toBe(isListening), patience);
}

test("wakes every watcher when another handle notifies, through one connection", async () => {
  const listener = await aListener(withoutPolls);
  const [first, second] = [vi.fn(), vi.fn()];
  const before = proxy.connections;
  listener.watch(first);
  listener.watch(second);
  await untilListening(listener);
  expect(proxy.connections).toBe(before + 1);
  first.mockClear();
  second.mockClear();
  await notifyFromElsewhere();
  await vi.waitFor(
    () => expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 1]),
    patience,
  );
});

test("leaves out the notifications of its own handle, proofs, and those of other schemas", async () => {
  const listener = await aListener(withoutPolls);
  const watcher = vi.fn();
  listener.watch(watcher);
  await untilListening(listener);
  watcher.mockClear();
  await notifyFromElsewhere(listener.handle);
  await notifyFromElsewhere("proof:of another handle");
  await runSql("SELECT pg_notify($1, '')", [channelOf("another schema")]);
  await notifyFromElsewhere();
  await vi.waitFor(() => expect(watcher).toHaveBeenCalled(), patience);
  expect(watcher).toHaveBeenCalledTimes(1);
});

test("wakes watchers for a notification that it missed while it reconnected", async () => {
  const listener = await aListener(withoutPolls);
  const watcher = vi.fn();
  listener.watch(watcher);
  await untilListening(listener);
  proxy.isAccepting = false;
  proxy.cut();
  await untilListening(listener, false);
  watcher.mockClear();
  await notifyFromElsewhere();
  await delay(50);
  expect(watcher).not.toHaveBeenCalled();
  proxy.isAccepting = true;
  await vi.waitFor(() => expect(watcher).toHaveBeenCalled(), patience);
  await untilListening(listener);
  watcher.mockClear();
  await notifyFromElsewhere();
  await vi.waitFor(() => expect(watcher).toHaveBeenCalled(), patience);
});

test("takes a connection that has gone silent for lost, and listens on another one", async () => {
  const listener = await aListener({ ...withoutPolls, proofEveryMs: 50 });
  const watcher = vi.fn();
  listener.watch(watcher);
  await untilListening(listener);
  proxy.hold();
  await untilListening(listener, false);
  // The network ends what it holds, which the pool needs to go on.
  proxy.cut();
  await untilListening(listener);
  watcher.mockClear();
  await notifyFromElsewhere();
  await vi.waitFor(() => expect(watcher).toHaveBeenCalled(), patience);
});

test("says that it listens no more, and that it does again", async () => {
  const listener = await aListener(withoutPolls);
  listener.watch(() => undefined);
  await untilListening(listener);
  expect(told).toEqual([]);
  proxy.isAccepting = false;
  proxy.cut();
  await vi.waitFor(() => expect(told).toHaveLength(1), patience);
  const { store: definition } = databases[0]!;
  const error = { code: "STORE_UNREACHABLE", message: expect.stringContaining("found by polls") };
  expect(told).toMatchObject([{ operation: "listener", definition, error, isOver: false }]);
  // Many failed attempts are one outage.
  await delay(200);
  proxy.isAccepting = true;
  await untilListening(listener);
  expect(told.filter(({ operation }) => operation === "listener")).toMatchObject([
    { isOver: false },
    { isOver: true, error: { code: "STORE_UNREACHABLE" } },
  ]);
});

test("listens on while all connections of the pool are in use, so that no proof can be sent", async () => {
  const listener = await aListener({ ...withoutPolls, proofEveryMs: 20 });
  const watcher = vi.fn();
  listener.watch(watcher);
  await untilListening(listener);
  const sleep = (): Promise<unknown> =>
    databases[0]!.withConnection((connection) => connection.query("SELECT pg_sleep(1)"));
  const sleeping = Promise.all([sleep(), sleep()]);
  await delay(quick.proofMs * 3);
  expect(listener.isListening).toBe(true);
  watcher.mockClear();
  await notifyFromElsewhere();
  await vi.waitFor(() => expect(watcher).toHaveBeenCalledTimes(1), patience);
  await sleeping;
  expect([listener.isListening, told]).toEqual([true, []]);
});

test("finds changes by polls behind a proxy that swallows notifications", async () => {
  proxy.isSwallowingNotifications = true;
  const listener = await aListener({ ...quick, slowPollMs: never, fastPollMs: 10 });
  const watcher = vi.fn();
  listener.watch(watcher);
  await delay(quick.proofMs * 2);
  expect(listener.isListening).toBe(false);
  watcher.mockClear();
  value = "1";
  await vi.waitFor(() => expect(watcher).toHaveBeenCalled(), { timeout: 200, interval: 5 });
  proxy.isSwallowingNotifications = false;
  await untilListening(listener);
});

test("polls seldom while it listens, and often again when the connection is lost", async () => {
  const listener = await aListener({ ...quick, slowPollMs: never, fastPollMs: 5 });
  listener.watch(() => undefined);
  await untilListening(listener);
  await delay(20);
  const whileListening = probes;
  await delay(100);
  expect(probes).toBe(whileListening);
  proxy.isAccepting = false;
  proxy.cut();
  await vi.waitFor(() => expect(probes).toBeGreaterThan(whileListening + 5), patience);
});

test("neither connects nor polls while nobody watches", async () => {
  const listener = await aListener({ ...quick, slowPollMs: 5, fastPollMs: 5 });
  const before = proxy.connections;
  await delay(50);
  expect([probes, proxy.connections]).toEqual([0, before]);
  const unwatch = listener.watch(() => undefined);
  await vi.waitFor(() => expect(probes).toBeGreaterThan(2), patience);
  unwatch();
  await delay(20);
  const after = probes;
  await delay(50);
  expect(probes).toBe(after);
});

test("wakes a new watcher for what was written after the last one left", async () => {
  const listener = await aListener({ ...quick, slowPollMs: 5, fastPollMs: 5 });
  const unwatch = listener.watch(() => undefined);
  await vi.waitFor(() => expect(probes).toBeGreaterThan(2), patience);
  unwatch();
  const watcher = vi.fn();
  listener.watch(watcher);
  await vi.waitFor(() => expect(watcher).toHaveBeenCalled(), patience);
});

test("takes a failed poll for no news, and goes on polling", async () => {
  const listener = await aListener({ ...quick, slowPollMs: 5, fastPollMs: 5 });
  const watcher = vi.fn();
  listener.watch(watcher);
  await untilListening(listener);
  await vi.waitFor(() => expect(probes).toBeGreaterThan(2), patience);
  value = "fails";
  watcher.mockClear();
  await delay(50);
  expect(watcher).not.toHaveBeenCalled();
  value = "1";
  await vi.waitFor(() => expect(watcher).toHaveBeenCalledTimes(1), patience);
});

test("ends its connection and its polls when it is closed, also in the middle of an attempt", async () => {
  const listener = await aListener({ ...quick, fastPollMs: 5 });
  const before = proxy.connections;
  listener.watch(() => undefined);
  await untilListening(listener);
  await listener.close();
  await vi.waitFor(() => expect(proxy.connections).toBe(before), patience);
  const after = probes;
  await delay(30);
  expect(probes).toBe(after);
  const attempting = await aListener(quick);
  attempting.watch(() => undefined);
  await attempting.close();
  expect(attempting.isListening).toBe(false);
});
