// Resolves the packages from this folder, whoever imports it.
export { act, state, store } from "@rotorsoft/act";
export { PostgresStore } from "@rotorsoft/act-pg";
export { Pool } from "pg";
export { z } from "zod";
