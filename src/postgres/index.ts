// Public: the store on a PostgreSQL server.
export { openPostgresStore } from "./postgres-store.ts";
export { migratePostgresStore, planPostgresMigration } from "./migrate-store.ts";
export type { PostgresMigration, PostgresMigrationOptions } from "./migrate-store.ts";
export type { PostgresStoreOptions, PostgresTlsOptions } from "./options.ts";
