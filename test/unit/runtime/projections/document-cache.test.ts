import { describe, expect, test } from "vitest";
import { DocumentCache } from "../../../../src/runtime/projections/document-cache.ts";

const large = { document: "…", length: 4_000_000 };

describe("the cache of documents", () => {
  test("forgets what was used first when the documents are too long together", () => {
    const cache = new DocumentCache();
    for (const key of ["a", "b", "c"]) cache.set(key, large);
    cache.set("a", large);
    cache.trim(() => false);
    expect(["a", "b", "c"].filter((key) => cache.has(key))).toEqual(["a", "c"]);
  });

  test("forgets what was used first when there are too many", () => {
    const cache = new DocumentCache();
    for (let n = 0; n < 20_010; n++) cache.set(String(n), { document: n, length: 5 });
    cache.trim(() => false);
    expect([cache.has("9"), cache.has("10"), cache.get("20009")?.document]).toEqual([false, true, 20_009]);
  });

  test("keeps what is not stored yet, whatever its size", () => {
    const cache = new DocumentCache();
    for (const key of ["a", "b", "c", "d"]) cache.set(key, large);
    cache.trim((key) => key !== "c");
    expect(["a", "b", "c", "d"].filter((key) => cache.has(key))).toEqual(["a", "b", "d"]);
  });

  test("counts a document that grows or shrinks once", () => {
    const cache = new DocumentCache();
    cache.set("a", { document: {}, length: 40_000_000 });
    cache.set("a", { document: {}, length: 10 });
    cache.set("b", large);
    cache.trim(() => false);
    expect(cache.has("a") && cache.has("b")).toBe(true);
    cache.clear();
    expect(cache.has("a")).toBe(false);
  });
});
