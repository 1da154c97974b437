/**
 * No error, whatever it comes from, repeats the password of a URL.
 */
import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { planConnection } from "../../../src/postgres/connection-plan.ts";
import { placeOf } from "../../../src/runtime/store-place.ts";

const password = "Xq7-secret";

const right = [
  `postgres://ada:${password}@db.example:5432/bank?schema=events`,
  `postgresql://ada:${password}@db.example/bank`,
  `postgres://db.example/bank?user=ada&password=${password}`,
  `postgres://ada@db.example/bank?sslpassword=${password}&sslmode=verify-full`,
  `sqlite://ada:${password}@db.example/bank`,
  `mysql://ada:${password}@db.example/bank`,
  `file://ada:${password}@db.example/bank`,
  `host=db.example user=ada password=${password} dbname=bank`,
];

/** A URL in which some characters beside the password were mistyped, and what stands right before it is left. */
const mistyped = fc
  .record({
    url: fc.constantFrom(...right),
    typos: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        typed: fc.constantFrom("", "/", ":", "@", "?", "#", "%", " ", "\\", "&", "x", "::", "//"),
        replaced: fc.integer({ min: 0, max: 1 }),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ url, typos }) => {
    const [before = "", after = ""] = url.split(password);
    // The colon or the equals sign, which make a password of what follows.
    const kept = before.slice(-1);
    let head = before.slice(0, -1);
    let tail = after;
    for (const { at, typed, replaced } of typos) {
      const isInHead = at < 0.5;
      const text = isInHead ? head : tail;
      const place = Math.floor((at % 0.5) * 2 * (text.length + 1));
      const changed = text.slice(0, place) + typed + text.slice(place + replaced);
      if (isInHead) head = changed;
      else tail = changed;
    }
    return head + kept + password + tail;
  });

/** Everything that an error shows, and every name under which a store would be known. */
function shownFor(url: string): string {
  try {
    const place = placeOf(url);
    if (place.engine === "memory") return "";
    return place.engine === "sqlite" ? place.path : planConnection(place.url).store;
  } catch (error) {
    const { message, details, stack } = error as { message: string; details?: unknown; stack: string };
    return [
      message,
      JSON.stringify(details),
      JSON.stringify(error),
      stack,
      inspect(error, { depth: 9 }),
    ].join("\n");
  }
}

test("what is shown of a mistyped URL has no password in it", () => {
  fc.assert(
    fc.property(mistyped, (url) => {
      // As a parameter of another name, nobody can tell that it is a password.
      fc.pre(/(?:[^/\\?&#]:|(?:^|[\s?&])(?:ssl)?password=)Xq7/.test(url));
      expect(shownFor(url)).not.toContain(password);
    }),
    { numRuns: 5_000 },
  );
});

test.each([
  `postgres://ada:12/${password}@db.example/bank`,
  `postgres://ada:12?${password}@db.example/bank`,
  `postgres://ada:12#${password}@db.example/bank`,
  `postgres://ada%3A${password}@db.example/bank`,
  `postgres://db.example/bank?pass=${password}`,
  `postgres://db.example/bank?options=-c%20app.key=${password}`,
  `postgres//ada:${password}@db.example/bank`,
  `postgres:/ada:${password}@db.example/bank`,
  `postgres ://ada:${password}@db.example/bank`,
  `//ada:${password}@db.example/bank`,
  `%//file:@//ada:${password}@db.example/bank`,
  `&//postgres://ada:${password}db.example:5432/bank`,
  `postgres://db.example/bankuser=ada&password=${password}`,
  `sqlite:ada:${password}@db.example/bank`,
  `password='${password}' host=db`,
  `Server=db;Uid=ada;Pwd=${password};`,
  `dbname=bank passwd=${password}`,
  `%//postgres:x//ada:${password}@db.example/bank`,
  `%/postgres:/x/ada:${password}@db.example/bank`,
  `file:/@/ada:${password}@db.example/bank`,
  `?postgres://ada:${password}db.example/bank`,
  `postgres://db.example/bank;password=${password}`,
  `postgres://ada;${password}@db.example/bank`,
])("what is shown of %s has no password in it", (url) => {
  expect(shownFor(url)).not.toContain(password);
});

test.each(["./a:b@c.db", "data/ada@example.db", "./data/ada@home.db", "shop.db", "sqlite:a b.db"])(
  "%s is the path of a file",
  (path) => {
    expect(placeOf(path)).toMatchObject({ engine: "sqlite" });
  },
);
