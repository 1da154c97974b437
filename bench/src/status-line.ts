/**
 * One line on a terminal that says what is going on; nothing where nobody watches.
 */
import type { WriteStream } from "node:tty";

/** A line that is written over. */
export interface StatusLine {
  show(text: string): void;
  clear(): void;
}

/** Shows a status on a terminal; on anything else it stays silent. */
export function statusLine(stream: WriteStream): StatusLine {
  const write = (text: string): void => {
    if (!stream.isTTY) return;
    stream.cursorTo(0);
    stream.write(text.slice(0, stream.columns - 1));
    stream.clearLine(1);
  };
  return { show: write, clear: () => write("") };
}
