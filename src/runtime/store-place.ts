/**
 * What the location of a store says: every spelling that people bring from SQLite, its drivers and other tools is taken
 * for what it means, or refused with the right spelling. Nothing in it is ignored.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HithertoError } from "../core/errors.ts";
import { nearestName } from "../core/nearest-name.ts";
import { redactUrl } from "../core/redact-url.ts";
import { inWords } from "../store/check-input.ts";

/** What the URL of a store names. */
export type StorePlace =
  | { readonly engine: "memory" }
  | { readonly engine: "sqlite"; readonly path: string }
  | { readonly engine: "postgres"; readonly url: string };

const knownUrls = ["memory:", "sqlite:PATH", "file:///PATH", "PATH", "postgres://HOST/DATABASE"] as const;

/** Reads the URL of a store, in any form that `open` takes. @throws `STORE_URL_UNKNOWN`, `ARGUMENT_INVALID` */
export function placeOf(url: string | URL): StorePlace {
  const text = url instanceof URL ? url.href : url;
  if (typeof text !== "string") refuse(`it must be a URL or a path, not ${inWords(url)}`);
  checkText(text);
  if (/^:memory:$/i.test(text)) return { engine: "memory" };
  const [, scheme = "", rest = ""] = /^([a-z][a-z\d+.-]+):(.*)$/is.exec(text) ?? [];
  const read = scheme === "" ? undefined : schemes[scheme.toLowerCase()];
  if (read !== undefined) return read(rest, text);
  if (scheme !== "") throw unknown(text, insteadOf(scheme.toLowerCase(), rest));
  return pathPlace(text, text);
}

type Scheme = (rest: string, text: string) => StorePlace;

/** By the scheme: what follows its colon, and the whole text. */
const schemes: Readonly<Record<string, Scheme | undefined>> = {
  memory: (rest, text) => {
    if (rest === "") return { engine: "memory" };
    throw unknown(text, "write memory: alone, and share the store that open gives");
  },
  sqlite: (rest, text) => {
    if (rest === "") throw unknown(text);
    if (isMemory(rest)) return { engine: "memory" };
    if (/^\/\/[^/]/.test(rest)) {
      refuse(`${inQuotes(text)} has two slashes: write sqlite:PATH or sqlite:///PATH`);
    }
    const path = rest.startsWith("///") ? rest.slice(2) : rest;
    if (/%[\da-f]{2}/i.test(path)) {
      refuse(`${inQuotes(text)} has a % code, which only file: knows: write the path as it is`);
    }
    return pathPlace(path, text);
  },
  file: (rest, text) => {
    if (isMemory(rest)) return { engine: "memory" };
    refuseParameters(rest, text);
    return pathPlace(rest.startsWith("/") ? absolute(text) : decoded(rest, text), text);
  },
  postgres: (_, text) => ({ engine: "postgres", url: text }),
  postgresql: (_, text) => ({ engine: "postgres", url: text }),
};

const isMemory = (rest: string): boolean => /^(?:\/{2,3})?:memory:$/i.test(rest);

const lengthMax = 4_096;

