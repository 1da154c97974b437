import { openPostgresStore } from "hitherto/postgres";
import { readSideConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { dropSchemaOf, freshSchema, postgresUrl } from "../../support/postgres.ts";

readSideConformance({
  name: "the store on PostgreSQL",
  runner: { describe, test },
  supportsSql: true,
  open: () => openPostgresStore(freshSchema().url),
  // The URL of a store holds no password.
  openAgain: (url) => openPostgresStore(postgresUrl() + new URL(url).search),
  dispose: dropSchemaOf,
});
