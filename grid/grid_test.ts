import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { Ticks } from "../transport/wire/ticks.ts";
import { Grid } from "./grid.ts";
import type { GridOptions, GridSignalType } from "./layout.ts";

const Noon = Ticks.parse("2024-06-01T12:00:00Z");

/** Writes `count` frames and gives each signal's values in time. */
function record(
  grid: Grid,
  count: number,
  start = Noon,
): { batch: MeasurementBatch; at: (signal: number) => number[] } {
  const batch = new MeasurementBatch(count * grid.signals.length);
  let ticks = start;
  for (let i = 0; i < count; i++) {
    grid.write(batch, ticks);
    ticks = grid.nextFrameTime(ticks);
  }
  const at = (signal: number): number[] =>
    Array.from({ length: count }, (_, i) => batch.values[i * grid.signals.length + signal]!);
  return { batch, at };
}

/** The position of the first signal of a type. */
function find(grid: Grid, type: GridSignalType, device = 0): number {
  const { signals } = grid.devices[device]!;
  const position = signals.findIndex(({ signalType }) => signalType === type);
  assert(position >= 0, `no ${type}`);
  return device * signals.length + position;
}

function sameFrame(a: MeasurementBatch, b: MeasurementBatch): boolean {
  return a.length === b.length &&
    a.values.subarray(0, a.length).every((value, i) => value === b.values[i]) &&
    a.flags.subarray(0, a.length).every((flags, i) => flags === b.flags[i]);
}

async function frameOf(options: GridOptions, ticks: bigint): Promise<MeasurementBatch> {
  const batch = new MeasurementBatch(0);
  (await Grid.create(options)).write(batch, ticks);
  return batch;
}

Deno.test("Grid gives the same values for the same seed, and others for another", async () => {
  const one = await frameOf({ seed: 7 }, Noon);
  assert(sameFrame(one, await frameOf({ seed: 7 }, Noon)));
  assert(!sameFrame(one, await frameOf({ seed: 8 }, Noon)));
});

Deno.test("Grid.write() depends on the time alone, not on the frames before", async () => {
  const grid = await Grid.create({ devices: 50, troubleRate: 0.3 });
  const alone = await frameOf({ devices: 50, troubleRate: 0.3 }, Noon);
  const after = new MeasurementBatch();
  for (const step of [-600_000_000n, 1n, 36_000_000_000n]) grid.write(after, Noon + step);
  after.clear();
  grid.write(after, Noon);
  assert(sameFrame(alone, after));
});

Deno.test("Grid.write() appends whole frames with one time and the signals in order", async () => {
  const grid = await Grid.create({ devices: 2 });
  const batch = new MeasurementBatch(1);
  batch.add(999, 5n, 1.5, 3);
  grid.write(batch, Noon);
  grid.write(batch, Noon + 1n);
  assertEquals(batch.length, 41);
  assertEquals([batch.signals[0], batch.ticks[0], batch.values[0], batch.flags[0]], [999, 5n, 1.5, 3]);
  assertEquals([...batch.signals.subarray(1, 21)], Array.from({ length: 20 }, (_, i) => i));
  assert(batch.ticks.subarray(1, 21).every((ticks) => ticks === Noon));
  assert(batch.ticks.subarray(21, 41).every((ticks) => ticks === Noon + 1n));
});

Deno.test("Grid.bind() makes frames carry the handles of a table", async () => {
  const grid = await Grid.create({ devices: 2 });
  const table = new SignalTable();
  table.add("00000000-0000-0000-0000-000000000001");
  table.add(grid.signals[19]!.signalId);
  grid.bind(table);
  const batch = new MeasurementBatch();
  grid.write(batch, Noon);
  for (let i = 0; i < batch.length; i++) {
    assertEquals(table.idOf(batch.signals[i]!), grid.signals[i]!.signalId);
  }
  assertEquals(batch.signals[19], 1);
});

