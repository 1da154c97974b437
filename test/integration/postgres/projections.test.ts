import { projectionConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { onServer } from "./on-server.ts";

projectionConformance({ ...onServer, runner: { describe, test } });
