/**
 * Which decimals a number of JavaScript holds. It is a double: of more than 15 digits, some are lost, and nothing says so.
 */

/**
 * Whether a number that is read from this literal is written with the same value again: `0.10`, `1e3` and
 * `9007199254740992` are, `9007199254740993`, `0.12345678901234567890` and `1e400` are not.
 *
 * @param literal - As in JSON; leading zeros and a `+` do no harm.
 */
export function isExact(literal: string): boolean {
  const value = Number(literal);
  return Number.isFinite(value) && canonical(literal) === canonical(String(value));
}

/**
 * What is wrong with a number that a database returned, if JavaScript cannot hold it: an integer that is no safe one, or a
 * fraction with more digits than a double has. What is not finite is no matter of digits.
 */
export function problemOfSqlNumber(text: string): string | undefined {
  const value = Number(text);
  if (!Number.isFinite(value) && !/\d/.test(text)) return undefined;
  const isHeld = isExact(text) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  if (isHeld) return undefined;
  const remedy = "CAST it AS TEXT to have every digit, or AS DOUBLE PRECISION to have it rounded";
  return `it returns ${text}, which a number of JavaScript cannot hold; ${remedy}`;
}

/** Sign, digits and exponent, each number in one way. */
function canonical(literal: string): string {
  const [, sign, integer = "", fraction = "", exponent = "0"] =
    /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(literal) ?? [];
  const digits = `${integer}${fraction}`;
  let [begin, end] = [0, digits.length];
  while (begin < end && digits[begin] === "0") begin++;
  while (begin < end && digits[end - 1] === "0") end--;
  if (begin === end) return "0";
  const scale = Number(exponent) - fraction.length + (digits.length - end);
  return `${sign === "-" ? "-" : ""}${digits.slice(begin, end)}e${scale}`;
}