Deno.test("Grid keeps its IDs and names for good", async () => {
  const grid = await Grid.create({ devices: 1, phases: 3, analogs: 1 });
  assertEquals(grid.devices[0]?.uniqueId, "95b13dbb-9978-5f9f-8032-a6ffe41a34f3");
  assertEquals(grid.signals.map(({ signalReference, signalId }) => `${signalReference} ${signalId}`), [
    "ALDERBROOK_1-SF 25a05ee4-aa5d-5f98-907a-cdb5835e1f94",
    "ALDERBROOK_1-FQ 6cccc351-f861-588a-92ef-876b406bf075",
    "ALDERBROOK_1-DF 51f114db-dc61-576a-89c4-eab1b0e11ee5",
    "ALDERBROOK_1-PM1 7138d658-3845-5821-a7d7-b815f96c0f2c",
    "ALDERBROOK_1-PA1 ca37018e-3058-53a2-adcc-96a5f867edde",
    "ALDERBROOK_1-PM2 7197a9ea-65f0-5037-a751-c696e7f3d263",
    "ALDERBROOK_1-PA2 df15239b-1328-589a-ab47-cbf6672d98bd",
    "ALDERBROOK_1-PM3 dd240f00-ab37-5041-b2f1-632d4640b284",
    "ALDERBROOK_1-PA3 4573ca42-f360-5bf5-9b41-16b98f10f432",
    "ALDERBROOK_1-PM4 07f21965-b5ce-5484-bc20-c076ae6dd940",
    "ALDERBROOK_1-PA4 6f7bb226-d5b3-544f-bcf5-b51d2881b1af",
    "ALDERBROOK_1-PM5 0aa126a8-7fbe-54cf-bb80-debe1eeadd8f",
    "ALDERBROOK_1-PA5 911b051e-622a-512f-b3ae-8a47f0228a70",
    "ALDERBROOK_1-PM6 c9101560-02b7-5a8c-a4a3-75c7d5b4e605",
    "ALDERBROOK_1-PA6 dd21f203-d587-55c8-8aa5-3ea56ffff572",
    "ALDERBROOK_1-PM7 b854b411-dbe7-5a21-b0fa-34355f47d830",
    "ALDERBROOK_1-PA7 1b5ddefc-6dad-5046-a163-0c7a8eddaa6f",
    "ALDERBROOK_1-PM8 25c549ad-9c45-5ff9-94fd-54c131834917",
    "ALDERBROOK_1-PA8 1aeb3f63-6971-50c6-aae7-a15829f3f000",
    "ALDERBROOK_1-AV1 1a9f9ef1-30ec-521c-b1bc-849478a03343",
    "ALDERBROOK_1-DV1 dc90adaa-4143-5fd7-a62e-a665526a9b4d",
  ]);
});

Deno.test("Grid's IDs depend on neither size nor seed nor rate", async () => {
  const small = await Grid.create({ devices: 2 });
  const large = await Grid.create({ devices: 70, seed: 99, framesPerSecond: 120, phases: 3, currents: 2 });
  const byReference = new Map(large.signals.map((signal) => [signal.signalReference, signal.signalId]));
  for (const { signalReference, signalId } of small.signals) {
    assertEquals(byReference.get(signalReference), signalId);
  }
  for (const unique of ["signalId", "key", "pointTag", "signalReference"] as const) {
    assertEquals(new Set(large.signals.map((signal) => signal[unique])).size, large.signals.length, unique);
  }
  assertEquals(new Set(large.devices.map((device) => device.acronym)).size, 70);
});

for (const nominalFrequency of [50, 60] as const) {
  Deno.test(`Grid's angles turn as its frequencies say, ${nominalFrequency} Hz`, async () => {
    const grid = await Grid.create({ nominalFrequency, framesPerSecond: 60, troubleRate: 0 });
    const seconds = 20;
    const { at } = record(grid, 60 * seconds + 1);
    for (const device of grid.devices.keys()) {
      const frequencies = at(find(grid, "FREQ", device));
      for (const type of ["VPHA", "IPHA"] as const) {
        const angles = at(find(grid, type, device));
        let turned = 0;
        let expected = 0;
        for (let i = 1; i < angles.length; i++) {
          const step = angles[i]! - angles[i - 1]!;
          turned += step - 360 * Math.round(step / 360);
          expected += 360 * ((frequencies[i]! + frequencies[i - 1]!) / 2 - nominalFrequency) / 60;
          // Resolution and noise: one angle step each way at both ends, and 1.5 mHz at random over the time.
          assertAlmostEquals(turned, expected, 0.05 + 360 * 0.0015 * Math.sqrt(i) / 60);
        }
      }
    }
  });

  Deno.test(`Grid's frequencies are alike everywhere and wander a little, ${nominalFrequency} Hz`, async () => {
    const grid = await Grid.create({ nominalFrequency, devices: 30, troubleRate: 0 });
    const seen: number[] = [];
    for (let minute = 0; minute < 120; minute++) {
      const time = Noon + BigInt(minute) * 600_000_000n;
      const { at } = record(grid, 1, time);
      const system = grid.frequencyAt(time);
      seen.push(system);
      for (const device of grid.devices.keys()) {
        assertAlmostEquals(at(find(grid, "FREQ", device))[0]!, system, 0.008);
        assertLess(Math.abs(at(find(grid, "DFDT", device))[0]!), 0.05);
      }
    }
    assertLess(Math.max(...seen), nominalFrequency + 0.03);
    assertGreater(Math.min(...seen), nominalFrequency - 0.03);
    assertGreater(Math.max(...seen) - Math.min(...seen), 0.01);
  });
}

