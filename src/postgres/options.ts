/**
 * How a store on PostgreSQL is opened. What is public here names no type of the driver, which not everyone has.
 */

import type { Diagnostic } from "../store/diagnostic.ts";

/** Options of Node's `tls.connect`: the usual ones by name, the others as Node documents them. */
export interface PostgresTlsOptions {
  /** Certificates of the authorities that are trusted, in PEM; the system's and Node's own when left out. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** The client's certificate in PEM, where the server asks for one. */
  readonly cert?: string | Uint8Array | undefined;
  /** The key of the client's certificate in PEM. */
  readonly key?: string | Uint8Array | undefined;
  readonly passphrase?: string | undefined;
  /** The name that the server's certificate must have, where it is not the host of the URL. */
  readonly servername?: string | undefined;
  /** False takes any certificate, so whoever is on the way can listen and change. Default true. */
  readonly rejectUnauthorized?: boolean | undefined;
  readonly [option: string]: unknown;
}

/** How a store on PostgreSQL is opened. */
export interface PostgresStoreOptions {
  /**
   * `create` (default) makes the store if there is none, and lifts one of an older format; `write` needs it; `read` needs
   * it and refuses every write with `STORE_READ_ONLY`.
   */
  readonly mode?: "create" | "write" | "read" | undefined;
  /** The schema that holds the store, at most 63 bytes long; `?schema=` in the URL says the same. Default `hitherto`. */
  readonly schema?: string | undefined;
  /** True for TLS with a certificate that is checked; `sslmode=` in the URL wins over it. Default: what the URL says. */
  readonly tls?: boolean | PostgresTlsOptions | undefined;
  /** The most connections of this handle, besides the one that listens. Default 10. */
  readonly connectionsMax?: number | undefined;
  /** How long is waited for a connection, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a write waits while others hold the write lock, in milliseconds. Default 30,000. */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * How long an answer to what never takes long is waited for, in milliseconds; then the connection is given up, and the call
   * made again. Writes wait longer by `busyTimeoutMs`. Default 30,000.
   */
  readonly answerTimeoutMs?: number | undefined;
  /**
   * Told when the server can not be reached for more than a second, when nothing is heard of what others write, and when a
   * subscription is held up; and when it is over. Default: a process warning.
   */
  readonly onError?: ((diagnostic: Diagnostic) => void) | undefined;
  /**
   * Gives the time that events are recorded at, of the years 1970 to 9999; any other is refused with `ARGUMENT_INVALID`.
   * Default: the server's clock.
   */
  readonly clock?: (() => Date) | undefined;
}

/** A client of the driver `pg`, out of a pool or not. */
export interface PostgresClient {
  // Of the many ways to call it, one is used.
  readonly query: (...args: never[]) => unknown;
}
