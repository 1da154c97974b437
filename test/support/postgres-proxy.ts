/**
 * A proxy between a store and its PostgreSQL server, to cut, hold and filter what goes through. It understands of the
 * protocol only where a message of the server begins and ends, so the server must be reached without TLS.
 */
import { once } from "node:events";
import { createServer, connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";

/** What the proxy does with what goes through it. */
export interface PostgresProxy {
  /** The server's URL, through the proxy. */
  readonly url: string;
  /** Whether new connections are taken. */
  isAccepting: boolean;
  /** Whether notifications are dropped, as a proxy does that lends connections for one transaction. */
  isSwallowingNotifications: boolean;
  /** How many connections go through at present. */
  readonly connections: number;
  /** Ends all connections at once. */
  cut(): void;
  /** Lets nothing through on the present connections any more, and keeps them open. */
  hold(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a proxy before the server of a URL. */
export async function startProxy(url: string): Promise<PostgresProxy> {
  const target = new URL(url);
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  const server = createServer((near) => {
    if (!proxy.isAccepting) return void near.destroy();
    const far = connect(Number(target.port || 5432), target.hostname);
    const pair = { near, far };
    pairs.add(pair);
    const filter = messageFilter((type) => !(type === notification && proxy.isSwallowingNotifications));
    near.on("data", (bytes) => void far.write(bytes));
    far.on("data", (bytes) => void near.write(filter(bytes)));
    for (const [one, other] of [[near, far] as const, [far, near] as const]) {
      one.on("error", () => undefined);
      one.on("close", () => {
        other.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const through = new URL(url);
  through.hostname = "127.0.0.1";
  through.port = String((server.address() as AddressInfo).port);
  const proxy: PostgresProxy = {
    url: through.href,
    isAccepting: true,
    isSwallowingNotifications: false,
    get connections() {
      return pairs.size;
    },
    cut: () => {
      for (const { near } of pairs) near.destroy();
    },
    hold: () => {
      for (const { near, far } of pairs) {
        near.removeAllListeners("data").resume();
        far.removeAllListeners("data").resume();
      }
    },
    [Symbol.asyncDispose]: async () => {
      proxy.isAccepting = false;
      proxy.cut();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}

/** NotificationResponse (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
const notification = "A".charCodeAt(0);

/** Takes what the server sends, in pieces of any size, and gives the whole messages whose type is to pass. */
function messageFilter(passes: (type: number) => boolean): (bytes: Uint8Array) => Uint8Array {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    const passing: Buffer[] = [];
    // A type of one byte, then the length of the message without its type.
    while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
      const end = 1 + rest.readUInt32BE(1);
      if (passes(rest[0]!)) passing.push(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
    return Buffer.concat(passing);
  };
}
