import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { createProgram } from "../../../src/cli/program.ts";
import { HithertoError } from "../../../src/core/errors.ts";
import { cliOn, runCli } from "./run-cli.ts";

const program = createProgram({
  open: () => Promise.reject(new Error("not opened here")),
  stdin: new PassThrough(),
  stdout: new PassThrough(),
  stderr: new PassThrough(),
  env: {},
  signal: new AbortController().signal,
  version: "1.2.3",
});

/** Every command by its words, groups included: `projections`, then `projections list`. */
const commands = program.commands.flatMap((command) => [
  command.name(),
  ...command.commands.map((inner) => `${command.name()} ${inner.name()}`),
]);

describe("help", () => {
  test("teaches the commands", async () => {
    const { out, exitCode } = await runCli(["--help"], {});
    await expect(out).toMatchFileSnapshot("help/hitherto.txt");
    expect(exitCode).toBe(0);
  });

  test.each(commands)("teaches %s with an example", async (name) => {
    const { out, exitCode } = await runCli([...name.split(" "), "--help"], {});
    await expect(out).toMatchFileSnapshot(`help/${name.replace(" ", "-")}.txt`);
    expect(out).toMatch(new RegExp(`^ {2}\\$ .*hitherto ${name} `, "m"));
    expect(exitCode).toBe(0);
  });

  test.each(["", ...commands])("fits 80 columns: %s", async (name) => {
    const { out } = await runCli([...name.split(" ").filter(Boolean), "--help"], {});
    expect(Math.max(...out.split("\n").map((one) => one.length))).toBeLessThanOrEqual(80);
  });

  test.each(["", "projections", "consumers", "parked"])(
    "is shown, as a mistake, when no command is given: %s",
    async (name) => {
      const { err, exitCode } = await runCli(name.split(" ").filter(Boolean), {});
      expect(err).toContain(`Usage: ${`hitherto ${name}`.trimEnd()} [options] [command]`);
      expect(exitCode).toBe(2);
    },
  );
});

describe("the program", () => {
  test("says its version", async () => {
    expect(await runCli(["--version"], {})).toEqual({ exitCode: 0, out: "1.2.3\n", err: "" });
  });

  test("refuses an unknown command", async () => {
    const { err, exitCode } = await runCli(["raed"], {});
    expect(err).toBe(
      "Unknown command 'raed' (Did you mean read?) [USAGE]\nAdd --help to see what is possible.\n",
    );
    expect(exitCode).toBe(2);
  });

  test("wants a store", async () => {
    const { err, exitCode } = await runCli(["stats"], { env: {} });
    expect(err).toContain("No store is named; give --store URL or set HITHERTO_STORE. [USAGE]");
    expect(exitCode).toBe(2);
  });

  test.each([
    [["stats", "--store", "a.db"], "a.db"],
    [["--store", "a.db", "stats"], "a.db"],
    [["stats"], "from-env.db"],
  ])("finds the store of %j", async (args, url) => {
    const opened: unknown[] = [];
    await runCli(args, {
      env: { HITHERTO_STORE: "from-env.db" },
      open: async (...given) => {
        opened.push(given);
        throw new HithertoError("STORE_NOT_FOUND", { store: url, problem: "it is a test" });
      },
    });
    expect(opened).toEqual([[url, { mode: "read", onError: expect.any(Function) as unknown }]]);
  });

  test.each([
    ["append s --type A", "create"],
    ["import -", "create"],
    ["read", "read"],
    ["streams", "read"],
    ["stats", "read"],
    ["verify", "read"],
    ["export", "read"],
    ["projections list", "read"],
    ["projections status a", "read"],
    ["projections pause a", "write"],
    ["projections resume a", "write"],
    ["projections rebuild a", "write"],
    ["projections reset a --yes", "write"],
    ["projections remove a --yes", "write"],
    ["consumers list", "read"],
    ["consumers status a", "read"],
    ["consumers pause a", "write"],
    ["consumers resume a", "write"],
    ["consumers reset a --to start --yes", "write"],
    ["consumers partitions a 4", "write"],
    ["consumers remove a --yes", "write"],
    ["parked list", "read"],
    ["parked show --consumer a --all", "read"],
    ["parked replay --consumer a --all", "write"],
    ["parked discard --consumer a --all --yes", "write"],
  ])("opens the store of %s in order to %s", async (args, mode) => {
    const modes: string[] = [];
    await cliOn().run(args.split(" "), {
      open: async (_url, options) => {
        modes.push(options.mode);
        throw new HithertoError("STORE_NOT_FOUND", { store: "a.db", problem: "it is a test" });
      },
    });
    expect(modes).toEqual([mode]);
  });
});

