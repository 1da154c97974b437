// Public: the store on a PostgreSQL server.
export { openPostgresStore } from "./postgres-store.ts";
export type { PostgresStoreOptions, PostgresTlsOptions } from "./options.ts";
