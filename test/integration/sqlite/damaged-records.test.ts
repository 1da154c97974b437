/**
 * What the store keeps of consumers and projections, damaged: removing it is the remedy, from code and from the command line.
 */
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, test } from "vitest";
import { projection } from "../../../src/core/projection.ts";
import { consumer } from "../../../src/runtime/consumers/define-consumer.ts";
import { open } from "../../../src/runtime/open.ts";
import { hitherto } from "../cli/hitherto-process.ts";
import { makeScratch } from "./scratch.ts";

const scratch = makeScratch();
afterAll(() => scratch[Symbol.dispose]());

const counts = projection("counts", {
  initial: () => ({ count: 0 }),
  evolve: { Placed: ({ count }) => ({ count: count + 1 }) },
});

function mails(streams: string[], isBroken: boolean = false): ReturnType<typeof consumer> {
  return consumer("mails", {
    partitions: 2,
    retry: { max: 0 },
    onError: "park",
    on: {
      Placed: (_, { stream }) => {
        if (isBroken) throw new Error("no mail goes out");
        streams.push(stream);
      },
    },
  });
}

/** A store in which one was run, with events parked. */
async function makeStore(): Promise<string> {
  const path = scratch.path();
  await using store = await open(path);
  for (const stream of ["a", "b", "c"]) await store.append({ stream, events: [{ type: "Placed", data: 1 }] });
  await using member = await store.consume(mails([], true));
  await using runner = await store.runProjections([counts]);
  await Promise.all([member.caughtUp(), runner.caughtUp()]);
  return path;
}

/** Changes a byte of each record of a space. */
function damage(path: string, space: string): void {
  const db = new DatabaseSync(path);
  const { changes } = db.prepare("UPDATE records SET value = value || ' ' WHERE space = ?").run(space);
  db.close();
  expect(Number(changes)).toBeGreaterThan(0);
}

describe("damaged records can be removed, and what they belong to begins anew:", () => {
  test.each(["consumers", "partitions", "parked", "parkedKeys"])("%s of a consumer", async (space) => {
    const path = await makeStore();
    damage(path, space);
    await using store = await open(path);
    await store.consumers.remove("mails");
    const streams: string[] = [];
    await using member = await store.consume(mails(streams));
    await member.caughtUp();
    expect(streams.toSorted()).toEqual(["a", "b", "c"]);
    expect(await store.consumers.status("mails")).toMatchObject({ position: 3, parked: 0 });
  });

  test.each(["projections", "runs"])("%s of a projection", async (space) => {
    const path = await makeStore();
    damage(path, space);
    await using store = await open(path);
    await store.projections.remove("counts");
    await using runner = await store.runProjections([counts]);
    await runner.caughtUp();
    expect((await store.readModel(counts).find()).entries).toHaveLength(3);
    expect(await store.projections.status("counts")).toMatchObject({ position: 3, documents: 3 });
  });

  test.each(["consumers mails", "projections counts"])("by the command line: %s", async (what) => {
    const path = await makeStore();
    const [noun = "", name = ""] = what.split(" ");
    damage(path, noun);
    const { err, exitCode } = await hitherto([noun, "remove", name, "--yes", "--store", path]);
    expect([err, exitCode]).toEqual(["", 0]);
    const list = await hitherto([noun, "list", "--json", "--store", path]);
    expect(list.exitCode).toBe(0);
    expect(list.out).not.toContain(name);
  });
});
