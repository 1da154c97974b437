import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { chooseProjections, loadProjections } from "../../../src/cli/work/definitions.ts";
import { scratchFolder } from "./hitherto-process.ts";

const define = (name: string): string => `{ kind: "projection", name: "${name}", version: 1 }`;

async function namesIn(code: string, file = "projections.mjs"): Promise<readonly string[]> {
  const path = scratchFolder()(file);
  writeFileSync(path, code);
  return (await loadProjections(path)).map(({ name }) => name);
}

test("finds projections by name, as default and in lists, each once", async () => {
  const code = `
    export const orders = ${define("orders")};
    export const more = [{ kind: "sql-projection", name: "days", version: 1 }, orders];
    export const consumer = { kind: "consumer", name: "emails" };
    export const nothing = null;
    export default orders;`;
  expect((await namesIn(code)).toSorted()).toEqual(["days", "orders"]);
});

test("runs TypeScript where Node strips types", async () => {
  const code = `const name: string = "orders";\nexport const orders = { kind: "projection", name, version: 1 };`;
  expect(await namesIn(code, "projections.ts")).toEqual(["orders"]);
});

test("refuses two projections of one name", async () => {
  const code = `export const a = ${define("orders")}; export const b = ${define("orders")};`;
  await expect(namesIn(code)).rejects.toMatchObject({
    code: "DEFINITION_REPEATED",
    details: { kind: "projection", name: "orders" },
  });
});

test("refuses a module without projections", async () => {
  await expect(namesIn("export const a = 1;")).rejects.toThrow("exports no projection");
});

test("refuses a file that is not there", async () => {
  await expect(loadProjections("no/such.js")).rejects.toMatchObject({
    code: "FILE_UNREADABLE",
    message: "The file no/such.js cannot be read: there is no such file or folder.",
  });
});

test("refuses a folder", async () => {
  const folder = scratchFolder()(".");
  await expect(loadProjections(folder)).rejects.toMatchObject({
    code: "FILE_UNREADABLE",
    details: { problem: "it is a folder" },
  });
});

test.each([
  ["throws", `throw new TypeError("no database");`, "importing it failed with TypeError: no database"],
  ["throws no error", `throw "nothing";`, "importing it failed with Error: nothing"],
  [
    "imports what is not there",
    `import "./no-such.js";`,
    "importing it failed with Error: Cannot find module",
  ],
])("refuses a module that %s", async (_what, code, problem) => {
  await expect(namesIn(code)).rejects.toMatchObject({
    code: "FILE_UNREADABLE",
    message: expect.stringContaining(problem) as string,
  });
});

test("chooses by name, and refuses a name that the file does not have", async () => {
  const path = scratchFolder()("projections.mjs");
  writeFileSync(path, `export const a = ${define("a")}; export const b = ${define("b")};`);
  const both = await loadProjections(path);
  const chosen = (names: readonly string[]): string[] =>
    chooseProjections(both, names, "p.mjs").map(({ name }) => name);
  expect(chosen([])).toEqual(["a", "b"]);
  expect(chosen(["b"])).toEqual(["b"]);
  expect(() => chosen(["b", "c"])).toThrow('the file p.mjs exports no projection "c"; it has a, b');
});