/** What has crept in from a file of settings, a shell or a program that lacks a value. */
function checkText(text: string): void {
  // No path is so long, and looking for what may be meant takes quadratic time on a long word.
  if (text.length > lengthMax) refuse(`it has ${text.length} characters, more than ${lengthMax}`);
  const trimmed = text.trim();
  if (trimmed === "") refuse("it is empty: give a path or a URL");
  if (trimmed !== text) refuse(`it begins or ends with white space: write ${inQuotes(trimmed)}`);
  const inner = /^(["'`])(.*)\1$/s.exec(text)?.[2];
  if (inner !== undefined) refuse(`it has quotes around it: write ${plain(inner)}`);
  if (/^(?:undefined|null|NaN|true|false|\[object \w+\])$/.test(text)) {
    refuse(`it is the text ${inQuotes(text)}: the value that it was made of is missing`);
  }
}

/**
 * What a path holds only when it is a mistyped URL of a server: `://`, `password=`, or a colon before an `@`. It must not
 * become the name of a file, nor appear in errors about it. The colon of a drive is none of these, and one behind `./`
 * is meant to be part of a name.
 */
const urlOfServer =
  /:[/\\]{2}|(?:password|passwd|pwd)\s*=|^(?!\.{1,2}[/\\](?!.*[/\\]{2})).*(?<!^[a-z]):[^@]*@/isu;

/** The store in a file, whose path may still be none that is meant. */
function pathPlace(path: string, text: string): StorePlace {
  if (urlOfServer.test(path)) throw unknown(path);
  refuseParameters(path, text);
  const fault = pathFaults.find(({ pattern }) => pattern.test(path));
  if (fault !== undefined) refuse(fault.problem(path));
  return { engine: "sqlite", path };
}

interface PathFault {
  readonly pattern: RegExp;
  readonly problem: (path: string) => string;
}

const isWindows = process.platform === "win32";
const never = /(?!)/;

const pathFaults: readonly PathFault[] = [
  {
    pattern: /^:memory/i,
    problem: (path) => `${inQuotes(path)} names no file: write memory: for a store in memory`,
  },
  {
    pattern: /^~(?:[\\/]|$)/,
    problem: (path) =>
      `only a shell knows ~: write ${plain(join(homedir(), path.slice(1)))}, or ./~ for a folder of that name`,
  },
  {
    pattern: /^\$\w|\$\{|^%\w+%/,
    problem: (path) => `${inQuotes(path)} has a variable in it, whose value only a shell puts in`,
  },
  {
    pattern: isWindows ? /[\\/]$/ : /\/$/,
    problem: (path) =>
      `${inQuotes(path)} names a folder: write the file too, such as ${plain(`${path}store.db`)}`,
  },
  {
    pattern: isWindows ? never : /^[a-z]:/i,
    problem: (path) =>
      `${inQuotes(path)} is a path of Windows: write one of this system, or ${plain(`./${path}`)} for a file of that name`,
  },
  {
    pattern: isWindows ? never : /^[^/]*\\/,
    problem: (path) =>
      `${inQuotes(path)} has a backslash, which only Windows takes for a slash: write ${plain(path.replaceAll("\\", "/"))}`,
  },
];

/** A parameter of other tools, and what says the same here. */
const insteadOfParameter: Readonly<Record<string, string>> = {
  mode: 'say it by the option mode ("create", "write" or "read"), or write memory: for a store in memory',
  immutable: 'say it by the option mode: "read"',
  readonly: 'say it by the option mode: "read"',
  timeout: "say it by the option busyTimeoutMs",
  busy_timeout: "say it by the option busyTimeoutMs",
  _busy_timeout: "say it by the option busyTimeoutMs",
  socket_timeout: "say it by the option busyTimeoutMs",
  cache_size: "say it by the option cacheBytes",
  synchronous: "say it by the option durability",
  _synchronous: "say it by the option durability",
};

/** Parameters of a path or a URL of a file. A file with a `?` and a `=` in its name can be opened by `openSqliteStore`. */
function refuseParameters(path: string, text: string): void {
  const isUrl = /^file:/i.test(text);
  if (isUrl && path.includes("#")) refuse(`${inQuotes(text)} has a #: write it as %23`);
  const query = /\?(.*)/s.exec(path)?.[1];
  if (query === undefined) return;
  const name = /^([\w.-]+)=/.exec(query)?.[1];
  // Behind an @, it may be a part of a password.
  if (name !== undefined && !text.includes("@")) {
    const known = nearestName(name, Object.keys(insteadOfParameter));
    const instead = known === undefined ? "leave it out" : insteadOfParameter[known]!;
    refuse(
      `${inQuotes(text)} has the parameter ${inQuotes(name)}, and a store in a file takes none: ${instead}`,
    );
  }
  if (isUrl || name !== undefined) refuse(`${inQuotes(text)} has a ?: a store in a file takes no parameters`);
}

/** A path in a `file:` URL that is relative to the working directory, as SQLite, libsql and Drizzle read it. */
function decoded(rest: string, text: string): string {
  if (rest === "") throw unknown(text);
  try {
    const path = decodeURIComponent(rest);
    if (!path.includes("\0")) return path;
  } catch {
    // See below.
  }
  refuse(`${inQuotes(text)} holds a % that begins no code, or %00: write %25 for a % itself`);
}

function absolute(text: string): string {
  try {
    return fileURLToPath(text);
  } catch {
    // Its cause would repeat the URL.
    refuse(`the file URL ${inQuotes(text)} names no file: write it as file:///PATH, or file:PATH`);
  }
}

/** Schemes of other tools, and how the store that they mean is named here. */
const otherSchemes: ReadonlyArray<readonly [RegExp, (rest: string) => string]> = [
  [/^sqlite3$|^better-sqlite3$/, (rest) => `write sqlite:${rest.replace(/^\/\/(?=[^/])/, "")}`],
  [/^libsql$/, (rest) => (rest.startsWith("//") ? "a libsql server holds no store" : `write sqlite:${rest}`)],
  [/^sqlite\+\w+$/, (rest) => `write sqlite:${rest.replace(/^\/\/\//, "")}`],
  [/^jdbc$/, (rest) => `write ${/^sqlite:/i.test(rest) ? redactUrl(rest) : "postgres://HOST/DATABASE"}`],
  [/^(?:pg|pgsql|psql|postgre|postgresql\+\w+|postgres\+\w+)$/, () => "write postgres://HOST/DATABASE"],
];

function insteadOf(scheme: string, rest: string): string | undefined {
  const other = otherSchemes.find(([pattern]) => pattern.test(scheme));
  if (other !== undefined) return other[1](redactUrl(rest));
  const nearest = nearestName(scheme, Object.keys(schemes));
  return nearest === undefined ? undefined : `write ${nearest}: if that is meant`;
}

function unknown(text: string, instead?: string): HithertoError {
  const details = { url: redactUrl(text), known: knownUrls };
  return new HithertoError("STORE_URL_UNKNOWN", instead === undefined ? details : { ...details, instead });
}

/** A spelling to write instead; none is given where the text may hold a password. */
const plain = (text: string): string =>
  /[@=]/.test(text) || redactUrl(text) !== text ? "it without that" : text;

const inQuotes = (text: string): string => JSON.stringify(redactUrl(text));

function refuse(problem: string): never {
  throw new HithertoError("ARGUMENT_INVALID", { argument: "url", problem });
}
