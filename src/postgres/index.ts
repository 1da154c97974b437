// Public: the store on a PostgreSQL server.
export { openPostgresStore } from "./postgres-store.ts";
export type { PostgresEventStore } from "./postgres-store.ts";
export { migratePostgresStore, planPostgresMigration } from "./migrate-store.ts";
export type { PostgresMigration, PostgresMigrationOptions } from "./migrate-store.ts";
export type { PostgresClient, PostgresStoreOptions, PostgresTlsOptions } from "./options.ts";
