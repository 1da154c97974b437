/**
 * Ids for events whose writer gives none.
 */
import { randomFillSync } from "node:crypto";

const random = Buffer.alloc(10);

/**
 * Makes a version-7 UUID (RFC 9562, 5.7): 48 bits of milliseconds since 1970, the rest random.
 */
export function uuidV7(nowMs: number): string {
  randomFillSync(random);
  const time = nowMs.toString(16).padStart(12, "0");
  random.writeUInt8((random.readUInt8(0) & 0x0f) | 0x70, 0);
  random.writeUInt8((random.readUInt8(2) & 0x3f) | 0x80, 2);
  const rest = random.toString("hex");
  return `${time.slice(0, 8)}-${time.slice(8)}-${rest.slice(0, 4)}-${rest.slice(4, 8)}-${rest.slice(8)}`;
}
