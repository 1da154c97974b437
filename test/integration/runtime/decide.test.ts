import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { composeModels, decisionModel, eventType, reject } from "../../../src/core/index.ts";
import { createHitherto } from "../../../src/runtime/create-hitherto.ts";
import type { DecideOptions, Hitherto } from "../../../src/runtime/hitherto.ts";
import { engines, interferedWith } from "./engines.ts";
import type { Log } from "./engines.ts";

const capacityOf = (course: string) =>
  decisionModel({
    tags: [`course:${course}`],
    initial: () => 0,
    evolve: { CourseDefined: (_capacity, data: { capacity: number }) => data.capacity },
  });
const takenOf = (course: string) =>
  decisionModel({
    tags: [`course:${course}`],
    initial: () => 0,
    evolve: { StudentSubscribed: (taken) => taken + 1 },
  });
const coursesOf = (student: string) =>
  decisionModel({
    tags: [`student:${student}`],
    initial: () => 0,
    evolve: { StudentSubscribed: (courses) => courses + 1 },
  });

async function define(store: Hitherto, course: string, capacity: number): Promise<void> {
  await store.append({ events: [{ type: "CourseDefined", data: { capacity }, tags: [`course:${course}`] }] });
}

function subscribe(store: Hitherto, course: string, student: string, options?: DecideOptions) {
  const model = composeModels({
    capacity: capacityOf(course),
    taken: takenOf(course),
    courses: coursesOf(student),
  });
  const tags = [`course:${course}`, `student:${student}`];
  return store.decide(
    model,
    ({ capacity, taken, courses }) => {
      if (taken >= capacity) return reject("course-full", "No seat is left.");
      if (courses >= 3) return reject("too-many-courses", "Three courses are enough.");
      return { type: "StudentSubscribed", data: { student }, tags };
    },
    options,
  );
}

