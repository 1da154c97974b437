/**
 * A process that runs the read model of orders on the file that it is given: until it is killed, or, with `stop`, until
 * it has caught up.
 */
import { open } from "../../../src/runtime/open.ts";
import { orders } from "./stored-model.ts";

const [path = "", until] = process.argv.slice(2);
const store = await open(path);
const runner = await store.runProjections([orders]);
await runner.caughtUp();
if (until === "stop") await runner.stop();
// Nothing but the runner, if it runs, keeps this process alive from here on: the store stays open.
process.stdout.write("caught up\n");
