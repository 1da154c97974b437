// Resolves the package from this folder, whoever imports it.
export { SqliteStore } from "@rotorsoft/act-sqlite";