Deno.test("Grid's magnitudes stay near their ratings and power follows from them", async () => {
  const grid = await Grid.create({ devices: 40, analogs: 4, troubleRate: 0 });
  for (let hour = 0; hour < 24; hour++) {
    const { at } = record(grid, 1, Noon + BigInt(hour) * 36_000_000_000n);
    grid.devices.forEach((device, d) => {
      const value = (type: GridSignalType, n = 0): number => at(find(grid, type, d) + n)[0]!;
      const nominal = device.kilovolts * 1000 / Math.sqrt(3);
      assertAlmostEquals(value("VPHM") / nominal, 1.015, 0.045);
      assertGreater(value("IPHM"), 0.1 * device.amperes);
      assertLess(value("IPHM"), device.amperes);
      const lag = (value("VPHA") - value("IPHA")) * Math.PI / 180;
      const apparent = 3e-6 * value("VPHM") * value("IPHM");
      assertAlmostEquals(value("ALOG", 0), apparent * Math.cos(lag), 0.2 + 0.001 * apparent);
      assertAlmostEquals(
        Math.abs(value("ALOG", 1)),
        Math.abs(apparent * Math.sin(lag)),
        0.2 + 0.001 * apparent,
      );
      assertAlmostEquals(value("ALOG", 2), 60, 10);
      assertAlmostEquals(value("ALOG", 3), 129, 0.2);
    });
  }
});

Deno.test("Grid's three phases are a third of a turn apart, and the positive sequence goes with phase A", async () => {
  const grid = await Grid.create({ devices: 5, phases: 3, currents: 2 });
  const { at } = record(grid, 1);
  grid.devices.forEach(({ phasors }, d) => {
    assertEquals(phasors.map(({ phase }) => phase).join(""), "ABC+ABC+ABC+");
    assertEquals(phasors.map(({ type }) => type).join(""), "VVVVIIIIIIII");
    const first = find(grid, "VPHM", d);
    for (let group = 0; group < 3; group++) {
      const angle = (phase: number): number => at(first + 8 * group + 2 * phase + 1)[0]!;
      const apart = (to: number, from: number): number => (angle(to) - angle(from) + 720) % 360;
      assertAlmostEquals(apart(0, 1), 120, 0.03);
      assertAlmostEquals(apart(1, 2), 120, 0.03);
      assertAlmostEquals((apart(3, 0) + 180) % 360, 180, 0.03);
    }
  });
});

Deno.test("Grid's values come in the steps of a 16-bit sensor, with noise of about a step", async () => {
  const grid = await Grid.create({ devices: 3, troubleRate: 0 });
  const { at } = record(grid, 300);
  const step: Partial<Record<GridSignalType, number>> = {
    FREQ: 0.001,
    DFDT: 0.01,
    VPHA: 0.018 / Math.PI,
    ALOG: 0.1,
  };
  grid.devices[0]!.signals.forEach(({ signalType, signalReference }, i) => {
    const values = at(i);
    const size = signalType === "VPHM"
      ? grid.devices[0]!.kilovolts * 1000 / Math.sqrt(3) * 1.5 / 32767
      : step[signalType];
    if (size === undefined) return;
    assertGreater(new Set(values).size, 2, `${signalReference} has no noise`);
    for (let k = 0; k < values.length; k++) {
      const steps = values[k]! / size;
      assertAlmostEquals(steps, Math.round(steps), 0.02, signalReference);
      if (k > 0 && signalType !== "VPHA") {
        assertLess(Math.abs(values[k]! - values[k - 1]!), 6.1 * size, signalReference);
      }
    }
  });
});

Deno.test("Grid's values are the same but for rounding when the format is float", async () => {
  const integer = record(await Grid.create({ devices: 5 }), 30);
  const float = record(await Grid.create({ devices: 5, format: "float" }), 30);
  const whole = (batch: MeasurementBatch, signal: number, step: number): boolean => {
    const steps = batch.values[signal]! / step;
    return Math.abs(steps - Math.round(steps)) < 0.01;
  };
  const grid = await Grid.create({ devices: 5 });
  for (let device = 0; device < 5; device++) {
    const angle = find(grid, "VPHA", device);
    const step = 0.018 / Math.PI;
    assertAlmostEquals(integer.at(angle)[0]!, float.at(angle)[0]!, 0.51 * step);
    assert(integer.at(angle).every((_, i) => whole(integer.batch, i * grid.signals.length + angle, step)));
    assert(!float.at(angle).every((_, i) => whole(float.batch, i * grid.signals.length + angle, step)));
    const frequency = find(grid, "FREQ", device);
    assertAlmostEquals(integer.at(frequency)[0]!, float.at(frequency)[0]!, 0.00051);
    assertGreater(new Set(float.at(frequency)).size, 25);
  }
});

