// Public: the embedded store.
export { openSqliteStore } from "./sqlite-store.ts";
export type { SqliteStoreOptions } from "./sqlite-store.ts";
export type { SqliteDurability } from "./schema.ts";
export { restoreSqliteStore } from "./backup.ts";
export type { RestoreOptions } from "./backup.ts";
