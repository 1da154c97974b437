/**
 * Tells when the log or the read side may have changed, whoever wrote.
 *
 * Writes of this handle are told at once by {@link Listener.notify}. Those of others come in two ways: by a notification
 * of PostgreSQL on one connection that listens, and by a poll, which compares one small value. The notification makes
 * it fast, the poll makes it sure.
 *
 * The connection that listens is in one of these states:
 * - **idle**: nobody has watched yet, and there is none. The first watcher begins an attempt.
 * - **attempting**: it connects and says LISTEN; then everybody is woken, because notifications in between were missed;
 *   then a notification is sent over another connection. When it arrives, the state is `listening`. A proxy that lends
 *   connections for one transaction takes the LISTEN and swallows the notifications: no proof arrives. The next attempt
 *   begins after a pause: one that doubles where there was no connection, a long one where there was no proof.
 * - **listening**: the proof is asked for again from time to time, since a connection can die without a word. When it
 *   does not arrive, or the connection ends, the next attempt begins at once. When it can not even be sent, since all
 *   connections of the pool are in use, an answer on the connection itself will do.
 * - **closed**, for good.
 *
 * That it listens no more is told, and that it does again.
 *
 * While anybody watches, the poll runs in every state but `closed`: seldom while `listening`, often otherwise.
 */