describe("an error", () => {
  const failing = (error: Error): { open: () => Promise<never> } => ({
    open: async () => {
      throw error;
    },
  });
  const notFound = new HithertoError("STORE_NOT_FOUND", { store: "a.db", problem: "there is no such file" });

  test("is one sentence with its code, and what to do next", async () => {
    expect(await runCli(["stats"], failing(notFound))).toEqual({
      exitCode: 1,
      out: "",
      err:
        "There is no store at a.db: there is no such file. [STORE_NOT_FOUND]\n" +
        "Check the path or URL. Only append, import, restore and migrate make a new store.\n",
    });
  });

  test("is a JSON object with --json", async () => {
    const { err } = await runCli(["stats", "--json"], failing(notFound));
    expect(JSON.parse(err)).toEqual({
      ...notFound.toJSON(),
      advice: "Check the path or URL. Only append, import, restore and migrate make a new store.",
    });
  });

  test("of the command line is a JSON object with --json too", async () => {
    const { err, exitCode } = await runCli(["stats", "--json", "--no-such"], {});
    expect(JSON.parse(err)).toMatchObject({
      name: "UsageError",
      code: "USAGE",
      message: "Unknown option '--no-such'.",
    });
    expect(exitCode).toBe(2);
  });

  test("with a URL that nothing answers to is a wrong command line", async () => {
    const error = new HithertoError("STORE_URL_UNKNOWN", { url: "redis:", known: ["memory:"] });
    expect((await runCli(["stats"], failing(error))).exitCode).toBe(2);
  });

  test("that nobody foresaw shows its stack and asks for a report", async () => {
    const { err, exitCode } = await runCli(["stats"], failing(new TypeError("x is not a function")));
    expect(err).toContain("Something failed that should not: x is not a function [UNEXPECTED]");
    expect(err).toContain("program.test.ts");
    expect(exitCode).toBe(1);
  });

  test("shows what comes from elsewhere without its control characters", async () => {
    const error = new HithertoError("STORE_NOT_FOUND", { store: "\u001b[2J", problem: "it is a test" });
    expect((await runCli(["stats"], failing(error))).err).toContain(String.raw`\u001b[2J`);
  });
});

describe("colours", () => {
  // oxlint-disable-next-line no-control-regex -- escape sequences are what it looks for
  const escapes = /\u001b\[/;

  test.each([
    ["a pipe", false, {}, false],
    ["a terminal", true, {}, true],
    ["a terminal with NO_COLOR", true, { NO_COLOR: "1" }, false],
    ["a terminal with an empty NO_COLOR", true, { NO_COLOR: "" }, true],
    ["a dumb terminal", true, { TERM: "dumb" }, false],
    ["a pipe with FORCE_COLOR", false, { FORCE_COLOR: "1" }, true],
    ["a terminal with FORCE_COLOR=0", true, { FORCE_COLOR: "0" }, false],
    ["NO_COLOR and FORCE_COLOR", true, { NO_COLOR: "1", FORCE_COLOR: "1" }, false],
  ])("on %s", async (_where, isTerminal, env, isColoured) => {
    const options = { isTerminal, env: { ...env, HITHERTO_STORE: "memory:" } };
    const { run, store } = cliOn();
    await store.append({ stream: "a", events: [{ type: "A", data: 1 }] });
    expect(escapes.test((await run(["read"], options)).out)).toBe(isColoured);
    expect(escapes.test((await run(["read", "--help"], options)).out)).toBe(isColoured);
    expect(escapes.test((await run(["frob"], options)).err)).toBe(isColoured);
    expect(escapes.test((await run(["read", "--json"], options)).out)).toBe(false);
  });
});
