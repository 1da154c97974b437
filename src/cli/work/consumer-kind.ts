import type { ConsumerStatus } from "../../runtime/work-status.ts";
import type { Cli } from "../cli.ts";
import { formatNumber, printable } from "../format.ts";
import { renderTable } from "../table.ts";
import { stateStyles } from "./words.ts";
import { columnsWith } from "./work-kind.ts";
import type { WorkKind } from "./work-kind.ts";

/** Consumers, to the commands that they share with projections. */
export const consumerKind: WorkKind<ConsumerStatus> = {
  noun: "consumer",
  adminOf: (store) => store.consumers,
  columns: columnsWith<ConsumerStatus>(
    {
      title: "Partitions",
      align: "right",
      rank: 4,
      text: ({ partitions }) => formatNumber(partitions.length),
    },
    { title: "Members", align: "left", rank: 5, widthMin: 12, text: membersInWords },
  ),
  facts: ({ members, partitions }) => [
    ["Members", members.length === 0 ? "no process takes part" : members.map(printable).join(", ")],
    ["Partitions", formatNumber(partitions.length)],
  ],
  more: partitionsInWords,
  removal: "its place in the log and everything that is parked",
  beginning: "Take part in one with consume in your program.",
};

function partitionsInWords(cli: Cli, { partitions }: ConsumerStatus): string {
  return renderTable(cli, {
    head: ["Partition", "Position", "State", "Owner"],
    align: ["right", "right", "left", "left"],
    rows: partitions.map(({ partition, position, state, owner }) => [
      formatNumber(partition),
      formatNumber(position),
      cli.paint(stateStyles[state], state),
      printable(owner ?? "-"),
    ]),
  });
}

function membersInWords({ members }: ConsumerStatus): string {
  const [first] = members;
  if (first === undefined) return "-";
  return members.length === 1 ? printable(first) : `${formatNumber(members.length)} processes`;
}