Deno.test("Grid shows trouble in status word and state flags alike", async () => {
  const grid = await Grid.create({ devices: 1000, troubleRate: 0.1 });
  const { batch } = record(grid, 1);
  const perDevice = batch.length / 1000;
  const counts: Record<string, number> = {};
  for (let d = 0; d < 1000; d++) {
    const flags = batch.flags.subarray(d * perDevice, (d + 1) * perDevice);
    assertEquals(new Set(flags).size, 1);
    const kind = `${batch.values[d * perDevice]!.toString(16)} ${flags[0]!.toString(16)}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  assertEquals(Object.keys(counts).sort(), ["0 0", "2000 10000", "8000 1"]);
  assertAlmostEquals(counts["0 0"]!, 900, 50);
  assertGreater(counts["2000 10000"]!, counts["8000 1"]!);

  const { batch: sound } = record(await Grid.create({ devices: 1000, troubleRate: 0 }), 1);
  assert(sound.flags.subarray(0, sound.length).every((flags) => flags === 0));
});

Deno.test("Grid's breakers operate now and then", async () => {
  const grid = await Grid.create({ devices: 100, digitals: 2 });
  const words = new Map<number, Set<number>>();
  for (let minute = 0; minute < 60; minute++) {
    const { at } = record(grid, 1, Noon + BigInt(minute) * 600_000_000n);
    for (const device of grid.devices.keys()) {
      const signal = find(grid, "DIGI", device);
      words.set(signal, (words.get(signal) ?? new Set()).add(at(signal)[0]!));
      assert(Number.isInteger(at(signal + 1)[0]!) && at(signal + 1)[0]! < 65536);
    }
  }
  const operated = [...words.values()].filter((set) => set.size > 1).length;
  assertGreater(operated, 10);
  assertLess(operated, 90);
});

Deno.test("Grid.create() takes any number of each kind of signal", async () => {
  for (const [currents, analogs, digitals] of [[0, 0, 0], [3, 1, 2], [0, 6, 1]] as const) {
    for (const phases of [1, 3] as const) {
      const grid = await Grid.create({ devices: 2, currents, analogs, digitals, phases });
      const phasors = (1 + currents) * (phases === 3 ? 4 : 1);
      assertEquals(grid.signals.length, 2 * (3 + 2 * phasors + analogs + digitals));
      const { batch } = record(grid, 1);
      assertEquals(batch.length, grid.signals.length);
      assert(batch.values.subarray(0, batch.length).every(Number.isFinite));
    }
  }
});

Deno.test("Grid.create() names the option that is out of range", async () => {
  const wrong: [GridOptions, string][] = [
    [{ devices: 0 }, "devices is 0, expected a whole number from 1 to 100000"],
    [{ framesPerSecond: 29.97 }, "framesPerSecond is 29.97, expected a whole number from 1 to 1000"],
    [{ nominalFrequency: 55 as 50 }, "nominalFrequency is 55, expected 50 or 60"],
    [{ phases: 2 as 1 }, "phases is 2, expected 1 or 3"],
    [{ currents: -1 }, "currents is -1, expected a whole number from 0 to 100"],
    [{ analogs: 101 }, "analogs is 101, expected a whole number from 0 to 100"],
    [{ digitals: NaN }, "digitals is NaN, expected a whole number from 0 to 100"],
    [{ format: "text" as "float" }, 'format is "text", expected "integer" or "float"'],
    [{ seed: -1 }, "seed is -1, expected a whole number from 0 to 4294967295"],
    [{ troubleRate: 1.1 }, "troubleRate is 1.1, expected 0 to 1"],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(() => Grid.create(options), RangeError, message);
  }
});

Deno.test("Grid's devices lie in their region under the company there", async () => {
  const grid = await Grid.create({ devices: 200, nominalFrequency: 50 });
  const companies = new Set<string>();
  for (const device of grid.devices) {
    assert(device.longitude >= 1 && device.longitude <= 21 && device.latitude >= 44 && device.latitude <= 54);
    assert([380, 220, 110].includes(device.kilovolts));
    companies.add(device.companyAcronym);
  }
  assertEquals(companies.size, 4);
  assertNotEquals(grid.devices[0]!.longitude, grid.devices[1]!.longitude);
});
