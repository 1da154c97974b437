/**
 * Giving up connections whose other end has gone without a word: a network that swallows packets, a machine that was
 * switched off. TCP itself notices only after a quarter of an hour, when something that was sent is never confirmed.
 */
import type { Socket } from "node:net";
import type { PoolClient } from "pg";

/**
 * Runs a statement. When nothing has come from the server and nothing has gone to it for so long, in milliseconds, the
 * connection is ended, and the statement fails as on a lost connection. Whoever takes long but does get answers is left alone.
 */
export async function unlessSilent<Result>(
  client: PoolClient,
  silenceMs: number,
  statement: () => Promise<Result>,
): Promise<Result> {
  let silence: Error | undefined;
  let seen = trafficOf(client);
  const timer = setInterval(() => {
    const traffic = trafficOf(client);
    if (traffic === seen) {
      silence = Object.assign(new Error(`the server was silent for ${silenceMs} ms`), { code: "ETIMEDOUT" });
      // With a statement under way, it drops the connection at once.
      void client.end();
    }
    seen = traffic;
  }, silenceMs);
  try {
    return await statement();
  } catch (error) {
    throw silence ?? error;
  } finally {
    clearInterval(timer);
  }
}

/** Bytes that have come in, and bytes that have gone out. */
function trafficOf(client: PoolClient): number {
  // Public in the driver, but not in its types.
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Socket } }).connection;
  return stream.bytesRead + stream.bytesWritten - stream.writableLength;
}
