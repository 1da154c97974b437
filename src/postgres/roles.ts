/**
 * The rights of an application that appends, reads and keeps read models, but can not rewrite what has happened.
 */
import { inSchema, quoteName } from "./session.ts";

/**
 * SQL that gives a role what an application needs on the store in a schema: all but changing or removing events, and
 * making or lifting the store, which stay with the owner of its tables. Running it again changes nothing.
 */
export function applicationGrants(schema: string, role: string): string {
  return inSchema(
    schema,
    grants.replaceAll("{role}", () => quoteName(role)),
  );
}

const grants = `
GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT ON {schema}.events, {schema}.event_tags TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.stream_policies, {schema}.snapshots TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.records, {schema}.generations TO {role};
-- To lock them; their rows are figures, not events.
GRANT SELECT, UPDATE ON {schema}.log, {schema}.read_side TO {role};
GRANT SELECT ON {schema}.meta TO {role};
GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role};
`;
