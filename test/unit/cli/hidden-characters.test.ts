/**
 * Whatever comes from a store, a file or the command line, nothing of it acts on a terminal, hides, or passes for output of the
 * command itself.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { printable, visible } from "../../../src/cli/format.ts";
import { HithertoError } from "../../../src/core/errors.ts";
import { projection } from "../../../src/core/projection.ts";
import { consumer } from "../../../src/runtime/consumers/define-consumer.ts";
import type { Hitherto } from "../../../src/runtime/hitherto.ts";
import { openMemoryStore } from "../../../src/store/memory-store.ts";
import { cliOn, runCli } from "./run-cli.ts";
import type { RunOptions } from "./run-cli.ts";

const range = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => String.fromCodePoint(from + index)).join("");

/** What a name may hold: all but C0, DEL and halves of surrogate pairs. */
const inNames = [
  range(0x80, 0x9f),
  "\u00ad\u034f\u061c\u115f\u180e\u3164\ufeff",
  range(0x200b, 0x200f),
  range(0x2028, 0x202e),
  range(0x2060, 0x206f),
  "\ufe0f\uffa0\ufff9\uffff\ue000\u{1d173}\u{e0001}",
  range(0xe0061, 0xe0069),
  "\u{e0100}\u{f0000}\u{10ffff}",
].join("");

/** What any other text may hold. */
const inText = `${range(0x00, 0x1f)}\u007f\u001b]0;title\u0007\u001b[8m\u001b[31m\ud800${inNames}\udc00\nSEEMS TO BE OURS`;

const name = `a${inNames}z`;
const text = `a${inText}z`;

/** Everything that output must not hold, and what a lone surrogate becomes on its way out. */
const forbidden = /(?!\n)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\ufffd]/u;

/** What the command itself draws with, where it draws in place. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const drawing = /\u001b(?:\[(?:\d*[AGJK]|2J|H|\?25[lh]|\?7[lh])|7|8)|\r/g;

function expectVisible(output: string): void {
  const rest = output.replace(drawing, "");
  const found = forbidden.exec(rest);
  const place = rest.slice(Math.max(0, (found?.index ?? 0) - 60), found?.index);
  expect(found && `U+${found[0].codePointAt(0)?.toString(16)} after ${place}`).toBe(null);
  expect(rest).not.toMatch(/^SEEMS/m);
}

const emails = consumer("emails", {
  partitionBy: ({ stream }) => stream,
  on: {
    [name]: () => {
      throw new Error(text);
    },
  },
  retry: { max: 0 },
});
const totals = projection("totals", {
  initial: () => ({}),
  evolve: {
    [name]: () => {
      throw new Error(text);
    },
  },
});

/** Hostile events, some of them parked, and a projection that has halted. */
async function aHostileStore(): Promise<ReturnType<typeof cliOn>> {
  const { store, run } = cliOn(openMemoryStore(), { onError: () => undefined });
  const metadata = { [text]: text, correlationId: `c${name}` };
  await store.append({
    stream: `s-${name}`,
    events: [1, 2].map(() => ({ type: name, data: { [text]: [text] }, tags: [name], metadata })),
  });
  await store.setStreamPolicy(`s-${name}`, { maxCount: 10 });
  await using member = await store.consume(emails);
  await member.caughtUp();
  await halt(store);
  return { store, run };
}

async function halt(store: Hitherto): Promise<void> {
  await using runner = await store.runProjections([totals], { retry: { max: 0 } });
  await runner.caughtUp().catch(() => undefined);
}

const folder = mkdtempSync(join(tmpdir(), "hitherto-hidden-"));
const definitions = join(folder, "definitions.mjs");
beforeAll(() => writeFileSync(definitions, `throw new Error(${JSON.stringify(text)});`));
afterAll(() => rmSync(folder, { recursive: true }));

// Names of files are shorter.
const file = join(folder, "a\u0085\u200b\u202e\u{e0041}z");
const onStore: readonly (readonly [args: readonly string[], stdin?: string])[] = [
  [["read"]],
  [["read", `s-${name}`]],
  [["read", "--verbose"]],
  [["read", "--type", name, "--tag", name]],
  [["read", "new", "--from", text]],
  [["streams"]],
  [["streams", "--prefix", `s-${name}`]],
  [["stats"]],
  [["verify"]],
  [["export"]],
  [["export", "--format", "cloudevents", "--source", `urn:${name}`]],
  [["export", "--out", file]],
  [["export", "--out", join(file, "no folder")]],
  [["export", "--out", `${file}\nSEEMS TO BE OURS`]],
  [["import", `${file}\nSEEMS TO BE OURS`]],
  [["append", "s", "--type", name, "--data", `@${file}\nSEEMS TO BE OURS`]],
  [["projections", "run", "--definitions", `${file}\nSEEMS TO BE OURS`]],
  [["backup", `${file}\nSEEMS TO BE OURS`]],
  [["restore", `${file}\nSEEMS TO BE OURS`]],
  [["append", `s-${name}`, "--type", name, "--data", JSON.stringify(text), "--metadata", `${name}=${name}`]],
  [["append", `s-${name}`, "--type", text]],
  [["append", text, "--type", name]],
  [["append", "s", "--type", name, "--data", text]],
  [["append", "s", "--type", name, "--data", `@${file}`]],
  [["append", `s-${name}`, "--type", name, "--expect", "none"]],
  [["append", "s"], text],
  [["import", "-"], `${JSON.stringify({ type: text, [text]: text })}\n`],
  [["import", "-", "--skip-invalid"], `${text}\n{"${name}":1}\n`],
  [["import", join(file, "none")]],
  [["projections", "list"]],
  [["projections", "status", "totals"]],
  [["projections", "status", name]],
  [["projections", "pause", name]],
  [["projections", "reset", "totals"], "n\n"],
  [["projections", "run", name, "--definitions", join(folder, name)]],
  [["projections", "run", "--definitions", definitions]],
  [["consumers", "list"]],
  [["consumers", "status", "emails"]],
  [["consumers", "status", name]],
  [["consumers", "partitions", "emails", text]],
  [["parked", "list"]],
  [["parked", "list", "--key", `s-${name}`]],
  [["parked", "show", "--consumer", "emails", "--all"]],
  [["parked", "replay", "--consumer", name, "--all"]],
  [["parked", "discard", "--consumer", "emails", "--key", `s-${name}`], "n\n"],
  [["parked", "discard", "--consumer", "emails", "--all", "--yes"]],
];

