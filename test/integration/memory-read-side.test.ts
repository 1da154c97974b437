import { openMemoryStore } from "hitherto/store";
import { readSideConformance } from "hitherto/testing";
import { describe, test } from "vitest";

readSideConformance({ name: "the memory store", runner: { describe, test }, open: () => openMemoryStore() });
