/**
 * The statement that reads one page: built from the structure of a filter; what callers say goes into parameters only.
 *
 * Filters with an index are answered through it, whatever the planner believes of the data: each tag, type, category or
 * alternative of a query is an arm of its own, which walks its entries in the order of the read and stops at the size
 * of the page. Everything else, and a filter that lets most events pass, walks the log or the stream itself, a window of positions or revisions at a time, so that no
 * statement lasts for long, even where the planner thinks of sorting.
 *
 * A statement that is not told where to end finds the end itself, and returns it, also when it finds no event. So what
 * a page has covered is known from the page alone: an end that another statement finds may be a later one.
 */
import type { EventFilter, Query, QueryItem } from "../core/query.ts";
import { unbounded } from "../store/read-options.ts";
import { headOfLog, isKept, lastRevisionOf, millisecondsOf, nowOr } from "./log-expressions.ts";
import { storedText } from "./stored-text.ts";

/** Which page to read. */
export interface PageRequest {
  /** Undefined for the whole log. */
  readonly stream: string | undefined;
  /** Positions, or revisions of the stream; both included. */
  readonly from: number;
  /** Undefined for the end of the log or stream. */
  readonly to: number | undefined;
  /** How many positions or revisions are walked over, counted from where the read begins; undefined for all, by an index if any. */
  readonly window: number | undefined;
  readonly backwards: boolean;
  /** At most this many events. */
  readonly size: number;
  readonly filter: EventFilter | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
  /** Milliseconds since 1970; undefined for the server's clock. */
  readonly nowMs: number | undefined;
}

/** A statement and its values. */
export interface PageStatement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** What is read of an event, in the order of `EventRow`; without the end of the log or stream, which may come last. */
const columns = `e.position, e.stream, e.revision, e.type, e.id, e.schema_version, e.data, e.bytes,
  nullif(e.metadata::text, '{}'),
  CASE e.tags WHEN '{}' THEN NULL ELSE array_to_json(e.tags) END, ${millisecondsOf("e.recorded_at")}`;

/** More alternatives than this are not worth an arm each. */
const armsMax = 64;

/** Whether a filter of the log can be answered through an index, without windows. */
export function hasIndex(filter: EventFilter | undefined): boolean {
  return filter !== undefined && chooseIndex(filter) !== undefined;
}

/** The first position above or below `$1`, with an event; or the first revision of the stream `$2`. */
export function nextPlaceSql(ofStream: boolean, backwards: boolean): string {
  const key = ofStream ? "revision" : "position";
  const place = backwards ? `max(e.${key})` : `min(e.${key})`;
  const scope = ofStream ? " AND e.stream = $2" : "";
  return `SELECT ${place} FROM {schema}.events e WHERE e.${key} ${backwards ? "<" : ">"} $1::bigint${scope}`;
}

/** The statement for a page. */
export function pageStatement(request: PageRequest): PageStatement {
  const page = new PageBuilder(request);
  const sql = request.stream === undefined ? page.ofLog() : page.ofStream(request.stream);
  return { sql, values: page.values };
}

/** The statement for the visible event with an id; the values are the id and the time. */
export const eventByIdSql: string = `
SELECT ${columns} FROM {schema}.events e
WHERE e.id = $1 AND ${isKept(nowOr("$2::bigint"))}`;

type Index =
  | { readonly kind: "tags"; readonly arms: ReadonlyArray<readonly string[]> }
  | { readonly kind: "type" | "category"; readonly names: readonly string[] }
  | { readonly kind: "correlation"; readonly id: string };

class PageBuilder {
  readonly values: unknown[] = [];
  readonly #request: PageRequest;
  readonly #order: "ASC" | "DESC";
  readonly #size: string;

  constructor(request: PageRequest) {
    this.#request = request;
    this.#order = request.backwards ? "DESC" : "ASC";
    this.#size = this.#value(request.size);
  }

  ofStream(stream: string): string {
    const name = this.#value(storedText(stream));
    return this.#walk("revision", `coalesce(${lastRevisionOf(name)}, -1)`, `e.stream = ${name} AND `);
  }

  ofLog(): string {
    const { filter, window } = this.#request;
    const index = window === undefined && filter !== undefined ? chooseIndex(filter) : undefined;
    return index === undefined ? this.#walk("position", headOfLog, "") : this.#throughIndex(index);
  }

