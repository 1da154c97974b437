/**
 * How often, and after which waits, failed work is tried again.
 */

/** Waits grow by `factor` from `delayMs` up to `delayMsMax`, each varied by `jitter`. */
export interface RetryPolicy {
  /** Attempts after the first one. 0 to 1,000; default 5. */
  readonly max?: number | undefined;
  /** Before the first retry, in milliseconds. Default 100. */
  readonly delayMs?: number | undefined;
  /** Default 2. */
  readonly factor?: number | undefined;
  /** Default 10,000. */
  readonly delayMsMax?: number | undefined;
  /** Part of each wait that is random, from 0 to 1, so that those who failed together do not return together. Default 0.5. */
  readonly jitter?: number | undefined;
}
