// Resolves the packages from this folder, whoever imports it.
export { act, projection, store } from "@rotorsoft/act";
export { SqliteStore } from "@rotorsoft/act-sqlite";
export { z } from "zod";
