/**
 * Event ids that follow from an idempotency key. Whoever runs the same command again makes the same ids, so the store
 * itself, which keeps ids unique, decides which of two racing attempts was the first.
 */
import { createHash } from "node:crypto";

/**
 * The id of the event at `index` of the decision made under a key: a name-based UUID of version 8 from SHA-256
 * (RFC 9562, appendix B.2). `scope` keeps apart what may use the same key for different things.
 *
 * @example
 * ```ts
 * import { eventIdFor } from "./event-ids.ts";
 * eventIdFor(["account", "42"], "request-7", 0) === eventIdFor(["account", "42"], "request-7", 0); // true
 * ```
 */
export function eventIdFor(scope: readonly string[], key: string, index: number): string {
  // JSON keeps ["a", "bc"] and ["ab", "c"] apart, whatever characters the parts hold.
  const name = JSON.stringify(["hitherto", ...scope, key, index]);
  const bytes = createHash("sha256").update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
