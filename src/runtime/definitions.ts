/**
 * Runs deciders and decision models on what decisions are made on. What callers hand in is checked first.
 */
import type { AnyDecider, CommandOf, PayloadOf, ReasonOf, StateOf } from "../core/decider-types.ts";
import { streamOf } from "../core/decider.ts";
import type { DecisionModel } from "../core/decision-model.ts";
import { definedParts } from "../core/selections.ts";
import {
  checkCommand,
  checkDecider,
  checkDecision,
  checkFunction,
  checkLoad,
  checkModel,
} from "./check-calls.ts";
import { decideOnModel, foldModel } from "./decide-on-model.ts";
import { execute, loadLatest } from "./execute.ts";
import type { Runtime } from "./execute.ts";
import type {
  DecideOnModel,
  DecideOptions,
  ExecuteOptions,
  ExecuteResult,
  Hitherto,
  Loaded,
  LoadedModel,
  LoadOptions,
} from "./hitherto.ts";
import { lastRevision } from "./results.ts";
import type { FoldedState } from "./state-loader.ts";

/** Runs definitions, as a handle and as its joined transactions do. */
export class Definitions implements Pick<Hitherto, "execute" | "load" | "decide" | "loadModel"> {
  readonly #runtime: Runtime;
  readonly #checkOpen: () => void;

  /** @param checkOpen - Throws when nothing is to be begun any more. */
  constructor(runtime: Runtime, checkOpen: () => void) {
    this.#runtime = runtime;
    this.#checkOpen = checkOpen;
  }

  // A command has five parts, and each of them is needed every time but the last.
  // oxlint-disable-next-line eslint/max-params
  async execute<D extends AnyDecider, Name extends CommandOf<D>>(
    decider: D,
    id: string,
    command: Name,
    payload: PayloadOf<D, Name>,
    options: ExecuteOptions = {},
  ): Promise<ExecuteResult<StateOf<D>, ReasonOf<D, Name>>> {
    const stream = this.streamOf(decider, id);
    checkCommand(command);
    checkDecision(options);
    return execute({ runtime: this.#runtime, decider, id, stream, command, payload, options });
  }

  async load<D extends AnyDecider>(
    decider: D,
    id: string,
    options: LoadOptions = {},
  ): Promise<Loaded<StateOf<D>>> {
    const stream = this.streamOf(decider, id);
    checkLoad(options);
    const { state, revision, position } = await this.#fold(decider, stream, options);
    return { state, revision: lastRevision(revision), position, exists: revision >= 0 };
  }

  async decide<State, Reason extends string>(
    model: DecisionModel<State>,
    decide: DecideOnModel<State, Reason>,
    options: DecideOptions = {},
  ): Promise<ExecuteResult<State, Reason>> {
    this.#checkOpen();
    checkModel(model);
    checkFunction("decide", decide);
    checkDecision(options);
    return decideOnModel({ runtime: this.#runtime, model, decide, options });
  }

  async loadModel<State>(
    model: DecisionModel<State>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<LoadedModel<State>> {
    this.#checkOpen();
    checkModel(model);
    checkDecision(options);
    return foldModel(this.#runtime.store, model, { signal: options.signal });
  }

  /** The stream of a decider for an id. @throws `ARGUMENT_INVALID` */
  streamOf(decider: AnyDecider, id: string): string {
    this.#checkOpen();
    checkDecider(decider);
    return streamOf(decider, id);
  }

  #fold<D extends AnyDecider>(
    decider: D,
    stream: string,
    { at, atRevision, fresh = false, signal }: LoadOptions,
  ): Promise<FoldedState<StateOf<D>>> {
    const { loader } = this.#runtime;
    // What was recorded by a moment need not be the beginning of the stream: imported events bring their own times.
    const isAnew = at !== undefined || fresh;
    if (isAnew) return loader.rebuild(decider, stream, definedParts({ to: atRevision, until: at, signal }));
    if (atRevision !== undefined) return loader.load(decider, stream, { to: atRevision, signal });
    return loadLatest(this.#runtime, decider, stream, signal);
  }
}
