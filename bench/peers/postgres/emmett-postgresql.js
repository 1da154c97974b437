// Resolves the packages from this folder, whoever imports it.
export { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";
export { Pool } from "pg";
