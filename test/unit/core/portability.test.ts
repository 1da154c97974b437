import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const core = fileURLToPath(new URL("../../../src/core/", import.meta.url));

test("the core imports nothing but itself, types aside, so it runs in a browser", () => {
  const files = readdirSync(core).filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  const imports = files.flatMap((name) =>
    [
      ...readFileSync(`${core}${name}`, "utf8").matchAll(
        /^(?:import|export) (?!type\b)[^;]*from "([^"]+)"/gm,
      ),
    ].map(([, specifier = ""]) => ({ name, specifier })),
  );
  expect(imports.length).toBeGreaterThan(10);
  expect(imports.filter(({ specifier }) => !specifier.startsWith("./"))).toEqual([]);
});
