import { assertEquals } from "@std/assert";
import { Taps } from "./taps.ts";
import { MeasurementBatch } from "./wire/batch.ts";

Deno.test("everybody who taps sees what is new in a batch, until each ends it", () => {
  const taps = new Taps();
  const seen: string[] = [];
  const tap = (batch: MeasurementBatch, from: number): void => {
    for (let i = from; i < batch.length; i++) seen.push(`${batch.signals[i]}=${batch.values[i]}`);
  };
  const batch = new MeasurementBatch();
  batch.add(1, 0n, 10);
  batch.add(2, 0n, 20);
  taps.show(batch);
  const endFirst = taps.add(tap);
  const endSecond = taps.add(tap);
  taps.show(batch, 1);
  assertEquals(seen, ["2=20", "2=20"]);
  endFirst();
  endFirst();
  taps.show(batch);
  assertEquals(seen.slice(2), ["1=10", "2=20"]);
  endSecond();
  taps.show(batch);
  assertEquals(seen.length, 4);
});

Deno.test("a tap may end itself, and one that throws keeps nothing from the others", () => {
  const taps = new Taps();
  let seen = 0;
  const faults: unknown[] = [];
  const onError = (event: ErrorEvent): void => {
    event.preventDefault();
    faults.push(event.error);
  };
  addEventListener("error", onError);
  try {
    taps.add(() => {
      throw new Error("a fault");
    });
    const end = taps.add(() => {
      seen++;
      end();
    });
    taps.show(new MeasurementBatch());
    taps.show(new MeasurementBatch());
  } finally {
    removeEventListener("error", onError);
  }
  assertEquals([seen, faults.length], [1, 2]);
});
