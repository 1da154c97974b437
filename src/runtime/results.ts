/**
 * How revisions and rejections appear in results.
 */
import type { Rejection } from "../core/rejection.ts";
import type { LastRevision, Rejected } from "./hitherto.ts";

/** The revision of a stream's last event in the form that an append can expect; -1 stands for no events. */
export function lastRevision(revision: number): LastRevision {
  return revision < 0 ? "none" : revision;
}

/** What a rejection is in a result. */
export function toRejected<Reason extends string>(rejection: Rejection<Reason>): Rejected<Reason> {
  const { reason, message, details } = rejection;
  return { accepted: false, reason, message, details };
}
