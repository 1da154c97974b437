/**
 * Says what went wrong and what to do next, to a person or to a program.
 */
import { CommanderError } from "commander";
import { isHithertoError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";
import { redactText, redactUrl } from "../core/redact-url.ts";
import { paintFor } from "./colours.ts";
import { printable } from "./format.ts";
import { exitCodes } from "./surroundings.ts";
import type { ExitCode, Surroundings } from "./surroundings.ts";

/** What helps with an error, as a sentence for whoever typed the command. */
const advice: Readonly<Partial<Record<ErrorCode, string>>> = {
  APPEND_EMPTY: "Give --type and --data, or pipe events in, one JSON object a line.",
  APPEND_TOO_LARGE: "Append fewer events at a time; import takes any number.",
  ARGUMENT_INVALID: "Add --help to see what is possible.",
  BACKUP_UNSUPPORTED: "See docs/guide/backup-and-restore.md.",
  CONSUMER_UNKNOWN: "Check the name; hitherto consumers list shows them all.",
  DEFINITION_REPEATED: "Give one of them another name, or name the one to run.",
  EVENT_ID_CONFLICT: "Leave --id out to have a new id made, or look at the stored event with read.",
  EVENT_INVALID: "Mend that part of the event; hitherto append --help says what each may be.",
  EVENT_NOT_JSON: "Give data that JSON can carry: no number beyond 1.8e308, no nesting beyond the limit.",
  EVENT_TOO_LARGE: "Keep large contents elsewhere and put a reference into the event.",
  FILE_UNREADABLE: "Check the name, that you may read it, and that it holds what it should.",
  FILE_UNWRITABLE: "Check the folder, the rights and the space on the disk.",
  IMPORT_CONFLICT:
    "What came before that line is imported. Import into an empty store, or add --renumber to give the events new revisions.",
  LINE_INVALID:
    "Mend the line and run the command again (an import does not repeat what it has done), or leave such lines out with import --skip-invalid.",
  NAME_INVALID: "Names are text of limited length without control characters.",
  PARKED_FULL: "Replay or discard some: hitherto parked --help.",
  PARKED_UNKNOWN: "Look at what is parked: hitherto parked list.",
  PROJECTION_OUTDATED: "Run the newer code; or raise the version of this one above the stored one.",
  PROJECTION_UNKNOWN: "Check the name; hitherto projections list shows them all.",
  REVISION_CONFLICT: "Read the stream, decide again, and give the revision that you saw with --expect.",
  SQL_FAILED: "Mend the statement in the projection.",
  STORE_BUSY: "Try again when the other process is done.",
  STORE_DRIVER_MISSING: "Run that in the folder where hitherto is installed.",
  STORE_DAMAGED:
    "Run hitherto verify for the whole picture. A damaged record of a consumer or projection goes when that is removed; otherwise restore a backup, and do not write to the store.",
  STORE_FORMAT_NEWER: "Update hitherto: npm install hitherto@latest.",
  STORE_FULL: "Make room on the disk and run the command again.",
  STORE_HARD_LINKED: "Find the other names with find / -samefile FILE, and remove them.",
  STORE_IO: "See that the disk or the server is there and works, then run the command again.",
  STORE_LOGIN_REFUSED: "Check user and password; the variable PGPASSWORD keeps the password out of the URL.",
  STORE_NOT_A_STORE: "Check the path or the schema: what is there belongs to something else.",
  STORE_NOT_FOUND: "Check the path or URL. Only append, import, restore and migrate make a new store.",
  STORE_READ_ONLY: "Check the rights of the file and of its folder.",
  STORE_REPLACED: "Check who removed, renamed or replaced the file, then run the command again.",
  STORE_RIGHTS_MISSING:
    "Grant it, or use the URL of the owner; hitherto migrate --grant gives a role its rights.",
  STORE_SERVER_UNSUPPORTED: "Use PostgreSQL 14 or later, and a database made with ENCODING 'UTF8'.",
  STORE_TIMEOUT: "Give the role a longer statement_timeout, or find out what makes the server slow.",
  STORE_UNREACHABLE: "Check host and port in the URL, and that the server runs.",
  STORE_URL_UNKNOWN: "Give a path such as shop.db, or a URL such as postgres://localhost/shop.",
  STREAM_TOMBSTONED: "Use another stream; a tombstone is for ever.",
};

const usageCodes: readonly ErrorCode[] = ["ARGUMENT_INVALID", "NAME_INVALID", "STORE_URL_UNKNOWN"];

/** Writes the error to standard error and gives the exit code that it calls for. */
export function reportError(error: unknown, surroundings: Surroundings, isJson: boolean): ExitCode {
  if (isHithertoError(error, "ABORTED") && surroundings.signal.aborted) return exitCodes.interrupted;
  const description = withoutSecrets(describe(error));
  surroundings.stderr.write(isJson ? `${JSON.stringify(description)}\n` : inWords(description, surroundings));
  if (description.code === "USAGE" || isHithertoError(error, ...usageCodes)) return exitCodes.usage;
  return exitCodes.failed;
}

/** The last net: errors of other programs, and arguments in the wrong place, may hold the URL of a store. */
function withoutSecrets(description: Description): Description {
  const redact = (_key: string, value: unknown): unknown =>
    typeof value === "string" ? redactText(value) : value;
  return JSON.parse(JSON.stringify(description, redact)) as Description;
}

interface Description {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly advice?: string | undefined;
  readonly details?: unknown;
  readonly isRetryable?: boolean;
}

function describe(error: unknown): Description {
  if (isHithertoError(error)) return { ...error.toJSON(), advice: advice[error.code] };
  if (error instanceof CommanderError) {
    // It quotes what was typed.
    const message = sentence(
      error.message.replace(/'([\s\S]*)'/, (_, typed: string) => `'${redactUrl(typed)}'`),
    );
    return { name: "UsageError", code: "USAGE", message, advice: "Add --help to see what is possible." };
  }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return {
    name,
    code: "UNEXPECTED",
    message: `Something failed that should not: ${message}`,
    advice: "This is a defect of Hitherto; please report it with these lines.",
    details: { stack },
  };
}

/** Commander begins its messages with `error: ` and a small letter. */
function sentence(message: string): string {
  const text = message
    .replace(/^error: /, "")
    .trim()
    .replaceAll("\n", " ");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?!)]$/.test(text) ? "" : "."}`;
}

function stackOf(details: unknown): string {
  const stack = String((details as { stack?: string }).stack);
  return stack.split("\n").map(printable).join("\n  ");
}

function inWords({ code, message, advice: next, details }: Description, surroundings: Surroundings): string {
  const paint = paintFor(surroundings.stderr, surroundings.env);
  const lines = [
    // Indented, so that no line of a text from elsewhere passes for one of the command itself.
    `${paint("red", message.split("\n").map(printable).join("\n  "))} ${paint("dim", `[${code}]`)}`,
  ];
  if (next !== undefined) lines.push(next);
  if (code === "UNEXPECTED") lines.push(stackOf(details));
  return `${lines.join("\n")}\n`;
}
