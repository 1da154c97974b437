/**
 * What a line of an exchange file says, whichever format it is in, and the helpers that the formats share.
 */
import { Buffer } from "node:buffer";
import type { NewEvent } from "../../core/event.ts";
import { limits } from "../../core/limits.ts";
import { uuidPattern } from "../check-input.ts";

/** An event on its way from one store to another. */
export interface ExchangedEvent {
  readonly stream: string;
  /** Its revision where it comes from; undefined when the line does not say. */
  readonly revision: number | undefined;
  readonly event: NewEvent & { readonly id: string };
}

/** Refuses the line at hand with a half-sentence that says what is wrong with it. */
export type Refuse = (problem: string) => never;

/** A parsed JSON object whose fields are still to be checked. */
export type Fields = Readonly<Record<string, unknown>>;

/** The field's text; refused when it is missing, empty or no string. */
export function requiredText(fields: Fields, name: string, refuse: Refuse): string {
  const value = fields[name];
  if (value === undefined) return refuse(`it has no "${name}"`);
  if (typeof value !== "string") return refuse(`its "${name}" must be a string, not ${kindOf(value)}`);
  return value === "" ? refuse(`its "${name}" is empty`) : value;
}

/** The field's text if there is one; `null` is no text. */
export function optionalText(fields: Fields, name: string, refuse: Refuse): string | undefined {
  return fields[name] === undefined ? undefined : requiredText(fields, name, refuse);
}

/** The id in lower case; refused unless it is a UUID. */
export function uuidOf(id: string, refuse: Refuse): string {
  return uuidPattern.test(id) ? id.toLowerCase() : refuse(`its "id" is not a UUID`);
}

/** A revision, or undefined if there is none. Decimal digits in a string will do too. */
export function revisionOf(value: unknown, name: string, refuse: Refuse): number | undefined {
  if (value === undefined) return undefined;
  const revision = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  const max = limits.firstRevisionMax;
  if (typeof revision === "number" && Number.isInteger(revision) && revision >= 0 && revision <= max) {
    return revision;
  }
  return refuse(`its "${name}" must be an integer from 0 to ${max}`);
}

/** The bytes that a base64 text (RFC 4648 §4, padded) stands for. */
export function bytesOf(text: unknown, name: string, refuse: Refuse): Uint8Array {
  if (typeof text !== "string") return refuse(`its "${name}" must be a string, not ${kindOf(text)}`);
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? new Uint8Array(bytes) : refuse(`its "${name}" is not base64`);
}

/** Base64 (RFC 4648 §4, padded) of bytes. */
export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** What a JSON value is, with its article. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
