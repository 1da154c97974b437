// `node subscriber-process.ts FILE` follows a store and tells its parent when each event arrives, until the parent
// disconnects.
import { openSqliteStore } from "hitherto/sqlite";

const [path = ""] = process.argv.slice(2);
const store = await openSqliteStore(path);
const subscription = store.subscribe({ after: "end" });
process.once("disconnect", () => void subscription.close());
void subscription.caughtUp.then(() => process.send?.("following"));
for await (const { position } of subscription) {
  process.send?.({ position, atMs: Number(process.hrtime.bigint()) / 1e6 });
}
await store.close();
