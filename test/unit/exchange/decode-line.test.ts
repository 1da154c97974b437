import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isHithertoError } from "../../../src/core/errors.ts";
import { limits } from "../../../src/core/limits.ts";
import { decodeLine, decodeNewEventLine } from "../../../src/store/exchange/decode-line.ts";
import { idOf, line } from "./support.ts";

function problemOf(text: string): string {
  try {
    decodeLine({ number: 7, text }, { source: "events.ndjson" });
  } catch (error) {
    if (!isHithertoError(error, "LINE_INVALID")) throw error;
    expect(error.details.line).toBe(7);
    expect(error.details.source).toBe("events.ndjson");
    return error.details.problem;
  }
  throw new Error("the line was taken");
}

const cloudEvent = (fields: Record<string, unknown>): string =>
  JSON.stringify({ specversion: "1.0", id: "a", source: "/shop", type: "order.placed", ...fields });

describe("a line of our own format", () => {
  test("needs no more than id, stream, type and data", () => {
    expect(decodeLine({ number: 1, text: line({ n: 3 }) })).toEqual({
      stream: "order-1",
      revision: undefined,
      event: { id: idOf(3), type: "OrderPlaced", data: { n: 3 } },
    });
  });

  test("carries everything of an event", () => {
    const given = {
      schemaVersion: 2,
      metadata: { userId: "ada" },
      tags: ["order:1"],
      recordedAt: "2026-11-21T08:40:00.000Z",
    };
    const decoded = decodeLine({ number: 1, text: line({ ...given, revision: 4, position: 99 }) });
    expect(decoded.revision).toBe(4);
    expect(decoded.event).toMatchObject(given);
  });

  test("carries bytes", () => {
    const { event } = decodeLine({ number: 1, text: line({ data: undefined, dataBase64: "AQID" }) });
    expect(event.data).toEqual(new Uint8Array([1, 2, 3]));
  });

  test.each([
    ["nothing but a word", "hello", /^it is not JSON \(/],
    ["half an object", `{"id":`, /^it is not JSON \(/],
    ["an array", "[1]", "it is an array, not a JSON object"],
    ["a number", "12", "it is a number, not a JSON object"],
    ["null", "null", "it is null, not a JSON object"],
    ["no id", line({ id: undefined }), 'it has no "id"'],
    ["no stream", line({ stream: undefined }), 'it has no "stream"'],
    ["no type", line({ type: undefined }), 'it has no "type"'],
    ["no data", line({ data: undefined }), 'it has no "data"'],
    ["an id that is no UUID", line({ id: "17" }), 'its "id" is not a UUID'],
    ["an id that is a number", line({ id: 17 }), 'its "id" must be a string, not a number'],
    ["an empty stream", line({ stream: "" }), 'its "stream" is empty'],
    [
      "a reserved stream",
      line({ stream: "$all" }),
      /its stream "\$all" is not valid: names that begin with \$/,
    ],
    ["a stream with a line break", line({ stream: "a\nb" }), /its stream .* control characters/],
    ["a type that is an object", line({ type: {} }), 'its "type" must be a string, not an object'],
    ["an overlong type", line({ type: "a".repeat(limits.typeLengthMax + 1) }), /its type .* is not valid/],
    [
      "a negative revision",
      line({ revision: -1 }),
      'its "revision" must be an integer from 0 to 4503599627370496',
    ],
    [
      "a revision that leaves no room",
      line({ revision: Number.MAX_SAFE_INTEGER }),
      'its "revision" must be an integer from 0 to 4503599627370496',
    ],
    [
      "a broken revision",
      line({ revision: 1.5 }),
      'its "revision" must be an integer from 0 to 4503599627370496',
    ],
    ["a schema version 0", line({ schemaVersion: 0 }), /its "schemaVersion" is not valid/],
    ["a schema version as text", line({ schemaVersion: "1" }), /its "schemaVersion" is not valid/],
    ["a bad time", line({ recordedAt: "yesterday" }), /its "recordedAt" is not valid/],
    ["a time without zone", line({ recordedAt: "2026-11-21T08:40:00" }), /its "recordedAt" is not valid/],
    ["a time that is a number", line({ recordedAt: 1 }), 'its "recordedAt" must be a string, not a number'],
    ["a 30th of February", line({ recordedAt: "2026-02-30T00:00:00Z" }), /its "recordedAt" is not valid/],
    ["tags that are text", line({ tags: "a,b" }), 'its "tags" must be an array of strings, not a string'],
    ["a tag that is a number", line({ tags: [1] }), /its tag .* is not valid/],
    ["metadata that is an array", line({ metadata: [] }), /its "metadata" is not valid/],
    [
      "a correlation id that is a number",
      line({ metadata: { correlationId: 1 } }),
      /its "metadata.correlationId"/,
    ],
    ["data and bytes", line({ dataBase64: "AA==" }), 'it has both "data" and "dataBase64"'],
    [
      "bytes that are not base64",
      line({ data: undefined, dataBase64: "?" }),
      'its "dataBase64" is not base64',
    ],
    [
      "bytes that are a number",
      line({ data: undefined, dataBase64: 1 }),
      'its "dataBase64" must be a string, not a number',
    ],
    ["a misspelt field", line({ tag: ["a"] }), 'it has an unknown field "tag"'],
    [
      "a number beyond all bounds",
      line({ n: 1 }).replace('{"n":1}', "1e999"),
      /the number 1e999 at data would become Infinity/,
    ],
    [
      "an integer that JavaScript cannot hold",
      line({ n: 1 }).replace('{"n":1}', '{"id":9007199254740993}'),
      /9007199254740993 at data\.id would become 9007199254740992/,
    ],
    [
      "such a number in its metadata",
      line({}).replace('"data"', '"metadata":{"n":0.12345678901234567890},"data"'),
      /0\.12345678901234567890 at metadata\.n/,
    ],
    ["too deep data", line({ data: JSON.parse("[".repeat(300) + "]".repeat(300)) }), /it holds .* at data/],
    ["a too large event", line({ data: "a".repeat(limits.eventBytesMax) }), /its event takes \d+ bytes/],
  ])("is refused with %s", (_what, text, problem) => {
    if (typeof problem === "string") expect(problemOf(text)).toBe(problem);
    else expect(problemOf(text)).toMatch(problem);
  });
});

describe("a CloudEvent", () => {
  test.each([
    [
      "another specversion",
      cloudEvent({ specversion: "0.3" }),
      'its "specversion" is "0.3"; only "1.0" is known',
    ],
    [
      "a specversion that is a number",
      cloudEvent({ specversion: 1 }),
      'its "specversion" must be a string, not a number',
    ],
    ["no id", cloudEvent({ id: undefined }), 'it has no "id"'],
    ["an id that is null", cloudEvent({ id: null }), 'it has no "id"'],
    ["no source", cloudEvent({ source: undefined }), 'it has no "source"'],
    ["an empty source", cloudEvent({ source: "" }), 'its "source" is empty'],
    ["no type", cloudEvent({ type: undefined }), 'it has no "type"'],
    [
      "a bad time",
      cloudEvent({ time: "soon" }),
      'its "time" is not an RFC 3339 timestamp of the years 1970 to 9999',
    ],
    [
      "a time before 1970",
      cloudEvent({ time: "1969-12-31T23:59:59Z" }),
      /its "time" is not an RFC 3339 timestamp/,
    ],
    ["data twice", cloudEvent({ data: 1, data_base64: "AA==" }), 'it has both "data" and "data_base64"'],
    ["bad base64", cloudEvent({ data_base64: "AA" }), 'its "data_base64" is not base64'],
    [
      "an ill-named attribute",
      cloudEvent({ dataBase64: "AA==" }),
      /its attribute "dataBase64" is not named in/,
    ],
    [
      "tags that are no JSON",
      cloudEvent({ id: idOf(1), subject: "a", streamrevision: "0", tags: "a" }),
      /its "tags" must hold JSON: it is not JSON/,
    ],
    [
      "a number in its metadata that JavaScript cannot hold",
      cloudEvent({ id: idOf(1), subject: "a", streamrevision: "0", metadata: '{"n":9007199254740993}' }),
      /its "metadata" must hold JSON: .*9007199254740993 at n/,
    ],
    [
      "tags that are no array",
      cloudEvent({ id: idOf(1), subject: "a", streamrevision: "0", tags: "{}" }),
      'its "tags" must hold a JSON array, not an object',
    ],
    [
      "metadata that is no object",
      cloudEvent({ id: idOf(1), subject: "a", streamrevision: "0", metadata: "1" }),
      'its "metadata" must hold a JSON object, not a number',
    ],
    ["our revision but no subject", cloudEvent({ id: idOf(1), streamrevision: "0" }), 'it has no "subject"'],
    [
      "our revision but a foreign id",
      cloudEvent({ subject: "a", streamrevision: "0" }),
      'its "id" is not a UUID',
    ],
    [
      "a bad revision",
      cloudEvent({ id: idOf(1), subject: "a", streamrevision: "x" }),
      'its "streamrevision" must be an integer from 0 to 4503599627370496',
    ],
  ])("is refused with %s", (_what, text, problem) => {
    if (typeof problem === "string") expect(problemOf(text)).toBe(problem);
    else expect(problemOf(text)).toMatch(problem);
  });
});

describe("the format asked for", () => {
  test("hitherto refuses a CloudEvent", () => {
    expect(() =>
      decodeLine({ number: 1, text: cloudEvent({ id: idOf(1) }) }, { format: "hitherto" }),
    ).toThrow(/no "stream"/);
  });

  test("cloudevents refuses a line of ours", () => {
    expect(() => decodeLine({ number: 1, text: line() }, { format: "cloudevents" })).toThrow(
      /no "specversion"/,
    );
  });
});

describe("a line for a given stream", () => {
  test("needs no id and no stream", () => {
    expect(decodeNewEventLine({ number: 1, text: `{"type":"A","data":1}` }, "order-1")).toEqual({
      type: "A",
      data: 1,
    });
  });

  test("is refused when it names another stream", () => {
    const text = `{"type":"A","data":1,"stream":"order-2"}`;
    expect(() => decodeNewEventLine({ number: 1, text }, "order-1")).toThrow(
      'its "stream" is "order-2", not "order-1"',
    );
  });
});

describe("any text at all", () => {
  const fieldNames =
    "id stream type data dataBase64 metadata tags recordedAt revision schemaVersion specversion source subject time " +
    "data_base64 streamrevision schemaversion __proto__";
  const hostile = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.json(),
    fc
      .dictionary(
        fc.constantFrom(...fieldNames.split(" ")),
        fc.oneof(fc.jsonValue(), fc.constantFrom("1.0", "0", idOf(1), "[]", "{}", "2026-11-21T08:40:00Z")),
      )
      .map((fields) => JSON.stringify(fields)),
  );

  test("is an event or a LINE_INVALID", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        try {
          expect(decodeLine({ number: 1, text }).stream).not.toBe("");
        } catch (error) {
          if (!isHithertoError(error, "LINE_INVALID")) throw error;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
