import fc from "fast-check";
import { expect, test } from "vitest";
import { redactText, redactUrl } from "./redact-url.ts";

test.each([
  ["postgres://ada:secret@host/bank", "postgres://ada:***@host/bank"],
  ["postgres://ada:secret@host:5432/bank?schema=events", "postgres://ada:***@host:5432/bank?schema=events"],
  ["postgres://ada:sec@ret@host/bank", "postgres://ada:***@host/bank"],
  ["postgres://:secret@host/bank", "postgres://:***@host/bank"],
  ["postgres//ada:secret@host/bank", "postgres//***@host/bank"],
  ["postgres:/ada:secret@host/bank", "postgres:/***@host/bank"],
  ["postgres:ada:secret@host/bank", "postgres:***@host/bank"],
  [String.raw`postgres:\\ada:secret@host\bank`, String.raw`postgres:\\***@host\bank`],
  ["postgres ://ada:secret@host/bank", "***@host/bank"],
  ["  postgres://ada:sec ret@host/bank", "  postgres://ada:***@host/bank"],
  ["postgres://ada:sec%ret@host/bank", "postgres://ada:***@host/bank"],
  ["postgres://ada:12/secret@host/bank", "postgres://***@host/bank"],
  ["postgres://ada:12?secret@host/bank", "postgres://***@host/bank"],
  ["postgres://ada:12#secret@host/bank", "postgres://***@host/bank"],
  ["postgres://ada:secret", "postgres://ada:***"],
  ["postgres://ada:secrethost/bank", "postgres://ada:***"],
  ["ada:secret@host/bank", "ada:***@host/bank"],
  ["//ada:secret@host/bank", "//***@host/bank"],
  [
    "postgres://host/bank?user=ada&password=secret&schema=x",
    "postgres://host/bank?user=ada&password=***&schema=x",
  ],
  ["postgres://host/bank?sslpassword=se#cret", "postgres://host/bank?sslpassword=***"],
  ["postgres://host/bank?PGPASSWORD = secret", "postgres://host/bank?PGPASSWORD =***"],
  ["postgres://host/bank?sslkey=/home/ada/key.pem", "postgres://host/bank?sslkey=***"],
  ["host=db user=ada password=secret dbname=bank", "host=db user=ada password=*** dbname=bank"],
  ["host=db password='sec ret\\' more' dbname=bank", "host=db password=*** dbname=bank"],
  ['{"user":"ada","password":"secret"}', '{"user":***'],
])("masks the secrets of %s", (text, shown) => {
  expect(redactUrl(text)).toBe(shown);
});

test.each([
  "bank.db",
  "./data/bank.db",
  String.raw`C:\data\bank.db`,
  "file:///data/bank.db",
  "sqlite:data/bank.db",
  "memory:",
  "postgres://host:5432/bank?schema=events",
  "postgres://[::1]:5432/bank",
  "postgres://ada@host/bank",
  "mysql://localhost/bank",
])("leaves %s as it is", (text) => {
  expect(redactUrl(text)).toBe(text);
});

test.each([
  [
    "no host in postgres://ada:secret@host/bank, nor in 'mysql://b:pw@h/x'.",
    "no host in postgres://***@host/bank, nor in 'mysql://***@h/x'.",
  ],
  [
    "The server of postgres://ada@host/bank can not be reached.",
    "The server of postgres://ada@host/bank can not be reached.",
  ],
  ["invalid: host=db password=secret", "invalid: host=db password=***"],
  ["mail ada@example.com: it must be key=value", "mail ada@example.com: it must be key=value"],
])("masks in the text %s", (text, shown) => {
  expect(redactText(text)).toBe(shown);
});

test("masks the password of a URL in which characters were mistyped", () => {
  const password = "Xq7-secret";
  const url = `postgres://ada:${password}@db.example:5432/bank?schema=events`;
  const [from, to] = [url.indexOf(password), url.indexOf(password) + password.length];
  const places = fc.oneof(fc.nat({ max: from - 1 }), fc.integer({ min: to, max: url.length - 1 }));
  const typed = fc.constantFrom("", "/", ":", "@", "?", "#", "%", " ", "\\", "p");
  fc.assert(
    fc.property(places, typed, (place, character) => {
      // The colon before it is what makes a password of it.
      fc.pre(place !== from - 1 || character === "/");
      expect(redactUrl(url.slice(0, place) + character + url.slice(place + 1))).not.toContain(password);
    }),
    { numRuns: 1_000 },
  );
});
