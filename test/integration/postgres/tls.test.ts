/**
 * TLS: a server with a certificate of its own, on a server of its own.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "hitherto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startPostgres } from "../../support/postgres-server.ts";
import type { TestServer } from "../../support/postgres-server.ts";
import { runSql } from "../../support/postgres.ts";

/** Far more than it takes. */
const patience = { timeout: 10_000, interval: 10 };

let folder: string;
let certificate: string;
let server: TestServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hitherto-tls-"));
  chmodSync(folder, 0o755);
  certificate = join(folder, "server.crt");
  const key = join(folder, "server.key");
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject];
  execFileSync("openssl", [...request, "-keyout", key, "-out", certificate], { stdio: "pipe" });
  chmodSync(key, 0o600);
  // The server demands that the key is its own user's.
  if (process.getuid?.() === 0) chownSync(key, Number(execFileSync("id", ["-u", "postgres"])), 0);
  server = await startPostgres(["ssl=on", `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`]);
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

test("encrypts every connection, the listening one too, when it trusts the server's certificate", async () => {
  await using store = await open(server.url, { tls: { ca: readFileSync(certificate) } });
  const leave = new AbortController();
  const events: unknown[] = [];
  const reading = collect(store.subscribe({ signal: leave.signal }), events);
  await store.append({ stream: "note-1", events: [{ type: "Noted", data: {} }] });
  await vi.waitFor(async () => {
    const connections = await runSql<{ ssl: boolean; query: string }>(
      `SELECT ssl, query FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'hitherto'`,
      [],
      server.url,
    );
    expect(connections.some(({ query }) => query.startsWith("LISTEN"))).toBe(true);
    expect(connections.every(({ ssl }) => ssl)).toBe(true);
    expect(events).toHaveLength(1);
  }, patience);
  leave.abort();
  await reading;
});

test("takes the authority from the URL", async () => {
  await using store = await open(`${server.url}?sslmode=verify-full&sslrootcert=${certificate}`);
  expect(await store.head()).toBeGreaterThanOrEqual(0);
});

test("refuses a certificate that nobody vouches for with STORE_UNREACHABLE", async () => {
  await expect(open(server.url, { tls: true })).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
    message: expect.stringContaining("self-signed certificate") as unknown,
  });
});

test("refuses a certificate of another host with STORE_UNREACHABLE", async () => {
  const url = server.url.replace("127.0.0.1", "localhost");
  await expect(open(url, { tls: { ca: readFileSync(certificate) } })).rejects.toMatchObject({
    code: "STORE_UNREACHABLE",
    message: expect.stringContaining("altnames") as unknown,
  });
});

async function collect(subscription: AsyncIterable<unknown>, events: unknown[]): Promise<void> {
  for await (const event of subscription) events.push(event);
}
