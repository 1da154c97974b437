import type { ReadSide, ReadSideTransaction } from "../../../store/read-side.ts";
import { expectTurns, readUntil } from "../event-loop.ts";
import { anEvent, failureOf, refuses } from "../helpers.ts";
import type { Topic } from "../kit.ts";
import { anActiveModel, everything, put, write } from "./helpers.ts";

const model = { name: "orders" };
const ref = { space: "s", key: "k" };

/** What callers read in a loop. */
const reads: Readonly<Record<string, (readSide: ReadSide) => Promise<unknown>>> = {
  "`findRecord`": (readSide) => readSide.findRecord(ref),
  "`listRecords`": (readSide) => readSide.listRecords("s"),
  "`countRecords`": (readSide) => readSide.countRecords("s"),
  "`listModels`": (readSide) => readSide.listModels(),
  "`nextGeneration`": (readSide) => readSide.nextGeneration(),
  "`getDocument`": (readSide) => readSide.getDocument(model, "k"),
  "`getDocuments`": (readSide) => readSide.getDocuments(model, ["k", "new"]),
  "`findDocuments`": (readSide) => readSide.findDocuments(model, everything()),
  "`countDocuments`": (readSide) => readSide.countDocuments(model, everything()),
  // Where there is no SQL, it fails, which must let the event loop turn as well.
  "`query`": (readSide) => failureOf(() => readSide.query("SELECT 1")),
  "transactions that do nothing": (readSide) =>
    readSide.transaction(() => Promise.resolve(), { isDurable: false }),
};

/** What a transaction's body reads in a loop. */
const readsWithin: Readonly<
  Record<string, (transaction: ReadSideTransaction, generation: number) => Promise<unknown>>
> = {
  "`head`": (transaction) => transaction.head(),
  "`read`": (transaction) => transaction.read(),
  "`findRecord`": (transaction) => transaction.findRecord(ref),
  "`findModels`": (transaction) => transaction.findModels(),
  "`findDocuments`": (transaction, generation) => transaction.findDocuments(generation, ["k"]),
};

function testOf(read: (readSide: ReadSide) => Promise<unknown>): Topic[string] {
  return async ({ store: { readSide } }) => {
    await anActiveModel(readSide, [write("k", { total: 1 })]);
    await put(readSide, "k");
    await expectTurns(() => read(readSide));
  };
}

function testWithin(
  read: (transaction: ReadSideTransaction, generation: number) => Promise<unknown>,
): Topic[string] {
  return async ({ store }) => {
    await store.append({ stream: "s", events: [anEvent()] });
    const generation = await anActiveModel(store.readSide, [write("k", { total: 1 })]);
    await store.readSide.transaction((transaction) => expectTurns(() => read(transaction, generation)));
  };
}

/** Tests by name, one for each way to read. */
function testsOf<Read>(
  where: string,
  kinds: Readonly<Record<string, Read>>,
  test: (read: Read) => Topic[string],
): Topic {
  const tests = Object.entries(kinds).map(
    ([name, read]) => [`${where} of ${name} lets the event loop turn`, test(read)] as const,
  );
  return Object.fromEntries(tests);
}

/** Reads that end without I/O let other work of the process run. */
export const readSideEventLoopTests: Topic = {
  ...testsOf("a loop", reads, testOf),
  ...testsOf("in a transaction, a loop", readsWithin, testWithin),

  "a transaction that reads in a loop is ended by its timeout": async ({ store: { readSide } }) => {
    let isEnded = false;
    const looping = readSide.transaction(
      async (transaction) => {
        await readUntil(
          () => transaction.head(),
          () => isEnded,
        );
      },
      { timeoutMs: 20 },
    );
    await refuses("TRANSACTION_TIMEOUT", () => looping);
    isEnded = true;
  },
};
