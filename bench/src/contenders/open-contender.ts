/**
 * Opens the contenders by name.
 */
import { openAct } from "./act.ts";
import { openBareSqlite } from "./bare-sqlite.ts";
import type { ContenderName, OpenContender } from "./contender.ts";
import { openEmmett } from "./emmett.ts";
import { openHitherto } from "./hitherto.ts";

/** How each contender is opened. */
export const openers: Readonly<Record<ContenderName, OpenContender>> = {
  hitherto: openHitherto,
  sqlite: openBareSqlite,
  "emmett-sqlite": openEmmett,
  "act-sqlite": openAct,
};
