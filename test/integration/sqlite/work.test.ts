import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { openSqliteStore } from "hitherto/sqlite";
import { consumerConformance, projectionConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { makeScratch } from "./scratch.ts";
import { pathOf, spawnWorker } from "./worker.ts";

const sqlite = {
  name: "the embedded store",
  runner: { describe, test },
  open: () => openSqliteStore(makeScratch().path()),
  openAgain: (url: string) => openSqliteStore(pathOf(url)),
  dispose: (url: string) => rmSync(dirname(pathOf(url)), { recursive: true }),
  spawn: spawnWorker,
};
projectionConformance(sqlite);
consumerConformance(sqlite);
