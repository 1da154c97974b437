/** Lines of an export with `count` events of streams that take turns; the same each time. */
export function exportLines(count: number, streams = 40): string {
  let text = "";
  for (let n = 0; n < count; n++) {
    const fields = {
      id: `00000000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`,
      stream: `order-${n % streams}`,
      revision: Math.floor(n / streams),
      position: n + 1,
      type: n < streams ? "OrderPlaced" : "ItemAdded",
      schemaVersion: 1,
      recordedAt: new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString(),
      data: { n, text: "ä".repeat(n % 7) },
      metadata: { correlationId: `c-${n % 11}` },
      tags: [`order:${n % streams}`],
    };
    text += `${JSON.stringify(fields)}\n`;
  }
  return text;
}
