import type { ProjectionStatus } from "../../runtime/work-status.ts";
import { formatNumber, printable } from "../format.ts";
import { columnsWith } from "./work-kind.ts";
import type { WorkKind } from "./work-kind.ts";

/** Projections, to the commands that they share with consumers. */
export const projectionKind: WorkKind<ProjectionStatus> = {
  noun: "projection",
  adminOf: (store) => store.projections,
  columns: columnsWith<ProjectionStatus>(
    {
      title: "Version",
      align: "right",
      rank: 4,
      text: ({ version }) => (version === undefined ? "-" : String(version)),
    },
    { title: "Owner", align: "left", rank: 5, widthMin: 12, text: ({ owner }) => printable(owner ?? "-") },
  ),
  facts: ({ version, documents, owner }) => [
    ["Version", version === undefined ? "none yet: the first build has not caught up" : String(version)],
    ...(documents === undefined ? [] : [["Documents", formatNumber(documents)] as const]),
    ["Owner", owner === undefined ? "no process runs it" : printable(owner)],
  ],
  removal: "its read model and everything that is parked",
  beginning:
    "Run some with runProjections in your program,\nor here: hitherto projections run --definitions FILE",
};
