/** `shop top-products`: what sells best, as the read model `products` has it. */
import Table from "cli-table3";
import type { Hitherto } from "hitherto";
import { formatCount, paint, withThousands } from "./console.ts";
import { products } from "./products.ts";

/** By what products are compared. */
export const productOrders = ["revenue", "pieces"] as const;

/** Which products to list. */
export interface ProductsCommandOptions {
  /** Default `revenue`. */
  readonly by?: (typeof productOrders)[number] | undefined;
  /** Default 10. */
  readonly limit?: number | undefined;
  readonly json?: boolean | undefined;
}

/** Lists the best products. */
export async function productsCommand(
  store: Pick<Hitherto, "readModel">,
  { by = "revenue", limit = 10, json }: ProductsCommandOptions,
): Promise<string> {
  const sort = by === "revenue" ? "-revenueRounded" : "-pieces";
  const { entries, position } = await store.readModel(products).find({ sort, limit });
  const best = entries.map(({ document }) => document);
  if (json === true) return JSON.stringify({ products: best, position }, null, 2);
  if (best.length === 0) return "Nothing was sold yet.";
  const table = new Table({
    head: ["product", "description", "pieces", "revenue"],
    colAligns: ["left", "left", "right", "right"],
    style: { head: [], border: [], compact: true },
  });
  for (const { sku, description = "–", pieces, revenue } of best) {
    table.push([sku, description, formatCount(pieces), withThousands(revenue)]);
  }
  return `${paint("bold", `Best products by ${by}`)}\n${table.toString()}`;
}
