/**
 * PgBouncer before the PostgreSQL server of a test run, lending connections for one transaction at a time. It is a program
 * of the system (`apt-get install pgbouncer`); where it is missing, the tests that need it are left out with the reason.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./postgres-server.ts";

/** A running PgBouncer. */
export interface PgBouncer {
  /** A URL of the server, through the proxy. */
  through(url: string): string;
  stop(): Promise<void>;
}

/** Administrators' programs are not in everybody's path. */
const env = {
  ...process.env,
  PATH: [process.env["PATH"] ?? "", "/usr/sbin", "/usr/local/sbin"].join(delimiter),
};

/** Why there can be no PgBouncer; undefined where there can. */
export function whyNoPgBouncer(): string | undefined {
  const { error } = spawnSync("pgbouncer", ["--version"], { env });
  return error && "there is no program pgbouncer here (Debian: apt-get install pgbouncer)";
}

/** Starts one with few connections to the server that a URL names, so that clients share them. */
export async function startPgBouncer(url: string): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), "hitherto-pgbouncer-"));
  const port = await freePort();
  const file = join(folder, "pgbouncer.ini");
  writeFileSync(file, settingsFor(new URL(url), port));
  chmodSync(folder, 0o755);
  // It refuses to serve as root.
  const user = process.getuid?.() === 0 ? ["-u", "postgres"] : [];
  const child = spawn("pgbouncer", ["-q", ...user, file], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`PgBouncer has ended: ${said}`);
    await delay(20);
  }
  return {
    through: (target) => {
      const through = new URL(target);
      [through.hostname, through.port] = ["127.0.0.1", String(port)];
      return through.href;
    },
    stop: async () => {
      // At once, with whatever is under way.
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function settingsFor({ hostname, port, username, password }: URL, listenPort: number): string {
  const login = `user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}`;
  return `[databases]
* = host=${hostname} port=${port || 5432} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 6
max_client_conn = 500
`;
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
