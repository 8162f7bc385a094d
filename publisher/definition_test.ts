import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { decodeCacheUpdate } from "../transport/wire/signal_index_cache.ts";
import { Definition } from "./definition.ts";
import { noSignals } from "./selection.ts";
import { grid, signalId } from "./testdata/rig.ts";
import { atOnce } from "./testdata/at_once.ts";
import { filterOf } from "./testdata/filter_of.ts";
import type { InTurn } from "./turns.ts";

function define(size: number): Definition {
  return new Definition(1, grid(size), new SignalTable(), { nodeId: undefined, clock: new ManualClock() });
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

Deno.test("a filter is evaluated once, unless it tells the time", async () => {
  const definition = define(8);
  const filter = "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'";
  const select = (filter: string) => definition.select(filterOf(filter), atOnce);
  const selection = await select(filter);
  assertEquals([...selection.set.handles], [0, 1, 2, 4, 5, 6]);
  assertStrictEquals(await select(filter), selection);
  const timed = "FILTER ActiveMeasurements WHERE UtcNow() > #2020-01-01#";
  const earlier = await select(timed);
  assertEquals(earlier.set.size, 8);
  assertEquals(await select(timed) === earlier, false);
  assertStrictEquals(await select("  "), noSignals);
  await assertRejects(() => select("FILTER Nowhere WHERE True"), SttpError);
});

Deno.test("a long filter that tells the time is not kept, wherever it does", async () => {
  const definition = define(8);
  for (let length = 131_072 - 8; length <= 131_072 + 1; length++) {
    const filter = `${"UtcNow() > #2020-01-01#".padStart(length)} AND PPA`.replace(
      "PPA",
      "SignalType = 'STAT'",
    );
    const selection = await definition.select(filterOf(filter), atOnce);
    assertEquals(
      [selection.set.size, await definition.select(filterOf(filter), atOnce) === selection],
      [2, false],
      `${length}`,
    );
  }
  const timeless = "SignalType = 'STAT'".padStart(300_000);
  assertStrictEquals(
    await definition.select(filterOf(timeless), atOnce),
    await definition.select(filterOf(timeless), atOnce),
  );
});

Deno.test("the clock of filters is the publisher's", async () => {
  // It stands at the start of 2024.
  const timed = "FILTER ActiveMeasurements WHERE UtcNow() < #2024-01-02#";
  assertEquals((await define(8).select(filterOf(timed), atOnce)).set.size, 8);
});

Deno.test("a selection's cache is encoded once for each form and shared between subscribers", async () => {
  const selection = await define(3).select(filterOf("PPA:2; PPA:3"), atOnce);
  for (const gzip of [true, false]) {
    const block = await selection.cache(gzip, "utf-8", atOnce);
    assertStrictEquals(await selection.cache(gzip, "utf-8", atOnce), block);
    const [a, b] = [signalId(100), signalId(101)].map((id) => block.frame(id, 1));
    for (const [id, frame] of [[signalId(100), a!], [signalId(101), b!]] as const) {
      const { cacheIndex, cache } = decodeCacheUpdate(joined(frame).subarray(10), { version: 2, gzip });
      assertEquals([cacheIndex, cache.subscriberId, cache.size], [1, id, 2]);
      assertEquals(cache.at(1), { index: 1, signalId: signalId(2), source: "PPA", id: 3n });
    }
    assertStrictEquals(a![2], b![2], "the long part is the same memory");
  }
  const [one, other] = [
    await selection.cache(false, "utf-16le", atOnce),
    await selection.cache(false, "utf-8", atOnce),
  ];
  assertEquals(one === other, false);
});

Deno.test("a selection's cache is made in its turn, as one task of who asks for the same", async () => {
  const definition = define(3);
  const keys: string[] = [];
  const inTurn: InTurn = async (task) => {
    keys.push(task.key);
    await undefined;
    return await atOnce(task);
  };
  const selections = [
    await definition.select(filterOf("PPA:2"), atOnce),
    await definition.select(filterOf("PPA:3"), atOnce),
  ];
  const asked = [0, 0, 1].map((which) => selections[which]!.cache(true, "utf-8", inTurn));
  await Promise.all(asked);
  assertEquals([keys.length, keys[0] === keys[1], keys[0] === keys[2]], [3, true, false]);
  await selections[0]!.cache(true, "utf-8", inTurn);
  assertEquals(keys.length, 3, "and kept");
});

Deno.test("what is large is made in many steps, which tell how much memory it takes", async () => {
  const SIGNALS = 20_000;
  const definition = define(SIGNALS);
  let steps = 0;
  let held = 0;
  const counted: InTurn = ({ begin }) => {
    steps = held = 0;
    const work = begin();
    for (;; steps++) {
      const step = work.next();
      if (step.done) return Promise.resolve(step.value);
      held += step.value ?? 0;
    }
  };
  const all = "FILTER ActiveMeasurements WHERE True";
  const selection = await definition.select(filterOf(all), counted);
  assertEquals([steps > 50, held > 16 * SIGNALS], [true, true], `select: ${steps} steps, ${held} bytes`);
  for (const gzip of [false, true]) {
    await selection.cache(gzip, "utf-8", counted);
    assertEquals([steps > 40, held > 64 * SIGNALS], [true, true], `cache: ${steps} steps, ${held} bytes`);
    for (const filter of ["", "FILTER MeasurementDetail WHERE True"]) {
      const body = await definition.metadataBody(filterOf(filter), "utf-8", gzip, "all", counted);
      assertEquals(
        [steps > 40, held > 0.9 * body.length],
        [true, true],
        `metadata: ${steps} steps, ${held} bytes`,
      );
    }
  }
  await definition.select(filterOf(`${all} ORDER BY PointTag`), counted);
  assertEquals(held > 48 * SIGNALS, true, `order: ${held} bytes`);
  await definition.select(filterOf(Array.from({ length: SIGNALS }, (_, n) => `PPA:${n}`).join(";")), counted);
  assertEquals(held > 64 * SIGNALS, true, `names: ${held} bytes`);
});

Deno.test("metadata is written once for each form, also when many ask at the same time", async () => {
  const definition = define(3);
  const bodies = await Promise.all(
    [1, 2, 3].map(() => definition.metadataBody(filterOf(""), "utf-8", true, "all", atOnce)),
  );
  assertStrictEquals(bodies[0], bodies[1]);
  assertStrictEquals(bodies[0], bodies[2]);
  assertStrictEquals(await definition.metadataBody(filterOf("  "), "utf-8", true, "all", atOnce), bodies[0]);
  assertEquals(
    await definition.metadataBody(filterOf(""), "utf-8", false, "all", atOnce) === bodies[0],
    false,
  );
});

Deno.test("filtered metadata is kept for the next asker, unless it tells the time", async () => {
  const definition = define(8);
  const body = (filter: string) => definition.metadataBody(filterOf(filter), "utf-8", false, "all", atOnce);
  const filter = "FILTER MeasurementDetail WHERE SignalAcronym = 'STAT'";
  const filtered = await body(filter);
  assertStrictEquals(await body(filter), filtered);
  assertEquals((await DataSet.fromXml(joined(filtered.pieces))).table("MeasurementDetail")?.rowCount, 2);
  const timed = "FILTER MeasurementDetail WHERE Now() > #2020-01-01#";
  const earlier = await body(timed);
  assertEquals(await body(timed) === earlier, false);
  await assertRejects(() => body("FILTER Nowhere WHERE True"), SttpError);
});

Deno.test("a failed answer does not stand for those to come", async () => {
  const dataSet = grid(3);
  const { tables } = dataSet;
  const definition = new Definition(1, dataSet, new SignalTable(), {
    nodeId: undefined,
    clock: new ManualClock(),
  });
  let failing = true;
  Object.defineProperty(dataSet, "tables", {
    get(): typeof tables {
      if (failing) throw new SttpError("InvalidMetadata", "not now");
      return tables;
    },
  });
  await assertRejects(
    () => definition.metadataBody(filterOf(""), "utf-8", true, "all", atOnce),
    SttpError,
    "not now",
  );
  failing = false;
  assertEquals(
    (await definition.metadataBody(filterOf(""), "utf-8", true, "all", atOnce)).length > 100,
    true,
  );
});

Deno.test("filters with the same fingerprint are told apart, kept or under way", async () => {
  const [one, two] = [filterOf("PPA:1 /* 9p7140 */"), filterOf("PPA:2 /* ye4zj6 */")];
  assertEquals(one.fingerprint, two.fingerprint);
  const definition = define(8);
  for (const _ of [1, 2]) {
    assertEquals([...(await definition.select(one, atOnce)).set.handles], [0]);
    assertEquals([...(await definition.select(two, atOnce)).set.handles], [1]);
  }
  const keys: string[] = [];
  const asked: InTurn = (task) => {
    keys.push(task.key);
    return atOnce(task);
  };
  const other = define(8);
  await Promise.all([one, two, one].map((filter) => other.select(filter, asked)));
  assertEquals([keys.length, keys[0] === keys[1], keys[0] === keys[2]], [3, false, true]);
});

Deno.test("long filters are looked up by what is short", async () => {
  const definition = define(8);
  const keys: string[] = [];
  const asked: InTurn = (task) => {
    keys.push(task.key);
    return atOnce(task);
  };
  const [select, metadata] = ["PPA:1", "FILTER MeasurementDetail WHERE True"].map((text) =>
    text.padEnd(1_000_000)
  );
  const selection = await definition.select(filterOf(select!), asked);
  assertStrictEquals(await definition.select(filterOf(select!), asked), selection);
  const body = await definition.metadataBody(filterOf(metadata!), "utf-8", false, "all", asked);
  assertStrictEquals(
    await definition.metadataBody(filterOf(metadata!), "utf-8", false, "all", asked),
    body,
  );
  assertEquals(keys.map((key) => key.length < 100), [true, true]);
});
