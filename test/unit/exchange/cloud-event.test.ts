import { CloudEvent } from "cloudevents";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StoredEvent } from "../../../src/core/event.ts";
import { toCloudEvent } from "../../../src/store/exchange/cloud-event.ts";
import { decodeLine } from "../../../src/store/exchange/decode-line.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { anyStoredEvent } from "./arbitrary-events.ts";
import { idOf, imported } from "./support.ts";

const stored: StoredEvent = {
  id: idOf(1),
  stream: "order-17/ä b",
  revision: 3,
  position: 2 ** 40,
  type: "OrderPlaced",
  schemaVersion: 2,
  data: { total: 100 },
  metadata: { correlationId: "c1", causationId: "c0", traceparent: "00-a-b-01", userId: "ada" },
  tags: ["order:17", "with,comma"],
  recordedAt: "2026-11-21T08:40:00.000Z",
};

const decoded = (event: object): ReturnType<typeof decodeLine> =>
  decodeLine({ number: 1, text: JSON.stringify(event) });

describe("toCloudEvent", () => {
  test("puts everything where CloudEvents has a place for it", () => {
    expect(toCloudEvent(stored)).toEqual({
      specversion: "1.0",
      id: idOf(1),
      source: "/streams/order-17%2F%C3%A4%20b",
      type: "OrderPlaced",
      subject: "order-17/ä b",
      time: "2026-11-21T08:40:00.000Z",
      streamrevision: "3",
      logposition: "1099511627776",
      schemaversion: 2,
      correlationid: "c1",
      causationid: "c0",
      traceparent: "00-a-b-01",
      tags: '["order:17","with,comma"]',
      metadata: '{"userId":"ada"}',
      datacontenttype: "application/json",
      data: { total: 100 },
    });
  });

  test("carries bytes as base64", () => {
    expect(toCloudEvent({ ...stored, data: new Uint8Array([1, 2, 3]) })).toMatchObject({
      datacontenttype: "application/octet-stream",
      data_base64: "AQID",
    });
  });

  test("takes another source", () => {
    expect(toCloudEvent(stored, { source: "https://shop.example/" }).source).toBe("https://shop.example/");
  });

  test("keeps what an attribute may not hold in the metadata", () => {
    const event = toCloudEvent({ ...stored, metadata: { correlationId: "a\u0000b", causationId: "" } });
    expect(event).not.toHaveProperty("correlationid");
    expect(event).not.toHaveProperty("causationid");
    expect(event["metadata"]).toBe(String.raw`{"correlationId":"a\u0000b","causationId":""}`);
  });

  test("gives events that the CloudEvents SDK finds valid, and that come back unchanged", () => {
    fc.assert(
      fc.property(anyStoredEvent, (event) => {
        const sent = new CloudEvent<unknown>(JSON.parse(JSON.stringify(toCloudEvent(event))) as object, true);
        expect(sent.validate()).toBe(true);
        const { stream, revision, event: back } = decoded(sent.toJSON());
        const { position: _position, ...rest } = event;
        expect({ stream, revision, ...back }).toEqual(rest);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a foreign CloudEvent", () => {
  const foreign = {
    specversion: "1.0",
    id: "A234-1234",
    source: "https://shop.example/orders",
    type: "com.example.placed",
    subject: "order-17",
    time: "2026-11-21T09:40:00.123456+01:00",
    datacontenttype: "application/json",
    data: { total: 1 },
    correlationid: "c1",
    priority: 5,
    dataschema: "https://shop.example/schema",
  };

  test("becomes an event of the stream that its subject names, and keeps what has no other place", () => {
    expect(decoded(foreign)).toEqual({
      stream: "order-17",
      revision: undefined,
      event: {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        type: "com.example.placed",
        data: { total: 1 },
        recordedAt: "2026-11-21T08:40:00.123Z",
        metadata: {
          correlationId: "c1",
          cloudevent: {
            id: "A234-1234",
            source: "https://shop.example/orders",
            time: "2026-11-21T09:40:00.123456+01:00",
            priority: 5,
            dataschema: "https://shop.example/schema",
          },
        },
      },
    });
  });

  test("gets the same id each time, and another one for another source", () => {
    const { id } = decoded(foreign).event;
    expect(decoded({ ...foreign, data: 2 }).event.id).toBe(id);
    expect(decoded({ ...foreign, source: "/other" }).event.id).not.toBe(id);
    expect(decoded({ ...foreign, source: "a", id: 'b","c' }).event.id).not.toBe(
      decoded({ ...foreign, source: 'a","b', id: "c" }).event.id,
    );
  });

  test("gets the version-5 UUID that every RFC 9562 library makes of the namespace and the JSON of source and id", () => {
    expect(decoded({ ...foreign, source: "/s", id: "1" }).event.id).toBe(
      "3efe4e85-b86a-5c85-82d1-e26ebb4371b3",
    );
  });

  test("keeps an id that is a UUID", () => {
    const { event } = decoded({ ...foreign, id: idOf(0xabc).toUpperCase() });
    expect(event.id).toBe(idOf(0xabc));
    expect(event.metadata?.["cloudevent"]).toMatchObject({ id: idOf(0xabc).toUpperCase() });
  });

  test("belongs to the stream of its source when it has no subject", () => {
    expect(decoded({ ...foreign, subject: null }).stream).toBe("https://shop.example/orders");
  });

  test("has null for data when it has none", () => {
    expect(decoded({ ...foreign, data: undefined }).event.data).toBeNull();
  });

  test("keeps the content type of its bytes", () => {
    const { event } = decoded({ ...foreign, data: undefined, data_base64: "AQID" });
    expect(event.data).toEqual(new Uint8Array([1, 2, 3]));
    expect(event.metadata?.["cloudevent"]).toMatchObject({ datacontenttype: "application/json" });
  });

  test("from the CloudEvents SDK is imported, each once", async () => {
    const events = [
      new CloudEvent({ type: "a", source: "/s", subject: "s-1", data: { n: 1 } }),
      new CloudEvent({
        type: "b",
        source: "/s",
        subject: "s-1",
        data: new Uint8Array([1, 2]),
        datacontenttype: "image/png",
      }),
      new CloudEvent({
        type: "c",
        source: "/s",
        id: "17",
        time: "2026-11-21T08:40:00Z",
        data: "<a/>",
        datacontenttype: "text/xml",
      }),
    ];
    const store = openMemoryStore();
    const text = events.map(String).join("\n");
    expect(await imported(store, text)).toMatchObject({ imported: 3, alreadyThere: 0 });
    expect(await imported(store, text)).toMatchObject({ imported: 0, alreadyThere: 3 });
    const back = await store.read().toArray();
    expect(back.map(({ type, stream, data }) => ({ type, stream, data }))).toEqual([
      { type: "a", stream: "s-1", data: { n: 1 } },
      { type: "b", stream: "s-1", data: new Uint8Array([1, 2]) },
      { type: "c", stream: "/s", data: "<a/>" },
    ]);
  });
});
