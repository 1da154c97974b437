import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openSqliteStore } from "hitherto/sqlite";
import { storeConformance } from "hitherto/testing";
import { describe, test } from "vitest";

storeConformance({
  name: "the embedded store",
  runner: { describe, test },
  open: () => openSqliteStore(join(mkdtempSync(join(tmpdir(), "hitherto-")), "store.db")),
  openAgain: (url) => openSqliteStore(url.slice("sqlite:".length)),
  takeAway: (url) => rmSync(url.slice("sqlite:".length)),
  dispose: (url) => rmSync(dirname(url.slice("sqlite:".length)), { recursive: true }),
});
