// `node subscriber-process.ts URL` follows a store and tells its parent when each event arrives, until the parent
// disconnects.
import { open } from "hitherto";

const [url = ""] = process.argv.slice(2);
const store = await open(url);
const subscription = store.subscribe({ after: "end" });
process.once("disconnect", () => void subscription.close());
void subscription.caughtUp.then(() => process.send?.("following"));
for await (const { position } of subscription) {
  process.send?.({ position, atMs: Number(process.hrtime.bigint()) / 1e6 });
}
await store.close();
