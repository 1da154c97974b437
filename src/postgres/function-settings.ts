/**
 * What every function of a store says of itself.
 *
 * A function resolves names along `search_path`, and whoever may create objects in a schema of that path could put operators
 * and functions of his own under ours. So every function sets the path to PostgreSQL's own catalogue, names everything
 * of the store with its schema, and has temporary objects searched last. `document_field` alone does not: a setting
 * would keep it from being inlined into views, so it names the catalogue for everything.
 *
 * What writes to the log or to the records runs as the owner of the store: an application then needs no right on those tables
 * but to read them, and can change them only as the functions do. A function that touches tables of read models runs with
 * the caller's rights: triggers on tables that an application owns must never run with the owner's.
 */

/** For functions with the caller's rights. */
export const safely = "SET search_path = pg_catalog, pg_temp";

/** For functions with the rights of the store's owner. */
export const asOwner: string = `SECURITY DEFINER ${safely}`;
