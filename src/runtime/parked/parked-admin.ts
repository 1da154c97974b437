/**
 * Looking after parked events; see {@link ParkedAdmin}.
 */
import type { ParkedAdmin } from "../work-admin.ts";
import type { Work } from "../work.ts";

/** Makes what looks after the parked events of a store. */
export function createParkedAdmin(_work: Work): ParkedAdmin {
  return {} as ParkedAdmin;
}
