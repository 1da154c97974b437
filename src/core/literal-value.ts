/**
 * Any value, in a form that makes TypeScript keep the literal types of what is written in its place. It refuses
 * nothing: what is wrong is refused where the message is better.
 */
export type LiteralValue =
  | ""
  | (string & {})
  | 0
  | (number & {})
  | boolean
  | null
  | undefined
  | readonly LiteralValue[]
  | readonly []
  | { readonly [key: string]: LiteralValue }
  // Anything else.
  // oxlint-disable-next-line typescript/no-generated-empty-object-type
  | NonNullable<unknown>;
