import { openMemoryStore } from "hitherto/store";
import { storeConformance } from "hitherto/testing";
import { describe, test } from "vitest";

storeConformance({ name: "the memory store", runner: { describe, test }, open: () => openMemoryStore() });