  #walk(key: "position" | "revision", end: string, scope: string): string {
    const { to } = this.#request;
    if (to !== undefined) return this.#walkTo(key, `${this.#value(to)}::bigint`, scope);
    return `
SELECT found.*, bound.last
FROM (SELECT ${end} AS last) bound
LEFT JOIN LATERAL (${this.#walkTo(key, "bound.last", scope)}) found ON true
ORDER BY found.${key} ${this.#order}`;
  }

  #walkTo(key: "position" | "revision", last: string, scope: string): string {
    return `
SELECT ${columns}
FROM {schema}.events e
WHERE ${scope}${this.#window(`e.${key}`, last)}${this.#conditions()}
ORDER BY e.${key} ${this.#order} LIMIT ${this.#size}`;
  }

  #window(key: string, last: string): string {
    const { from, window, backwards } = this.#request;
    const first = `${this.#value(from)}::bigint`;
    if (window === undefined) return `${key} BETWEEN ${first} AND ${last}`;
    const width = `${this.#value(window - 1)}::bigint`;
    return backwards
      ? `${key} BETWEEN greatest(${first}, ${last} - ${width}) AND ${last}`
      : `${key} BETWEEN ${first} AND least(${last}, ${first} + ${width})`;
  }

  #throughIndex(index: Index): string {
    const end = this.#request.to === undefined ? `, ${headOfLog}` : "";
    return `
SELECT ${columns}${end}
FROM (
  SELECT DISTINCT arm.position
  FROM (${this.#arms(index)}) arm
  ORDER BY arm.position ${this.#order} LIMIT ${this.#size}
) found
JOIN {schema}.events e ON e.position = found.position
ORDER BY e.position ${this.#order}`;
  }

  #arms(index: Index): string {
    const conditions = this.#conditions();
    if (index.kind === "tags") {
      return index.arms.map((tags) => this.#tagArm(tags, conditions)).join("\n  UNION ALL ");
    }
    const range = this.#range("e.position");
    const end = `ORDER BY e.position ${this.#order} LIMIT ${this.#size}`;
    switch (index.kind) {
      case "correlation": {
        const id = this.#value(storedText(index.id));
        return `
    SELECT e.position FROM {schema}.events e
    WHERE left(e.correlation_id, 256) = left(${id}, 256) AND ${range}${conditions}
    ${end}`;
      }
      default:
        return `
    SELECT one.position
    FROM unnest(${this.#texts(index.names)}) AS name(text)
    CROSS JOIN LATERAL (
      SELECT e.position FROM {schema}.events e
      WHERE e.${index.kind} = name.text AND ${range}${conditions}
      ${end}
    ) one`;
    }
  }

  /** Begins at the rarest of the tags, going by the next hundred events of each. */
  #tagArm(tags: readonly string[], conditions: string): string {
    const rarest =
      tags.length === 1
        ? this.#value(storedText(tags[0]!))
        : `(
      SELECT name.text FROM unnest(${this.#texts(tags)}) AS name(text)
      ORDER BY (
        SELECT count(*) FROM (
          SELECT FROM {schema}.event_tags t WHERE t.tag = name.text AND ${this.#range("t.position")} LIMIT 100) few)
      LIMIT 1)`;
    return `(
    SELECT t.position
    FROM {schema}.event_tags t JOIN {schema}.events e ON e.position = t.position
    WHERE t.tag = ${rarest} AND ${this.#range("t.position")}${conditions}
    ORDER BY t.position ${this.#order} LIMIT ${this.#size})`;
  }

  /** What an event must meet besides its place. */
  #conditions(): string {
    const { filter = {}, sinceMs, untilMs, nowMs } = this.#request;
    const { types, categories, streamPrefix, tags, correlationId, query } = filter;
    const conditions = [isKept(nowOr(`${this.#value(nowMs ?? null)}::bigint`))];
    if (types !== undefined) conditions.push(`e.type = ANY (${this.#texts(types)})`);
    if (categories !== undefined) conditions.push(`e.category = ANY (${this.#texts(categories)})`);
    if (streamPrefix !== undefined) {
      conditions.push(`starts_with(e.stream, ${this.#value(storedText(streamPrefix))})`);
    }
    if (tags !== undefined && tags.length > 0) conditions.push(`e.tags @> ${this.#texts(tags)}`);
    if (correlationId !== undefined) {
      conditions.push(`e.correlation_id = ${this.#value(storedText(correlationId))}`);
    }
    if (query !== undefined && query.length > 0) conditions.push(this.#matches(query));
    if (sinceMs !== undefined) conditions.push(`e.recorded_at >= ${this.#moment(sinceMs)}`);
    if (untilMs !== undefined) conditions.push(`e.recorded_at <= ${this.#moment(untilMs)}`);
    return conditions.map((condition) => `\n      AND ${condition}`).join("");
  }

  #matches(query: Query): string {
    const items = query.map(({ types, tags = [] }) => {
      const parts = [
        ...(types === undefined ? [] : [`e.type = ANY (${this.#texts(types)})`]),
        ...(tags.length === 0 ? [] : [`e.tags @> ${this.#texts(tags)}`]),
      ];
      return parts.length === 0 ? "true" : parts.join(" AND ");
    });
    return `(${items.join(" OR ")})`;
  }

  #range(column: string): string {
    const { from, to = unbounded } = this.#request;
    return `${column} BETWEEN ${this.#value(from)}::bigint AND ${this.#value(to)}::bigint`;
  }

  #moment(ms: number): string {
    return `to_timestamp(${this.#value(ms)}::bigint / 1000.0)`;
  }

  #texts(texts: readonly string[]): string {
    return `${this.#value(texts.map(storedText))}::text[]`;
  }

  #value(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** The index that narrows a filter most; undefined when none does. */
function chooseIndex({
  types,
  categories,
  tags = [],
  correlationId,
  query = [],
}: EventFilter): Index | undefined {
  if (tags.length > 0) return { kind: "tags", arms: [tags] };
  if (correlationId !== undefined) return { kind: "correlation", id: correlationId };
  if (query.length > 0 && query.length <= armsMax && query.every(hasTags)) {
    return { kind: "tags", arms: query.map((item) => item.tags ?? []) };
  }
  const anyType = types ?? typesOf(query);
  if (anyType !== undefined && anyType.length <= armsMax) return { kind: "type", names: anyType };
  if (categories !== undefined && categories.length <= armsMax) {
    return { kind: "category", names: categories };
  }
  return undefined;
}

function hasTags({ tags = [] }: QueryItem): boolean {
  return tags.length > 0;
}

/** The types that a query can match at all; undefined when it is open to every type. */
function typesOf(query: Query): readonly string[] | undefined {
  if (query.length === 0 || query.some((item) => item.types === undefined)) return undefined;
  return [...new Set(query.flatMap((item) => item.types ?? []))];
}
