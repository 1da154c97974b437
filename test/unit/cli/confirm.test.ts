import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Cli } from "../../../src/cli/cli.ts";
import { confirm } from "../../../src/cli/confirm.ts";
import { isHithertoError } from "../../../src/core/errors.ts";

interface Terminal {
  readonly cli: Cli;
  readonly stdin: PassThrough;
  readonly shown: () => string;
}

function aTerminal(signal: AbortSignal = new AbortController().signal, isTTY = true): Terminal {
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const stderr = new PassThrough();
  const open = (): Promise<never> => Promise.reject(new Error("not opened here"));
  const cli = new Cli({ stdin, stdout: new PassThrough(), stderr, env: {}, signal, version: "1", open }, {});
  return { cli, stdin, shown: () => String(stderr.read() ?? "") };
}

test.each(["y", "Y", "yes", " yes "])("takes %j for a yes", async (answer) => {
  const { cli, stdin, shown } = aTerminal();
  stdin.write(`${answer}\n`);
  expect(await confirm(cli, "Forget it?", {})).toBe(true);
  expect(shown()).toBe("Forget it? [y/N] ");
  expect(cli.exitCode).toBe(0);
});

test.each(["n", "", "yep", "ja"])("takes %j for a no, and fails", async (answer) => {
  const { cli, stdin, shown } = aTerminal();
  stdin.write(`${answer}\n`);
  expect(await confirm(cli, "Forget it?", {})).toBe(false);
  expect(shown()).toContain("Nothing was changed.");
  expect(cli.exitCode).toBe(1);
});

test("takes the end of the input for a no", async () => {
  const { cli, stdin } = aTerminal();
  stdin.end();
  expect(await confirm(cli, "Forget it?", {})).toBe(false);
});

test("ends when it is interrupted", async () => {
  const interruption = new AbortController();
  const { cli } = aTerminal(interruption.signal);
  const asked = confirm(cli, "Forget it?", {}).catch((error: unknown) => error);
  interruption.abort();
  expect(isHithertoError(await asked, "ABORTED")).toBe(true);
});

test("does not ask whoever said --yes", async () => {
  const { cli, shown } = aTerminal();
  expect(await confirm(cli, "Forget it?", { yes: true })).toBe(true);
  expect(shown()).toBe("");
});

test("wants --yes where nobody can be asked", async () => {
  const { cli } = aTerminal(undefined, false);
  await expect(confirm(cli, "Forget it?", {})).rejects.toThrow("add --yes if it is meant");
});
