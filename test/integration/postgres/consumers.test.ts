import { consumerConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { onServer } from "./on-server.ts";

consumerConformance({ ...onServer, runner: { describe, test } });
