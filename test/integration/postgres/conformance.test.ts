import { openPostgresStore } from "hitherto/postgres";
import { storeConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { dropSchemaOf, freshSchema, postgresUrl } from "../../support/postgres.ts";

storeConformance({
  name: "the store on PostgreSQL",
  runner: { describe, test },
  open: () => openPostgresStore(freshSchema().url),
  // The URL of a store holds no password.
  openAgain: (url) => openPostgresStore(postgresUrl() + new URL(url).search),
  dispose: dropSchemaOf,
});
