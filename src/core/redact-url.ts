/**
 * Secrets in what is, or was meant to be, the URL of a store.
 *
 * Texts that are no URLs are what this is for: a mistyped URL ends up in an error, and there its password is read by those
 * who may not know it. So the rules need no parser, and rather mask too much: of a text that no parser takes, everything
 * before the last `@` goes, the user's name included. What cannot be told is a password that has run into another
 * part, such as the user's name in `postgres://adasecret@host`.
 */

/** Stands for what was masked. */
export const masked = "***";

/** Names of parameters whose values are secrets. A part is enough: `sslpassword`, `access_token`, `sslkey`. */
const secretName = "[\\w.%-]*(?:pass|pwd|secret|token|sslkey|api_?key|credential)[\\w.%-]*";

/** A secret parameter in a query, with its value up to the next parameter. */
const inQuery = new RegExp(`([?&;#]\\s*${secretName}\\s*=)[^&]*`, "giu");

/** A secret setting in a connection string of `key=value` pairs, or in JSON. */
const inPairs = new RegExp(
  `((?:^|[\\s,{"'])${secretName}(?:\\s*=|["']\\s*:)\\s*)('(?:[^'\\\\]|\\\\.|'')*'|"(?:[^"\\\\]|\\\\.)*"|[^\\s&;,}]+)`,
  "giu",
);

/** What may be a URL with a user, within other text: up to the last `@` before a blank or a quote. */
const urlInText = /[a-z][a-z\d+.-]*(?::[/\\]{1,2}|[/\\]{2})[^\s"'`<>]*@/giu;

/** What a URL begins with, however it is misspelt: marks, a scheme, colons and slashes of either kind. */
const beginning =
  /^(?:[^a-z\d[]*(?=[a-z][a-z\d+.-]*:[/\\])|[\s"'`<(?&%#]*)(?:[a-z][a-z\d+.-]*(?=:|[/\\]{2}))?[:/\\\s]*/iu;

/** A name and a colon that no port follows. */
const nameAndColon = /^(?!\[)([^:/\\?#\s]*)\s*:(?!\d{1,5}\s*(?:[/?#]|$))/u;

/**
 * The text with every password and key in it masked, to be shown in a message: `postgres//ada:secret@host/bank` becomes
 * `postgres//***@host/bank`.
 */
export function redactUrl(text: string): string {
  return redactUser(text.replaceAll(inQuery, `$1${masked}`).replaceAll(inPairs, `$1${masked}`));
}

/** A message or another text with every URL in it redacted that a user stands in, and every `password=`. */
export function redactText(text: string): string {
  const masking = text.replaceAll(inQuery, `$1${masked}`).replaceAll(inPairs, `$1${masked}`);
  return masking.replaceAll(urlInText, (url) => redactUser(url));
}

function redactUser(text: string): string {
  const begin = beginning.exec(text)?.[0] ?? "";
  const rest = text.slice(begin.length);
  const at = rest.lastIndexOf("@");
  // A name alone, without a password.
  if (/^[a-z][a-z\d+.-]*:\/\/[\w.-]+@[^@]*$/iu.test(text)) return text;
  if (at >= 0) return `${begin}${nameIn(text)}${masked}${rest.slice(at)}`;
  const [named, name] = nameAndColon.exec(rest) ?? [];
  return named === undefined ? text : `${begin}${name}:${masked}`;
}

/** The user's name and a colon, where it is sure to be one: the parser says so, it is a plain word, and no `@` is left elsewhere. */
function nameIn(text: string): string {
  if (!URL.canParse(text)) return "";
  const { username, pathname, search, hash } = new URL(text);
  const isSure = /^[\w.-]+$/u.test(username) && !`${pathname}${search}${hash}`.includes("@");
  return isSure ? `${username}:` : "";
}
