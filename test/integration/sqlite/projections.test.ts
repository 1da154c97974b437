import { projectionConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { embedded } from "./embedded.ts";

projectionConformance({ ...embedded, runner: { describe, test } });
