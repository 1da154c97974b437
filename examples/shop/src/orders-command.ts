/** `shop orders` and `shop order`: orders as the read model `orders` has them. */
import Table from "cli-table3";
import type { Entry, Hitherto } from "hitherto";
import { formatCount, paint, withThousands } from "./console.ts";
import { orders, type OrderView } from "./orders.ts";

/** Which orders to list. */
export interface OrdersCommandOptions {
  readonly customer?: string | undefined;
  readonly status?: OrderView["status"] | undefined;
  /** Orders on a page. Default 20. */
  readonly limit?: number | undefined;
  /** Where the page before ended. */
  readonly after?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Lists orders, newest first, a page at a time. */
export async function ordersCommand(
  store: Pick<Hitherto, "readModel">,
  options: OrdersCommandOptions,
): Promise<string> {
  const { customer, status, limit = 20, after } = options;
  const where = { ...(customer !== undefined && { customer }), ...(status !== undefined && { status }) };
  const model = store.readModel(orders);
  const [{ entries, next, position }, { count }] = await Promise.all([
    model.find({ where, sort: "-placedAt", limit, after }),
    model.count({ where }),
  ]);
  const found = entries.map(({ document }) => document);
  if (options.json === true) return JSON.stringify({ orders: found, count, next, position }, null, 2);
  if (count === 0) return "There is no such order.";
  const more = next === undefined ? [] : ["", `The next ones: --after ${next}`];
  return [paint("bold", headline(count, options)), tableOf(entries), ...more].join("\n");
}

/** Shows one order; undefined when there is none. */
export async function orderCommand(
  store: Pick<Hitherto, "readModel">,
  number: string,
  options: { readonly json?: boolean | undefined },
): Promise<string | undefined> {
  const { document, position } = await store.readModel(orders).get(number);
  if (document === undefined) return undefined;
  if (options.json === true) return JSON.stringify({ ...document, position }, null, 2);
  const rows = [
    ["status", document.status],
    ["customer", document.customer ?? "unknown"],
    ["country", document.country],
    ["lines", formatCount(document.lines)],
    ["total", withThousands(document.total)],
    ["paid", withThousands(document.paid)],
    ["refunded", withThousands(document.refunded)],
    ["placed", momentInWords(document.placedAt)],
    ["last change", momentInWords(document.changedAt)],
  ] as const;
  return [
    paint("bold", `Order ${number}`),
    ...rows.map(([label, value]) => `${label.padEnd(13)}${value}`),
  ].join("\n");
}

function headline(count: number, { customer, status }: OrdersCommandOptions): string {
  const whose = customer === undefined ? "" : ` of ${customer}`;
  return `${formatCount(count)} ${count === 1 ? "order" : "orders"}${whose}${status === undefined ? "" : `, ${status}`}, newest first`;
}

function tableOf(entries: ReadonlyArray<Entry<OrderView>>): string {
  const table = new Table({
    head: ["order", "placed", "status", "customer", "country", "lines", "total"],
    colAligns: ["left", "left", "left", "left", "left", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { document } of entries) {
    const { number, placedAt, status, customer = "–", country, lines, total } = document;
    table.push([
      number,
      momentInWords(placedAt),
      status,
      customer,
      country,
      formatCount(lines),
      withThousands(total),
    ]);
  }
  return table.toString();
}

function momentInWords(moment: string): string {
  return moment === "" ? "–" : moment.slice(0, 16).replace("T", " ");
}
