/**
 * Rejections: the expected "no" of a decision, as a value. What a business rule forbids is an answer, not an error;
 * errors are for what neither the caller nor the rule foresaw.
 */
import { HithertoError } from "./errors.ts";

const brand: unique symbol = Symbol.for("hitherto.rejection");

/** A refused command: why, as a code for programs and a sentence for people. Made by {@link reject}. */
export interface Rejection<Reason extends string = string> {
  /** Marks the value across copies of the package; recognise it with {@link isRejection}. */
  readonly [brand]: true;
  /** Stable code of the rule that refused, such as `account-not-open`. */
  readonly reason: Reason;
  /** The same for people. */
  readonly message: string;
  /** What the caller may want to know, such as the balance that was too low. Undefined when none were given. */
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Refuses a command, as the result of a `decide` function. Nothing is appended; whoever executed the command gets
 * the rejection back.
 *
 * @throws `ARGUMENT_INVALID` when the reason is not a string or is empty, or the message is not a string.
 *
 * @example
 * ```ts
 * import { reject } from "hitherto/core";
 * const refused = reject("balance-too-low", "The balance does not cover the amount.", { balance: 20 });
 * console.log(refused.reason); // "balance-too-low"
 * ```
 */
export function reject<const Reason extends string>(
  reason: Reason,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): Rejection<Reason> {
  if (typeof reason !== "string" || reason === "") {
    throw new HithertoError("ARGUMENT_INVALID", {
      argument: "reason",
      problem: "it must be a string, not empty",
    });
  }
  if (typeof message !== "string") {
    throw new HithertoError("ARGUMENT_INVALID", { argument: "message", problem: "it must be a string" });
  }
  const rejection = { reason, message, details };
  // Not enumerable, so that a rejection prints and serialises as its three fields.
  Object.defineProperty(rejection, brand, { value: true });
  return Object.freeze(rejection) as Rejection<Reason>;
}

/**
 * Whether a value is a rejection, from whichever copy of the package.
 *
 * @example
 * ```ts
 * import { isRejection, reject } from "hitherto/core";
 * const outcome: unknown = reject("closed", "The account is closed.");
 * if (isRejection(outcome)) console.log(outcome.message);
 * ```
 */
export function isRejection(value: unknown): value is Rejection {
  return typeof value === "object" && value !== null && brand in value;
}
