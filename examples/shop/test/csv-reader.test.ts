import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type InvalidLine, InvalidRecord, readCsv } from "../src/csv-reader.ts";
import { tempFolder } from "./support/temp-folder.ts";
import { writeCsv } from "./support/transactions.ts";

interface Read {
  readonly rows: Array<readonly [line: number, ...fields: string[]]>;
  readonly invalid: InvalidLine[];
}

async function readAll(path: string, refused?: string): Promise<Read> {
  const read: Read = { rows: [], invalid: [] };
  const pages = readCsv(path, (fields, line) => {
    if (fields[0] === refused) throw new InvalidRecord("it is refused");
    return [line, ...fields] as const;
  });
  for await (const { rows, invalid } of pages) {
    read.rows.push(...rows);
    read.invalid.push(...invalid);
  }
  return read;
}

test("numbers records by the line they begin on, across blank lines and quoted line breaks", async () => {
  const path = writeCsv(tempFolder(), "a.csv", 'a,b\r\n\r\n1,"x\ny"\n\n2,z');
  const { rows, invalid } = await readAll(path);
  expect(rows).toEqual([
    [1, "a", "b"],
    [3, "1", "x\ny"],
    [6, "2", "z"],
  ]);
  expect(invalid).toEqual([]);
});

test("a record that is not valid costs one line, and the lines after it are read", async () => {
  const path = writeCsv(tempFolder(), "a.csv", '1,"x"y\n2,b\n3,"open\n4,c\n5,d"e\n6,f\n');
  const { rows, invalid } = await readAll(path);
  expect(rows.map(([line]) => line)).toEqual([2, 4, 6]);
  expect(invalid).toEqual([
    { line: 1, text: '1,"x"y', problem: "a closing quote is not followed by a comma or the line's end" },
    { line: 3, text: '3,"open', problem: "a closing quote is not followed by a comma or the line's end" },
    { line: 5, text: '5,d"e', problem: "a quote stands inside a field that does not begin with one" },
  ]);
});

test("a quote that is never closed costs its own line only", async () => {
  const path = writeCsv(tempFolder(), "a.csv", '1,a\n2,"never\n3,b\n');
  const { rows, invalid } = await readAll(path);
  expect(rows.map(([line]) => line)).toEqual([1, 3]);
  expect(invalid).toEqual([{ line: 2, text: '2,"never', problem: "a quote is never closed" }]);
});

test("a record that the decoder refuses costs its first line only", async () => {
  const path = writeCsv(tempFolder(), "a.csv", '1,"x\n2,y\n3,z"\n4,w\n');
  const { rows, invalid } = await readAll(path, "1");
  expect(invalid.map(({ line, problem }) => [line, problem])).toEqual([
    [1, "it is refused"],
    [3, "a quote stands inside a field that does not begin with one"],
  ]);
  expect(rows).toEqual([
    [2, "2", "y"],
    [4, "4", "w"],
  ]);
});

test("reads what any writer of CSV wrote, wherever pages end, plain and compressed alike", async () => {
  const field = fc.stringMatching(/^[a-z ,"\n]{0,12}$/);
  const folder = tempFolder();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 20 }), async (records) => {
      const named = records.map(([a, b]): [string, string] => [`r${a}`, b]);
      const text = named.map((record) => record.map(quote).join(",")).join("\n");
      const repeats = Math.ceil(600_000 / (text.length + 1));
      const path = writeCsv(folder, "big.csv.gz", `${text}\n`.repeat(repeats));
      const { rows, invalid } = await readAll(path);
      expect(invalid).toEqual([]);
      expect(rows.length).toBe(named.length * repeats);
      expect(rows.slice(-named.length).map(([, ...fields]) => fields)).toEqual(named);
    }),
    { numRuns: 5, seed: 2010 },
  );
});

test("refuses a line without end", async () => {
  const path = writeCsv(tempFolder(), "a.csv", `1,a\n2,${"x".repeat(1_000_000)}`);
  await expect(readAll(path)).rejects.toMatchObject({ code: "LINE_INVALID", details: { line: 2 } });
});

test("a missing file, a folder and broken gzip are named as such", async () => {
  const folder = tempFolder();
  const text = join(folder, "text.csv.gz");
  writeFileSync(text, "a,b\n");
  const invalid = { code: "FILE_UNREADABLE" };
  await expect(readAll(`${folder}/none.csv`)).rejects.toMatchObject({
    ...invalid,
    message: expect.stringMatching(/there is no such file/),
  });
  await expect(readAll(folder)).rejects.toMatchObject({
    ...invalid,
    message: expect.stringMatching(/is a folder/),
  });
  await expect(readAll(text)).rejects.toMatchObject({
    ...invalid,
    message: expect.stringMatching(/not a whole gzip file/),
  });
});

function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
