import { consumerConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { embedded } from "./embedded.ts";

consumerConformance({ ...embedded, runner: { describe, test } });
