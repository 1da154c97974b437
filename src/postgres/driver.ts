/**
 * The driver, which is loaded when a store on PostgreSQL is opened: who does not use one needs no driver.
 */
import type pg from "pg";
import { HithertoError } from "../core/errors.ts";

/** The driver `pg` (node-postgres). */
export type Driver = typeof pg;

/** Loads the driver. @throws `STORE_DRIVER_MISSING` */
export async function loadDriver(store: string): Promise<Driver> {
  try {
    return (await import("pg")).default;
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new HithertoError(
      "STORE_DRIVER_MISSING",
      { store, driver: "pg", install: "npm install pg" },
      { cause },
    );
  }
}

/** Not so when the driver is there and something that it needs itself is missing. */
function isMissing(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ERR_MODULE_NOT_FOUND" && message.includes("package 'pg'");
}
