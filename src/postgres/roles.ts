/**
 * The rights of an application that appends, reads and keeps read models, but cannot rewrite what has happened.
 *
 * Everything is written by functions that run as the owner and check what the contract says. So an application may read
 * tables, call functions and make tables of read models in their schema. Snapshots alone it writes itself.
 */
import { inSchema, quoteName } from "./identifiers.ts";

/** `{role}` stands for the role. */
const grants: readonly string[] = [
  "GRANT USAGE ON SCHEMA {schema} TO {role}",
  "GRANT USAGE, CREATE ON SCHEMA {read_models} TO {role}",
  `GRANT SELECT ON
  {schema}.meta, {schema}.log, {schema}.events, {schema}.event_tags, {schema}.stream_policies,
  {schema}.read_side, {schema}.records, {schema}.generations TO {role}`,
  "GRANT SELECT ON SEQUENCE {schema}.record_versions TO {role}",
  "GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.snapshots TO {role}",
  // Those that only the owner may use do what they do with the caller's rights.
  "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role}",
];

/** What an application had in format 1, and has no more. */
const rightsOfFormat1: readonly string[] = [
  "REVOKE CREATE ON SCHEMA {schema} FROM {role}",
  `REVOKE INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON
  {schema}.meta, {schema}.log, {schema}.events, {schema}.event_tags, {schema}.stream_policies,
  {schema}.read_side, {schema}.records, {schema}.generations FROM {role}`,
  "REVOKE USAGE, UPDATE ON SEQUENCE {schema}.record_versions FROM {role}",
];

/** Functions that run as the owner are not for everybody who may look at the schema; new ones belong to its owner. */
const ownFunctions = `
DO $own$
DECLARE
  owner oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = (SELECT m.tableoid FROM {schema}.meta m));
  function record;
BEGIN
  FOR function IN
    SELECT p.oid::regprocedure AS name, p.prosecdef, p.proowner FROM pg_proc p
    WHERE p.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = {schema_text})
      AND (p.proowner = owner OR pg_get_userbyid(p.proowner) = current_user)
  LOOP
    IF function.prosecdef THEN
      EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', function.name);
    END IF;
    IF function.proowner <> owner THEN
      EXECUTE format('ALTER FUNCTION %s OWNER TO %I', function.name, pg_get_userbyid(owner));
    END IF;
  END LOOP;
  IF (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = {read_models_text}) = current_user
    AND pg_get_userbyid(owner) <> current_user
  THEN
    EXECUTE format('ALTER SCHEMA %I OWNER TO %I', {read_models_text}, pg_get_userbyid(owner));
  END IF;
END $own$;
`;

/**
 * SQL that gives a role what an application needs on the store in a schema: all but changing or removing events, and
 * making or migrating the store, which stay with the owner of its tables. Running it again changes nothing, but mends a
 * dump that was restored without its rights.
 */
export function applicationGrants(schema: string, role: string): string {
  const sql = grants.map((grant) => `${grant};\n`).join("");
  return (
    inSchema(schema, ownFunctions) +
    inSchema(
      schema,
      sql.replaceAll("{role}", () => quoteName(role)),
    )
  );
}

/**
 * Runs statements for every application: every role but the owner that may call `append_group`, or insert events, as
 * those need not call it by a right of their own that were given rights by hand.
 */
function forApplications(tag: string, statements: readonly string[]): string {
  const list = statements.map((statement) => `$sql$${statement}$sql$`).join(",\n    ");
  return `
DO $${tag}$
DECLARE
  application text;
  statement text;
BEGIN
  FOR application IN
    SELECT quote_ident(pg_get_userbyid(a.grantee))
    FROM pg_proc p CROSS JOIN LATERAL aclexplode(p.proacl) a
    WHERE p.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = {schema_text})
      AND p.proname = 'append_group' AND a.grantee NOT IN (0, p.proowner)
    UNION
    SELECT quote_ident(pg_get_userbyid(a.grantee))
    FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
    WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = {schema_text})
      AND c.relname = 'events' AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
  LOOP
    FOREACH statement IN ARRAY ARRAY[
    ${list}]
    LOOP
      EXECUTE replace(statement, '{role}', application);
    END LOOP;
  END LOOP;
END $${tag}$;
`;
}

/** SQL that takes from applications what format 1 gave them. */
export const takeRightsOfFormat1: string = forApplications("take", rightsOfFormat1);

/** SQL that gives applications their rights on what a migration has made. */
export const grantAgain: string = ownFunctions + forApplications("give", grants);
