import type { NewEvent } from "../../core/event.ts";
import type { EventFilter } from "../../core/query.ts";

/** The rule of {@link EventFilter}, said once more in other words than the stores use. */
export function passes(filter: EventFilter, event: NewEvent & { readonly stream: string }): boolean {
  const { tags = [], metadata, stream, type } = event;
  const hasAll = (wanted: readonly string[] = []): boolean => wanted.every((tag) => tags.includes(tag));
  const isOneOf = (wanted: readonly string[] | undefined, value: string | undefined): boolean =>
    wanted === undefined || wanted.some((one) => one === value);
  const { query = [], correlationId } = filter;
  return (
    isOneOf(filter.types, type) &&
    isOneOf(filter.categories, stream.split("-")[0]) &&
    stream.startsWith(filter.streamPrefix ?? "") &&
    hasAll(filter.tags) &&
    (correlationId === undefined || correlationId === metadata?.correlationId) &&
    (query.length === 0 || query.some((item) => isOneOf(item.types, type) && hasAll(item.tags)))
  );
}
