import { expect, test } from "vitest";
import { readAhead } from "./read-ahead.ts";

/** Pages 1 to `count`, each noted when it is asked for. */
async function* pagesTo(count: number, asked: number[]): AsyncGenerator<number, undefined> {
  for (let page = 1; page <= count; page++) {
    asked.push(page);
    await Promise.resolve();
    yield page;
  }
}

const guard = (): void => undefined;
const options = { isEager: false, guard };

test("all pages come in order, each asked for once", async () => {
  const asked: number[] = [];
  const seen: number[] = [];
  for await (const page of readAhead(pagesTo(4, asked), options)) seen.push(page);
  expect(seen).toEqual([1, 2, 3, 4]);
  expect(asked).toEqual([1, 2, 3, 4]);
});

test("from the second page on, one more is asked for, and never two", async () => {
  const asked: number[] = [];
  const pages = readAhead(pagesTo(9, asked), options);
  await pages.next();
  expect(asked).toEqual([1]);
  await pages.next();
  expect(asked).toEqual([1, 2, 3]);
  await new Promise(setImmediate);
  expect(asked).toEqual([1, 2, 3]);
});

test("an eager reader has the second page asked for along with the first", async () => {
  const asked: number[] = [];
  const pages = readAhead(pagesTo(9, asked), { isEager: true, guard });
  await pages.next();
  expect(asked).toEqual([1, 2]);
});

test("a reader who stops hears nothing of the page that fails behind his back", async () => {
  const failing = async function* (): AsyncGenerator<number, undefined> {
    yield 1;
    yield 2;
    throw new Error("lost");
  };
  for await (const page of readAhead(failing(), options)) if (page === 2) break;
  // An unhandled rejection would fail the run.
  await new Promise(setImmediate);
  const pages = readAhead(failing(), options);
  await pages.next();
  await pages.next();
  await new Promise(setImmediate);
  await expect(pages.next()).rejects.toThrow("lost");
});

test("the pages are ended when their reader stops", async () => {
  let hasEnded = false;
  const source = async function* (): AsyncGenerator<number, undefined> {
    try {
      for (let page = 1; ; page++) yield page;
    } finally {
      hasEnded = true;
    }
  };
  for await (const page of readAhead(source(), options)) if (page === 3) break;
  await new Promise(setImmediate);
  expect(hasEnded).toBe(true);
});

test("what forbids reading on is found before a page that is there already", async () => {
  let isClosed = false;
  const pages = readAhead(pagesTo(9, []), {
    isEager: true,
    guard: () => {
      if (isClosed) throw new Error("closed");
    },
  });
  await pages.next();
  await pages.next();
  isClosed = true;
  await expect(pages.next()).rejects.toThrow("closed");
});
