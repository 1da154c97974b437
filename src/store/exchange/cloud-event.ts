/**
 * CloudEvents 1.0 in its JSON format, one event a line
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
 *
 * An event of ours is told by the extension attribute `streamrevision`; it comes back exactly as it went out. Any other
 * CloudEvent is a foreign one: its `subject` (or, without one, its `source`) names the stream, and what has no place
 * in our event is kept in its metadata under `cloudevent`. The mapping is a table in
 * `docs/reference/exchange-formats.md`.
 */
import { createHash } from "node:crypto";
import type { EventMetadata, StoredEvent } from "../../core/event.ts";
import { parseExactJson } from "../../core/exact-json.ts";
import { momentMs, uuidPattern } from "../check-input.ts";
import { checkOptions } from "../read-options.ts";
import {
  base64Of,
  bytesOf,
  kindOf,
  optionalText,
  requiredText,
  revisionOf,
  uuidOf,
} from "./exchanged-event.ts";
import type { ExchangedEvent, Fields, Refuse } from "./exchanged-event.ts";

/** A CloudEvent in the JSON format. Attributes beyond the named ones are extension attributes. */
export interface CloudEventJson {
  readonly specversion: "1.0";
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly data?: unknown;
  readonly data_base64?: string;
  readonly [extension: string]: unknown;
}

/** How events become CloudEvents. */
export interface CloudEventOptions {
  /** The `source` attribute, a URI reference. Default: `/streams/` and the stream's name, percent-encoded. */
  readonly source?: string | undefined;
}

/**
 * The event as a CloudEvent; nothing of it is lost.
 *
 * @example
 * ```ts
 * import { openMemoryStore, toCloudEvent } from "hitherto/store";
 * for await (const event of openMemoryStore().read()) console.log(toCloudEvent(event).source);
 * ```
 */
export function toCloudEvent(event: StoredEvent, options: CloudEventOptions = {}): CloudEventJson {
  checkOptions(event, "event");
  checkOptions(event.metadata, "event.metadata");
  checkOptions(event.tags, "event.tags");
  checkOptions(options);
  const { stream, data, schemaVersion, tags } = event;
  const { attributes, rest } = splitMetadata(event.metadata);
  return {
    specversion: "1.0",
    id: event.id,
    source: options.source ?? `/streams/${encodeURIComponent(stream)}`,
    type: event.type,
    subject: stream,
    time: event.recordedAt,
    // Positions and revisions may outgrow the 32 bits of a CloudEvents integer.
    streamrevision: String(event.revision),
    logposition: String(event.position),
    schemaversion: schemaVersion,
    ...attributes,
    ...(tags.length === 0 ? {} : { tags: jsonAttribute(tags) }),
    ...(rest === undefined ? {} : { metadata: jsonAttribute(rest) }),
    ...(data instanceof Uint8Array
      ? { datacontenttype: "application/octet-stream", data_base64: base64Of(data) }
      : { datacontenttype: "application/json", data }),
  };
}

/** Reads the attributes of a CloudEvent, ours or a foreign one. */
export function decodeCloudEventFields(fields: Fields, refuse: Refuse): ExchangedEvent {
  const set = withoutNulls(fields, refuse);
  const version = requiredText(set, "specversion", refuse);
  if (version !== "1.0") refuse(`its "specversion" is ${JSON.stringify(version)}; only "1.0" is known`);
  for (const name of ["id", "source", "type"]) requiredText(set, name, refuse);
  return set["streamrevision"] === undefined ? decodeForeign(set, refuse) : decodeOwn(set, refuse);
}

/** Metadata with an attribute of its own, where CloudEvents documents one. */
const metadataAttributes = {
  correlationId: "correlationid",
  causationId: "causationid",
  traceparent: "traceparent",
  tracestate: "tracestate",
} as const;

/** The metadata that attributes can carry, and the rest; undefined if nothing is left. */
function splitMetadata(metadata: EventMetadata): { attributes: Fields; rest: EventMetadata | undefined } {
  const attributes: Record<string, string> = {};
  const rest: Record<string, unknown> = { ...metadata };
  for (const [key, attribute] of Object.entries(metadataAttributes)) {
    const value = metadata[key];
    if (!isAttributeText(value)) continue;
    attributes[attribute] = value;
    delete rest[key];
  }
  return { attributes, rest: Object.keys(rest).length === 0 ? undefined : rest };
}

// What the String type of CloudEvents excludes: control characters and code points that are no characters.
const noAttributeText = /[\p{Cc}\p{Noncharacter_Code_Point}]/u;

function isAttributeText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.isWellFormed() && !noAttributeText.test(value);
}

