import { CommanderError } from "commander";
import { exitCodes } from "./surroundings.ts";

/** The command line is wrong in a way that only the command itself can tell; reported as commander reports its own. */
export class UsageError extends CommanderError {
  constructor(message: string) {
    super(exitCodes.usage, "hitherto.usage", message);
  }
}
