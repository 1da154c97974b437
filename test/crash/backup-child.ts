/**
 * A process that backs up a store and tells of its progress, to be killed: `node backup-child.ts STORE BACKUP`.
 */
import { openSqliteStore } from "../../src/sqlite/index.ts";

const [, , path = "", target = ""] = process.argv;
await using store = await openSqliteStore(path, { mode: "read" });
await store.backup(target, { onProgress: (done) => void process.stdout.write(`${done}\n`) });
