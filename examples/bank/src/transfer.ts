/**
 * Money from one account to another: two streams change together or not at all. Both appends expect what was decided
 * on, so a transfer never rests on a balance that has changed meanwhile.
 */
import type { Hitherto } from "hitherto";
import { isHithertoError, isRejection, type NewEvent, reject, type Rejection, streamOf } from "hitherto/core";
import { type Account, account, refuse, refuseOverdraft } from "./account.ts";

/** A transfer to make. */
export interface TransferMoney {
  /** Names the transfer; both events carry it. */
  readonly transfer: string;
  readonly from: string;
  readonly to: string;
  /** In cents. */
  readonly amount: number;
}

/** What a transfer does to the two accounts. */
export interface TransferDecision {
  readonly withdrawn: NewEvent;
  readonly deposited: NewEvent;
}

/** Decides a transfer on the state of both accounts. Pure. */
export function decideTransfer(
  accounts: { readonly from: Account; readonly to: Account },
  { transfer, from, to, amount }: TransferMoney,
): TransferDecision | Rejection {
  if (from === to) return reject("same-account", "A transfer needs two accounts.");
  const refused =
    refuse(accounts.from, amount) ?? refuse(accounts.to, amount) ?? refuseOverdraft(accounts.from, amount);
  const data = { amount, transfer };
  return (
    refused ?? { withdrawn: { type: "MoneyWithdrawn", data }, deposited: { type: "MoneyDeposited", data } }
  );
}

const attemptsMax = 10;

/**
 * Makes a transfer. Returns why not when a rule of one of the accounts says no.
 *
 * @throws `REVISION_CONFLICT` when other writers were faster each of ten times.
 */
export async function transferMoney(store: Hitherto, command: TransferMoney): Promise<Rejection | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryTransfer(store, command);
    } catch (error) {
      if (!isHithertoError(error, "REVISION_CONFLICT") || attempt === attemptsMax) throw error;
    }
  }
}

async function tryTransfer(store: Hitherto, command: TransferMoney): Promise<Rejection | undefined> {
  const from = await store.load(account, command.from);
  const to = await store.load(account, command.to);
  const decision = decideTransfer({ from: from.state, to: to.state }, command);
  if (isRejection(decision)) return decision;
  await store.append([
    { stream: streamOf(account, command.from), expect: from.revision, events: [decision.withdrawn] },
    { stream: streamOf(account, command.to), expect: to.revision, events: [decision.deposited] },
  ]);
  return undefined;
}
