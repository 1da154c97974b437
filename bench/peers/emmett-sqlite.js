// Resolves the package from this folder, whoever imports it.
export { getSQLiteEventStore, readMessagesBatch, sqliteConnection } from "@event-driven-io/emmett-sqlite";