describe.each(engines)("decisions on decision models on $name", ({ createLog }) => {
  let log: Log;
  beforeEach(async () => {
    log = await createLog();
  });
  afterEach(() => log[Symbol.asyncDispose]());

  test("are appended to the default stream, with the state after them", async () => {
    await using store = await log.open();
    await define(store, "c1", 2);
    const result = await subscribe(store, "c1", "s1");
    const stored = await store.read({ types: ["StudentSubscribed"] }).toArray();
    expect(result).toEqual({
      accepted: true,
      revision: 1,
      position: 2,
      events: stored,
      state: { capacity: 2, taken: 1, courses: 1 },
      isDuplicate: false,
    });
    expect(stored).toMatchObject([{ stream: "$log", tags: ["course:c1", "student:s1"] }]);
  });

  test("are appended to the stream that is named, and may be rejections or nothing", async () => {
    await using store = await log.open();
    await define(store, "c1", 1);
    const result = await subscribe(store, "c1", "s1", { stream: "course-c1" });
    expect(result).toMatchObject({ accepted: true, revision: 0, events: [{ stream: "course-c1" }] });
    expect(await subscribe(store, "c1", "s2")).toMatchObject({ accepted: false, reason: "course-full" });
    const nothing = await store.decide(takenOf("c1"), () => undefined);
    expect(nothing).toMatchObject({ accepted: true, revision: "none", position: 2, events: [], state: 1 });
  });

  test("are made again when a matching event came in between, and not for others", async () => {
    await using other = await log.open();
    await define(other, "c1", 2);
    let times = 0;
    const store = createHitherto(
      interferedWith(other, async () => {
        times += 1;
        if (times === 1) await subscribe(other, "c1", "s1");
        if (times === 2) await define(other, "c2", 5);
      }),
    );
    expect(await subscribe(store, "c1", "s2")).toMatchObject({ accepted: true, state: { taken: 2 } });
    expect(times).toBe(2);
  });

  test("give up with RETRIES_EXHAUSTED, caused by the last CONDITION_CONFLICT", async () => {
    await using other = await log.open();
    await define(other, "c1", 100);
    let times = 0;
    const interfere = async (): Promise<void> => {
      times += 1;
      await subscribe(other, "c1", `s${times}`);
    };
    const store = createHitherto(interferedWith(other, interfere), { random: () => 0 });
    await expect(subscribe(store, "c1", "late", { retries: 2, name: "subscribe" })).rejects.toMatchObject({
      code: "RETRIES_EXHAUSTED",
      details: { operation: 'decision "subscribe"', attempts: 3 },
      cause: { code: "CONDITION_CONFLICT" },
    });
  });

  test("never give away a seat twice, however many race in two handles", async () => {
    await using first = await log.open();
    await using second = await log.open();
    await define(first, "c1", 10);
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        subscribe(index % 2 === 0 ? first : second, "c1", `s${index}`, { retries: 1_000 }),
      ),
    );
    expect(results.filter((result) => result.accepted)).toHaveLength(10);
    expect((await first.loadModel(takenOf("c1"))).state).toBe(10);
  });

  test("do not wear out their retries on each other in one handle", async () => {
    await using store = await log.open();
    await define(store, "c1", 100);
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, index) => subscribe(store, "c1", `s${index}`, { retries: 2 })),
    );
    expect(results.every((result) => result.accepted)).toBe(true);
  });

  test("are loaded with the condition to append under", async () => {
    await using store = await log.open();
    await define(store, "c1", 10);
    const model = capacityOf("c1");
    const { state, condition, position } = await store.loadModel(model);
    expect([state, position, condition]).toEqual([10, 1, model.condition(1)]);
    await define(store, "c1", 11);
    const late = store.append({ events: [{ type: "Noted", data: {} }] }, { condition });
    await expect(late).rejects.toMatchObject({ code: "CONDITION_CONFLICT" });
  });

  test("complete their events by what the models know of the types, and carry metadata", async () => {
    await using store = await log.open({ clock: () => new Date("2026-11-21T08:40:00.000Z") });
    const names = decisionModel({
      initial: () => 0,
      events: {
        NameTaken: eventType<{ name: string }>({
          version: 3,
          oldestVersion: 3,
          tags: (data) => [`name:${data.name}`],
        }),
      },
      evolve: { NameTaken: (taken) => taken + 1 },
    });
    const options = { commandId: "c-1", metadata: { userId: "ada" } };
    const result = await store.decide(
      names,
      (_taken, { now }) => ({ type: "NameTaken", data: { name: "ada" }, metadata: { now } }),
      options,
    );
    expect(result).toMatchObject({
      events: [
        {
          schemaVersion: 3,
          tags: ["name:ada"],
          metadata: {
            now: "2026-11-21T08:40:00.000Z",
            userId: "ada",
            causationId: "c-1",
            correlationId: "c-1",
          },
        },
      ],
    });
  });

  test("are tried out on the models before they are stored", async () => {
    await using store = await log.open();
    const fragile = decisionModel({
      initial: () => 0,
      evolve: {
        Added: (total, data: { amount: number }) => {
          if (data.amount < 0) throw new RangeError("negative");
          return total + data.amount;
        },
      },
    });
    const decided = store.decide(fragile, () => ({ type: "Added", data: { amount: -1 } }));
    await expect(decided).rejects.toMatchObject({ code: "EVOLVE_FAILED" });
    expect(await store.head()).toBe(0);
  });

  test("return the right state even if it cannot be frozen and is changed in place", async () => {
    await using store = await log.open();
    const names = decisionModel({
      initial: () => new Set<string>(),
      evolve: { NameTaken: (state, data: { name: string }) => state.add(data.name + String(state.size)) },
    });
    const result = await store.decide(names, () => ({ type: "NameTaken", data: { name: "ada" } }));
    expect(result).toMatchObject({ state: new Set(["ada0"]) });
  });

  test("end before the store closes, and are refused with STORE_CLOSED from then on", async () => {
    const store = await log.open();
    await define(store, "c1", 10);
    const running = Promise.all(["s1", "s2", "s3"].map((student) => subscribe(store, "c1", student)));
    const closing = store.close();
    await expect(subscribe(store, "c1", "s4")).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(store.loadModel(takenOf("c1"))).rejects.toMatchObject({ code: "STORE_CLOSED" });
    for (const result of await running) expect(result).toMatchObject({ accepted: true });
    await closing;
  });

  test("refuse bad arguments", async () => {
    await using store = await log.open();
    const decide = store.decide.bind(store) as unknown as (...given: unknown[]) => Promise<unknown>;
    const model = takenOf("c1");
    for (const given of [
      [{}],
      [undefined],
      [model],
      [model, "no"],
      [model, () => [], null],
      [model, () => [], { name: "" }],
    ]) {
      await expect(decide(...given)).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    }
    const loading = store.loadModel(model, { signal: "now" } as never);
    await expect(loading).rejects.toMatchObject({ code: "ARGUMENT_INVALID" });
    await expect(decide(model, () => 7)).rejects.toMatchObject({ code: "DECISION_INVALID" });
    await expect(decide(model, async () => [])).rejects.toMatchObject({ code: "DECISION_INVALID" });
  });
});
