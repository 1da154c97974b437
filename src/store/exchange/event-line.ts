/**
 * Hitherto's own exchange format: one event a line, as JSON, with the fields of {@link StoredEvent} in a fixed order.
 * Bytes stand in `dataBase64` in place of `data`. See `docs/reference/exchange-formats.md`.
 */
import type { EventMetadata, NewEvent, StoredEvent } from "../../core/event.ts";
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

/**
 * One line of an export, without its line end. The same event always gives the same line.
 *
 * @example
 * ```ts
 * import { encodeEventLine, openMemoryStore } from "hitherto/store";
 * for await (const event of openMemoryStore().read()) console.log(encodeEventLine(event));
 * ```
 */
export function encodeEventLine(event: StoredEvent): string {
  checkOptions(event, "event");
  const { id, stream, revision, position, type, schemaVersion, recordedAt, data, metadata, tags } = event;
  const place = { id, stream, revision, position, type, schemaVersion, recordedAt };
  return data instanceof Uint8Array
    ? JSON.stringify({ ...place, dataBase64: base64Of(data), metadata, tags })
    : JSON.stringify({ ...place, data, metadata, tags });
}

const fieldNames: ReadonlySet<string> = new Set(
  "id stream revision position type schemaVersion recordedAt data dataBase64 metadata tags".split(" "),
);

/**
 * Reads the fields of a line. Needed are `id`, `stream`, `type` and one of `data` and `dataBase64`; an unknown field is
 * refused, as it may be a misspelt one. `position` says where the event stood and is not kept.
 */
export function decodeEventFields(fields: Fields, refuse: Refuse): ExchangedEvent {
  const id = uuidOf(requiredText(fields, "id", refuse), refuse);
  const stream = requiredText(fields, "stream", refuse);
  const revision = revisionOf(fields["revision"], "revision", refuse);
  return { stream, revision, event: { ...decodeNewEventFields(fields, refuse), id } };
}

/**
 * Reads the fields of an event that need not say where it belongs: `type` and one of `data` and `dataBase64` are needed.
 */
export function decodeNewEventFields(fields: Fields, refuse: Refuse): NewEvent {
  for (const name of Object.keys(fields)) {
    if (!fieldNames.has(name)) refuse(`it has an unknown field ${JSON.stringify(name)}`);
  }
  const recordedAt = optionalText(fields, "recordedAt", refuse);
  const id = optionalText(fields, "id", refuse);
  return {
    type: requiredText(fields, "type", refuse),
    data: decodeData(fields, refuse),
    ...(id === undefined ? {} : { id: uuidOf(id, refuse) }),
    ...(fields["schemaVersion"] === undefined ? {} : { schemaVersion: fields["schemaVersion"] as number }),
    ...(fields["metadata"] === undefined ? {} : { metadata: fields["metadata"] as EventMetadata }),
    ...(fields["tags"] === undefined ? {} : { tags: tagsOf(fields["tags"], refuse) }),
    ...(recordedAt === undefined ? {} : { recordedAt }),
  };
}

function decodeData(fields: Fields, refuse: Refuse): unknown {
  const { data, dataBase64 } = fields;
  if (dataBase64 === undefined) return data === undefined ? refuse(`it has no "data"`) : data;
  if (data !== undefined) refuse(`it has both "data" and "dataBase64"`);
  return bytesOf(dataBase64, "dataBase64", refuse);
}

function tagsOf(tags: unknown, refuse: Refuse): readonly string[] {
  if (!Array.isArray(tags)) return refuse(`its "tags" must be an array of strings, not ${kindOf(tags)}`);
  return tags as readonly string[];
}
