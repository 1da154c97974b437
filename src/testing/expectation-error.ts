/** The two sides of a comparison that failed. */
interface Sides {
  readonly expected: unknown;
  readonly actual: unknown;
}

/**
 * An expectation that does not hold. Its shape is that of an assertion error, so every test runner reports it as a
 * failure and can show the two sides.
 */
export class ExpectationError extends Error {
  override readonly name = "AssertionError";
  /** As Node's `assert` has it. */
  readonly code = "ERR_ASSERTION";
  readonly expected: unknown;
  readonly actual: unknown;
  /** Tells mocha and its kin that the two sides are worth showing. */
  readonly showDiff: boolean;

  constructor(message: string, sides?: Sides, options?: ErrorOptions) {
    super(message, options);
    this.expected = sides?.expected;
    this.actual = sides?.actual;
    this.showDiff = sides !== undefined;
  }
}
