/**
 * How the types of a decider are inferred from what is written once.
 *
 * The functions in `decide` are inferred under a loose contract first ({@link AnyHandlers}), which keeps literal types
 * as they are written; then each is held against the events that `evolve` knows ({@link Checked}). Until those are
 * inferred, `Events` is unknown and the check passes. `Events` within the loose contract would make TypeScript settle
 * it before it has looked at `evolve`.
 */
import type { CommandType, DecideContext, Decision } from "./decider-types.ts";
import type { LiteralValue } from "./literal-value.ts";
import type { Rejection } from "./rejection.ts";

/** What the compiler says when a definition is wrong: the sentence is the type argument. */
export interface Problem<Sentence extends string> {
  readonly problem: Sentence;
}

/** `decide` functions before it is known which events there are. */
export interface AnyHandlers<State> {
  // `any`: parameters are contravariant; each function names the payload it takes.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly [command: string]: (state: State, payload: any, context: DecideContext) => LiteralValue | void;
}

/** Holds each `decide` function against the events that there are. */
export type Checked<Events, Handlers> = unknown extends Events
  ? unknown
  : {
      readonly [Name in keyof Handlers]: UnknownTypes<Events, Handlers[Name]> extends infer Unknown extends
        string
        ? [Unknown] extends [never]
          ? // oxlint-disable-next-line typescript/no-explicit-any -- see AnyHandlers
            (state: any, payload: any, context: DecideContext) => Decision<Events>
          : Problem<`The command "${Name & string}" decides ${Unknown}, an event type that evolve has no function for`>
        : never;
    };

type UnknownTypes<Events, Handler> = Handler extends (...parameters: never) => infer Result
  ? Exclude<TypeIn<Exclude<Result, Rejection>>, keyof Events>
  : never;

type TypeIn<Result> =
  Result extends ReadonlyArray<infer Item>
    ? TypeIn<Item>
    : Result extends { readonly type: infer Type extends string }
      ? Type
      : never;

/** The {@link CommandType} of each `decide` function. */
export type CommandsOf<Handlers> = Handlers extends infer Shown
  ? {
      readonly [Name in keyof Shown]: Shown[Name] extends (
        state: never,
        payload: infer Payload,
        context: never,
      ) => infer Result
        ? CommandType<unknown extends Payload ? undefined : Payload, ReasonIn<Result>>
        : never;
    }
  : never;

type ReasonIn<Result> = Result extends Rejection<infer Reason> ? Reason : never;
