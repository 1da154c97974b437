import { openMemoryStore } from "hitherto/store";
import { consumerConformance, projectionConformance } from "hitherto/testing";
import { describe, test } from "vitest";

const memory = { name: "the memory store", runner: { describe, test }, open: () => openMemoryStore() };
projectionConformance(memory);
consumerConformance(memory);
