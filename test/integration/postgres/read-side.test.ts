import { readSideConformance } from "hitherto/testing";
import { describe, test } from "vitest";
import { onServer } from "./on-server.ts";

readSideConformance({ ...onServer, runner: { describe, test }, supportsSql: true });
