import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openSqliteStore } from "hitherto/sqlite";
import { readSideConformance } from "hitherto/testing";
import { describe, test } from "vitest";

readSideConformance({
  name: "the embedded store",
  runner: { describe, test },
  supportsSql: true,
  open: () => openSqliteStore(join(mkdtempSync(join(tmpdir(), "hitherto-")), "store.db")),
  openAgain: (url) => openSqliteStore(url.slice("sqlite:".length)),
  dispose: (url) => rmSync(dirname(url.slice("sqlite:".length)), { recursive: true }),
});
