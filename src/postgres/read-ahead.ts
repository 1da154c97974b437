/**
 * Asks the server for the next page while one is worked off, so that neither waits for the other.
 */

/** How far pages are asked for ahead. */
export interface ReadAheadOptions {
  /** Whether already while the first page is worked off; otherwise from the second on, as many need no more than one. */
  readonly isEager: boolean;
  /** Runs before a page is handed out, for what has changed since it was asked for. */
  readonly guard: () => void;
}

/** Hands out pages, the next of which is on its way already. One at most is; a reader who stops leaves it to itself. */
export async function* readAhead<Page>(
  pages: AsyncGenerator<Page, undefined>,
  { isEager, guard }: ReadAheadOptions,
): AsyncGenerator<Page, undefined> {
  let next: Promise<IteratorResult<Page, undefined>> | undefined;
  try {
    for (let isAhead = isEager; ; isAhead = true) {
      const { done, value } = await (next ?? pages.next());
      if (done === true) return;
      guard();
      if (isAhead) {
        next = pages.next();
        // Told to whoever asks for the page; nobody may.
        next.catch(() => undefined);
      }
      yield value;
    }
  } finally {
    void pages.return(undefined).catch(() => undefined);
  }
}
