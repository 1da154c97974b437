import { hash } from "node:crypto";

/**
 * A UUID made of a name, so that the same name has the same UUID on every machine: version 5 (SHA-1), RFC 9562 §5.5.
 *
 * @example
 * ```ts
 * nameBasedUuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com"); // "2ed6657d-e927-568b-95e1-2665a8aea6a2"
 * ```
 */
export function nameBasedUuid(namespace: string, name: string): string {
  const input = Buffer.concat([Buffer.from(namespace.replaceAll("-", ""), "hex"), Buffer.from(name, "utf8")]);
  const bytes = hash("sha1", input, "buffer");
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