/** JSON as an attribute's text; what the text may not hold is escaped within the JSON. */
function jsonAttribute(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Noncharacter_Code_Point}]/gu, (character) =>
    character.split("").map(escapeUnit).join(""),
  );
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function decodeOwn(fields: Fields, refuse: Refuse): ExchangedEvent {
  const rest = parseAttribute(fields, "metadata", refuse) ?? {};
  if (kindOf(rest) !== "an object") refuse(`its "metadata" must hold a JSON object, not ${kindOf(rest)}`);
  const tags = parseAttribute(fields, "tags", refuse) ?? [];
  if (!Array.isArray(tags)) refuse(`its "tags" must hold a JSON array, not ${kindOf(tags)}`);
  return {
    stream: requiredText(fields, "subject", refuse),
    revision: revisionOf(fields["streamrevision"], "streamrevision", refuse),
    event: {
      id: uuidOf(requiredText(fields, "id", refuse), refuse),
      type: requiredText(fields, "type", refuse),
      data: decodeData(fields, refuse),
      schemaVersion: (fields["schemaversion"] as number | undefined) ?? 1,
      metadata: { ...metadataFrom(fields), ...(rest as EventMetadata) },
      tags: tags as readonly string[],
      recordedAt: recordedAtOf(fields, refuse),
    },
  };
}

function parseAttribute(fields: Fields, name: string, refuse: Refuse): unknown {
  const text = optionalText(fields, name, refuse);
  if (text === undefined) return undefined;
  const { value, problem } = parseExactJson(text);
  return problem === undefined ? value : refuse(`its "${name}" must hold JSON: ${problem}`);
}

function decodeForeign(fields: Fields, refuse: Refuse): ExchangedEvent {
  const source = requiredText(fields, "source", refuse);
  const originalId = requiredText(fields, "id", refuse);
  const id = uuidPattern.test(originalId) ? originalId.toLowerCase() : uuidFrom(source, originalId);
  const recordedAt = recordedAtOf(fields, refuse);
  return {
    stream: optionalText(fields, "subject", refuse) ?? source,
    revision: undefined,
    event: {
      id,
      type: requiredText(fields, "type", refuse),
      data: decodeData(fields, refuse),
      metadata: { ...metadataFrom(fields), cloudevent: leftover(fields, { id, recordedAt }) },
      ...(recordedAt === undefined ? {} : { recordedAt }),
    },
  };
}

/** Attributes that always find their place in our event. */
const placed: ReadonlySet<string> = new Set([
  ..."specversion type subject data data_base64".split(" "),
  ...Object.values(metadataAttributes),
]);

/** The attributes of a foreign event that our event does not hold elsewhere. */
function leftover(fields: Fields, held: { id: string; recordedAt: string | undefined }): Fields {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (placed.has(name) || (name === "id" && value === held.id)) continue;
    if (name === "time" && value === held.recordedAt) continue;
    if (name === "datacontenttype" && value === "application/json" && !("data_base64" in fields)) continue;
    kept[name] = value;
  }
  return kept;
}

function metadataFrom(fields: Fields): EventMetadata {
  const metadata: Record<string, unknown> = {};
  for (const [key, attribute] of Object.entries(metadataAttributes)) {
    if (fields[attribute] !== undefined) metadata[key] = fields[attribute];
  }
  return metadata;
}

/** An attribute that is `null` is an attribute that is not set; `data` is no attribute. */
function withoutNulls(fields: Fields, refuse: Refuse): Fields {
  const set: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (!/^[a-z0-9]+$/.test(name) && name !== "data_base64") {
      refuse(`its attribute ${JSON.stringify(name)} is not named in lower-case letters and digits`);
    }
    if (value !== null || name === "data") set[name] = value;
  }
  return set;
}

/** An event without data has `null` for data. */
function decodeData(fields: Fields, refuse: Refuse): unknown {
  const { data, data_base64: base64 } = fields;
  if (base64 === undefined) return data ?? null;
  if (data !== undefined) refuse(`it has both "data" and "data_base64"`);
  return bytesOf(base64, "data_base64", refuse);
}

// RFC 3339 allows small letters for T and Z.
const timestampPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function recordedAtOf(fields: Fields, refuse: Refuse): string | undefined {
  const time = optionalText(fields, "time", refuse)?.toUpperCase();
  if (time === undefined) return undefined;
  const ms = timestampPattern.test(time) ? momentMs(time) : undefined;
  if (ms === undefined) return refuse(`its "time" is not an RFC 3339 timestamp of the years 1970 to 9999`);
  return new Date(ms).toISOString();
}

/** The namespace of ids made from a CloudEvent's source and id. */
const namespace = "b4f0f7c9-7a3e-4d53-9d2c-5f1c8e6a0b1d";

/**
 * A version-5 UUID (RFC 9562 §5.5) of source and id, which together identify a CloudEvent. The name is the JSON array
 * of the two, so that no two pairs give the same name.
 */
function uuidFrom(source: string, id: string): string {
  const hash = createHash("sha1")
    .update(namespace.replaceAll("-", ""), "hex")
    .update(JSON.stringify([source, id]))
    .digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