import { createHash, randomUUID } from "node:crypto";
import { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { HithertoError } from "../core/errors.ts";
import { callAll } from "../store/listeners.ts";
import { Outage } from "../store/outage.ts";
import { loadDriver } from "./driver.ts";
import { quoteName } from "./identifiers.ts";
import { toConnectError } from "./postgres-errors.ts";
import type { Database } from "./session.ts";

/** How long a listener waits for what, in milliseconds. */
export interface ListenerTimings {
  /** Between two polls while notifications are known to arrive. */
  readonly slowPollMs: number;
  /** Between two polls while they are not. */
  readonly fastPollMs: number;
  /** How long a proof may take to arrive. */
  readonly proofMs: number;
  /** Between two proofs while listening. */
  readonly proofEveryMs: number;
  /** The pause after the first failed attempt; it doubles up to {@link ListenerTimings.pauseMaxMs}. */
  readonly firstPauseMs: number;
  readonly pauseMaxMs: number;
  /** The pause after an attempt without a proof: long, since each one leaves a LISTEN behind in a proxy's connection. */
  readonly unprovenPauseMs: number;
}

/** The timings of every store. */
export const listenerTimings: ListenerTimings = {
  slowPollMs: 1000,
  fastPollMs: 50,
  proofMs: 2000,
  proofEveryMs: 15_000,
  firstPauseMs: 50,
  pauseMaxMs: 5000,
  unprovenPauseMs: 60_000,
};

/** What a listener is made of. */
export interface ListenerParts {
  readonly database: Database;
  /** Gives a value that differs whenever something has changed. */
  readonly probe: () => Promise<string>;
  readonly timings?: ListenerTimings | undefined;
  /** A number from 0 up to 1, for the jitter of pauses. */
  readonly random?: (() => number) | undefined;
}

/** The name under which writers of a schema notify: any text makes one of the length that PostgreSQL takes. */
export function channelOf(schema: string): string {
  return `hitherto_${createHash("sha256").update(schema).digest("hex").slice(0, 32)}`;
}

const proofPrefix = "proof:";

/** What became of a proof: it arrived here, was sent and did not, or could not be sent. */
type Proof = "arrived" | "missing" | "unsent";

/** The watchers of one handle. */
export class Listener {
  /** What writers of this handle send with a notification, so that it does not wake the handle a second time. */
  readonly handle: string = randomUUID();
  readonly channel: string;
  readonly #parts: ListenerParts;
  readonly #timings: ListenerTimings;
  readonly #watchers = new Set<() => void>();
  readonly #proofs = new Map<string, () => void>();
  readonly #closing = new AbortController();
  readonly #outage: Outage;
  #isListening = false;
  #attempts: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isPolling = false;
  #seen: string | undefined;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#timings = parts.timings ?? listenerTimings;
    this.channel = channelOf(parts.database.schema);
    const { store: definition, report } = parts.database;
    this.#outage = new Outage((error, isOver) =>
      report({ operation: "listener", definition, error, isOver }),
    );
  }

  /** Whether notifications of others are known to arrive; otherwise polls find what they write. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /** Calls `watcher` whenever something may have changed, until the returned function is called. */
  watch(watcher: () => void): () => void {
    if (this.#closing.signal.aborted) return () => undefined;
    this.#watchers.add(watcher);
    this.#attempts ??= this.#keepListening();
    if (this.#watchers.size === 1) this.#beginPolling();
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) clearTimeout(this.#timer);
    };
  }

  /** Wakes everybody in this handle. */
  notify(): void {
    callAll(this.#watchers);
  }

  /** Ends the connection. Watchers stay, to be woken a last time by whoever closes. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#attempts;
  }

  async #keepListening(): Promise<void> {
    const { firstPauseMs, pauseMaxMs, unprovenPauseMs } = this.#timings;
    const { random = Math.random } = this.#parts;
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      const beganAt = performance.now();
      const outcome = await this.#listen().catch((error: unknown) =>
        this.#fail(toConnectError(error, this.#parts.database.store, { beganAt })),
      );
      failures = outcome === "failed" ? failures + 1 : 0;
      if (outcome === "lost") continue;
      const failedPauseMs = Math.min(pauseMaxMs, firstPauseMs * 2 ** (failures - 1));
      const pauseMs = outcome === "unproven" ? unprovenPauseMs : failedPauseMs;
      await delay(pauseMs * (0.5 + random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }

  /** One connection from its beginning to its end: lost after it was proven to listen, never proven, or failed before. */
  async #listen(): Promise<"lost" | "unproven" | "failed"> {
    const { database } = this.#parts;
    const { Client } = await loadDriver(database.store);
    this.#closing.signal.throwIfAborted();
    // Our own, to be able to drop a connection whose other end does not answer.
    const socket = new Socket();
    const drop = (): void => void socket.destroy();
    const client = new Client({
      ...database.driver,
      stream: () => socket,
      query_timeout: this.#timings.proofMs,
    });
    let problem = "it was ended, or its proof did not arrive";
    let hasEnded = false;
    const ended = new Promise<void>((resolve) => {
      client.once("end", resolve);
      client.on("error", ({ message }) => {
        problem = message;
        resolve();
      });
    }).then(() => {
      hasEnded = true;
    });
    client.on("notification", ({ payload }) => this.#receive(payload));
    this.#closing.signal.addEventListener("abort", drop, { once: true });
    try {
      await client.connect();
      await client.query(`LISTEN ${quoteName(this.channel)}`);
      this.notify();
      const wasProven = await this.#listenWhileProven(ended, () => client.query("SELECT"));
      if (!wasProven) return hasEnded ? "failed" : "unproven";
      this.#fail(
        new HithertoError("STORE_UNREACHABLE", { store: database.store, problem: lostWords(problem) }),
      );
      return "lost";
    } finally {
      this.#closing.signal.removeEventListener("abort", drop);
      this.#setListening(false);
      drop();
    }
  }

  #fail(error: unknown): "failed" {
    if (!this.#closing.signal.aborted) this.#outage.failed(error);
    return "failed";
  }

  async #listenWhileProven(ended: Promise<void>, ask: () => Promise<unknown>): Promise<boolean> {
    const { proofMs, proofEveryMs } = this.#timings;
    for (let wasProven = false; ;) {
      const proof = await this.#prove(ended);
      if (proof === "arrived") {
        wasProven = true;
        this.#setListening(true);
      } else if (proof === "missing" || !(await answers(ask))) {
        return wasProven;
      }
      await this.#orEnd(ended, proof === "arrived" ? proofEveryMs : proofMs);
    }
  }

  /** Sends a notification over another connection, and waits for it. */
  async #prove(ended: Promise<void>): Promise<Proof> {
    const { database } = this.#parts;
    const payload = `${proofPrefix}${randomUUID()}`;
    let proof: Proof = "unsent";
    const arrival = new Promise<void>((resolve) => {
      this.#proofs.set(payload, () => {
        proof = "arrived";
        resolve();
      });
    });
    try {
      const sent = database.query("SELECT pg_notify($1, $2)", [this.channel, payload]).then(
        () => {
          if (proof === "unsent") proof = "missing";
        },
        () => undefined,
      );
      await this.#orEnd(Promise.race([ended, Promise.all([sent, arrival])]), this.#timings.proofMs);
      return proof;
    } finally {
      this.#proofs.delete(payload);
    }
  }

  /** Waits for something, for no longer than a time. */
  async #orEnd(something: Promise<unknown>, timeoutMs: number): Promise<void> {
    const enough = new AbortController();
    const timeout = delay(timeoutMs, undefined, { signal: enough.signal }).catch(() => undefined);
    try {
      await Promise.race([something, timeout]);
    } finally {
      enough.abort();
    }
  }

  #receive(payload: string | undefined): void {
    const prove = this.#proofs.get(payload ?? "");
    if (prove !== undefined) prove();
    else if (payload !== this.handle && payload?.startsWith(proofPrefix) !== true) this.notify();
  }

  #setListening(isListening: boolean): void {
    const hasStopped = this.#isListening && !isListening;
    this.#isListening = isListening;
    if (isListening) this.#outage.passed();
    if (hasStopped) this.#schedulePoll();
  }

  /** The first poll finds a change, for something may have happened since the last watcher looked. */
  #beginPolling(): void {
    this.#seen = undefined;
    this.#schedulePoll();
  }

  #schedulePoll(): void {
    clearTimeout(this.#timer);
    if (this.#isPolling || this.#watchers.size === 0 || this.#closing.signal.aborted) return;
    const { slowPollMs, fastPollMs } = this.#timings;
    this.#timer = setTimeout(() => void this.#poll(), this.#isListening ? slowPollMs : fastPollMs);
  }

  /** A poll that fails is no news: watchers would only meet the same error. The next one may find the server back. */
  async #poll(): Promise<void> {
    this.#isPolling = true;
    const seen = await this.#parts.probe().catch(() => this.#seen);
    this.#isPolling = false;
    if (seen !== this.#seen && !this.#closing.signal.aborted) {
      this.#seen = seen;
      this.notify();
    }
    this.#schedulePoll();
  }
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch {
    return false;
  }
}

function lostWords(problem: string): string {
  return `the connection that listens was lost (${problem}), so what others write is found by polls until there is another one`;
}