/** What ends before a store is opened. */
const withoutStore: readonly (readonly string[])[] = [
  [text],
  [`--${text}`],
  ["read", `--${text}`],
  ["read", "--limit", text],
  ["export", "--format", text],
  ["append", text, text, text],
  ["help", text],
];

const surroundings: readonly (readonly [string, RunOptions])[] = [
  ["a terminal", { isTerminal: true, env: { HITHERTO_STORE: name, NO_COLOR: "1" } }],
  ["a pipe", { env: { HITHERTO_STORE: name } }],
];

describe.each(surroundings)("on %s, no hidden character is written", (_, options) => {
  test.each(["text", "json"])("as %s, by any command", async (form) => {
    const { run } = await aHostileStore();
    const done: unknown[] = [];
    for (const [args, stdin] of onStore) {
      const given = form === "json" ? [...args, "--json"] : args;
      const outcome = await run(given, { ...options, ...(stdin !== undefined && { stdin }) });
      if (outcome.exitCode === 0) done.push(args);
      if (args[0] !== "export" || options.isTerminal === true) expectVisible(outcome.out);
      expectVisible(outcome.err);
    }
    // Most of what is only shown, or the sweep sees nothing but refusals.
    expect(done.length).toBeGreaterThan(15);
  });

  test.each(["text", "json"])("as %s, when the command line or the store is wrong", async (form) => {
    const failing = {
      open: () =>
        Promise.reject(
          form === "json" ? new Error(text) : new HithertoError("STORE_IO", { store: text, problem: text }),
        ),
    };
    const json = form === "json" ? ["--json"] : [];
    for (const args of [...withoutStore, ["stats"], ["stats", "--store", text]]) {
      const outcome = await runCli([...args, ...json], { ...options, ...failing });
      expectVisible(outcome.out);
      expectVisible(outcome.err);
      expect(outcome.err).not.toBe("");
    }
  });
});

test("JSON says the same on a terminal and in a pipe, and what is stored", async () => {
  const { run, store } = await aHostileStore();
  const [onTerminal, inPipe] = await Promise.all(
    surroundings.map(async ([, options]) => (await run(["read", "--json"], options)).out),
  );
  expect(onTerminal).toBe(inPipe);
  const events = onTerminal!
    .trimEnd()
    .split("\n")
    .map((one) => JSON.parse(one) as { stream: string; data: unknown });
  const stored = await store.read().toArray();
  expect(events.map(({ stream, data }) => ({ stream, data }))).toEqual(
    stored.map(({ stream, data }) => ({ stream, data })),
  );
});

test("an export that is piped has the bytes of one that is written to a file", async () => {
  const { run } = await aHostileStore();
  const { out } = await run(["export"]);
  expect(out).toContain(name);
  const onTerminal = (await run(["export"], { isTerminal: true })).out;
  expect(onTerminal).not.toContain(name);
  expect(
    onTerminal
      .trimEnd()
      .split("\n")
      .map((one) => JSON.parse(one) as unknown),
  ).toEqual(
    out
      .trimEnd()
      .split("\n")
      .map((one) => JSON.parse(one) as unknown),
  );
});

describe("visible text", () => {
  test("keeps letters of any script, marks, spaces and emoji", () => {
    const kept = "Zoë Ελληνικά עברית العربية हिन्दी 漢字 한국어 e\u0301 \u00a0 \u3000 🙂🇫🇷 ½ “…”";
    expect(printable(kept)).toBe(kept);
    expect(visible(`${kept}\n`, false)).toBe(`${kept}\n`);
  });

  test("shows everything else as escapes that JSON reads back", () => {
    const shown = printable(text);
    expect(shown).toMatch(/^[ -~]*$/);
    expect(JSON.parse(`"${shown.replaceAll('"', String.raw`\"`)}"`)).toBe(text);
  });

  test("keeps the colours of the command itself, where it has any", () => {
    const coloured = "\u001b[31mred\u001b[39m \u001b[1mbold\u001b[22m";
    expect(visible(coloured, true)).toBe(coloured);
    expect(visible(coloured, false)).not.toContain("\u001b");
    for (const other of ["\u001b[8m", "\u001b[2J", "\u001b[31;1m", "\u001b]8;;x\u0007", "\u009b31m"]) {
      expect(visible(other, true)).not.toMatch(forbidden);
    }
  });
});
