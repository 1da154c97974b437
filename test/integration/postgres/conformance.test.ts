import { storeConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { onServer } from "./on-server.ts";

storeConformance({ ...onServer, runner: { describe, test } });
