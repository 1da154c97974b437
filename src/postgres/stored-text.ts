/**
 * Text in columns, such as names and correlation ids: stored as it would be within a JSON text (`json-text.ts`), since some
 * of it is taken out of one.
 */
import { fromStored, toStored } from "./json-text.ts";

/** Text as it stands in a column, or is looked for there. */
export function storedText(text: string): string {
  const json = JSON.stringify(text);
  const stored = toStored(json);
  return stored === json ? text : (JSON.parse(stored) as string);
}

/** The text that {@link storedText} was given. */
export function givenText(stored: string): string {
  const given = fromStored(stored);
  return given === stored ? stored : (JSON.parse(fromStored(JSON.stringify(stored))) as string);
}
