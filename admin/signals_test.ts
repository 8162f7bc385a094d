import { assertEquals, assertStringIncludes } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { ManualClock } from "../transport/clock.ts";
import {
  AskedAdmin,
  connection,
  EPOCH,
  plantPublisher,
  SCRIPT,
  signalId,
  type StillPublisher,
} from "./testdata/systems.ts";

/** A plant of which, in 10 s, the first signal comes 30 times a second, the second 15 times, the others not at all. */
async function running(): Promise<AskedAdmin> {
  const admin = new AskedAdmin(plantPublisher([connection(1)]));
  const looking = admin.get("/api/v1/signals");
  await new Promise((resolve) => setTimeout(resolve, 0));
  admin.publisher.publish([0], EPOCH - 5, 60);
  for (let i = 1; i < 300; i++) admin.publisher.publish(i % 2 === 0 ? [0] : [0, 1], EPOCH + i, i, i);
  admin.clock.advance(10_000);
  await (await looking).body?.cancel();
  return admin;
}

// deno-lint-ignore no-explicit-any
const namesOf = ({ signals }: any): string[] => signals.map(({ key }: { key: string }) => key);

Deno.test("signals: what comes against what should, and the latest value", async () => {
  const { total, seconds, signals } = await (await running()).json("/api/v1/signals");
  assertEquals([total, seconds], [4, 10]);
  assertEquals(signals[0], {
    signalId: signalId(1),
    pointTag: "SHELBY:FREQ",
    key: "PPA:1",
    device: "SHELBY",
    type: "FREQ",
    units: "Hz",
    description: "Shelby frequency",
    expected: 30,
    received: 30,
    latest: { value: 299, time: EPOCH + 299, flags: 299 },
  });
  assertEquals([signals[1].received, signals[1].pointTag], [15, SCRIPT]);
  assertEquals([signals[3].expected, signals[3].received, signals[3].latest], [60, 0, null]);
});

Deno.test("signals are searched, chosen by state and device, sorted and cut", async () => {
  const admin = await running();
  const names = async (query: string): Promise<string[]> =>
    namesOf(await admin.json(`/api/v1/signals?${query}`));
  assertEquals(await names("search=freq"), ["PPA:1", "PPA:4"]);
  assertEquals(await names("search=(a|b)"), [], "no regular expression");
  assertEquals(await names("device=SHELBY"), ["PPA:1", "PPA:2", "PPA:3"]);
  assertEquals(await names("state=low"), ["PPA:2", "PPA:3", "PPA:4"]);
  assertEquals(await names("state=silent"), ["PPA:3", "PPA:4"]);
  assertEquals(await names("sort=-missing"), ["PPA:4", "PPA:3", "PPA:2", "PPA:1"]);
  assertEquals(await names("sort=device&limit=1"), ["PPA:4"]);
  assertEquals(await names("sort=-time&limit=2&offset=1"), ["PPA:2", "PPA:3"]);
  assertEquals(await admin.problem("/api/v1/signals?sort=value"), [400, "InvalidParameter"]);
  assertEquals(await admin.problem("/api/v1/signals?state=bad"), [400, "InvalidParameter"]);
});

Deno.test("devices sum up their signals", async () => {
  const admin = await running();
  const { devices } = await admin.json("/api/v1/devices?sort=-missing");
  assertEquals(
    devices.map((
      of: Record<string, unknown>,
    ) => [of["device"], of["signals"], of["silent"], of["expected"], of["received"]]),
    [["CORDOVA", 1, 1, 60, 0], ["SHELBY", 3, 1, 90, 45]],
  );
  assertEquals((await admin.json("/api/v1/devices?search=shel")).total, 1);
  assertEquals((await admin.json("/api/v1/devices?state=silent")).total, 2);
});

Deno.test("rates are over the time between two looks, and latest values over any", async () => {
  const admin = await running();
  const first = async (): Promise<{ received: number }> => (await admin.json("/api/v1/signals")).signals[0];
  assertEquals((await first()).received, 30);
  for (let i = 0; i < 100; i++) admin.publisher.publish([0], EPOCH, i);
  admin.clock.advance(2_000);
  assertEquals((await first()).received, 50);
});

Deno.test("signals that come later, and metadata that is replaced, are seen", async () => {
  const admin = await running();
  const before = await admin.json("/api/v1/signals");
  const publisher = plantPublisher();
  publisher.dataSet!.table("MeasurementDetail")!.set(4, "Enabled", true);
  admin.publisher.dataSet = publisher.dataSet;
  assertEquals(
    (await admin.json("/api/v1/signals")).total,
    before.total,
    "there is no handle for the new one yet",
  );
  const handle = admin.publisher.signals.add(signalId(5));
  admin.publisher.publish([handle], EPOCH, 1);
  assertEquals(namesOf(await admin.json("/api/v1/signals")), ["PPA:1", "PPA:2", "PPA:3", "PPA:4", "PPA:5"]);
});

Deno.test("measurements of unknown signals are passed over, and NaN is told as none", async () => {
  const admin = await running();
  admin.publisher.publish([-1, 4_000_000, 0], EPOCH, NaN);
  assertEquals((await admin.json("/api/v1/signals")).signals[0].latest.value, null);
});

Deno.test("the age of the latest data is told", async () => {
  const admin = new AskedAdmin(plantPublisher());
  const { clock, publisher } = admin;
  const delay = async (): Promise<number> => (await admin.json("/api/v1/status")).systems[0].delay;
  assertEquals(await delay(), null);
  publisher.publish([0], clock.now() - 250, 1);
  assertEquals(await delay(), 250);
  publisher.publish([0], clock.now() - 100, 1);
  assertEquals(await delay(), 100, "that of the first batch after a question");
  publisher.publish([0], clock.now() - 40, 1);
  for (let batch = 0; batch < 16; batch++) publisher.publish([0], clock.now() - 50, 1);
  assertEquals(await delay(), 50, "and of every sixteenth");
});

Deno.test("what shows no measurements says so", async () => {
  const admin = new AskedAdmin(Object.assign(plantPublisher(), { tap: undefined }) as never);
  assertEquals(await admin.problem("/api/v1/signals"), [404, "NoSignals"]);
  assertEquals((await admin.json("/api/v1/status")).systems[0].delay, null);
  const without = new AskedAdmin();
  const response = await without.get("/signals", { headers: { accept: "text/html" } });
  assertEquals(response.status, 404);
  assertStringIncludes(await response.text(), "has no signals");
});

Deno.test("nothing is measured until somebody looks, nor when nobody has for a minute", async () => {
  const admin = new AskedAdmin(plantPublisher());
  admin.publisher.publish([0], EPOCH, 1);
  assertEquals((await (await admin.look()).json()).signals[0].latest, null);
  admin.publisher.publish([0], EPOCH, 2);
  const latest = async (): Promise<number> => (await (await admin.look()).json()).signals[0].latest.value;
  assertEquals(await latest(), 2);
  admin.clock.advance(60_001);
  admin.publisher.publish([0], EPOCH, 3);
  assertEquals(await latest(), 2);
  admin.publisher.publish([0], EPOCH, 4);
  assertEquals(await latest(), 4);
  assertEquals(admin.clock.pending, 0);
});

Deno.test("an admin that is closed looks at no measurement", async () => {
  const admin = await running();
  assertEquals(admin.publisher.taps, 1);
  admin.admin.close();
  assertEquals(admin.publisher.taps, 0);
});

/** A clock that goes on by a millisecond at every look, so that work that gives way by it does so often. */
class BusyClock extends ManualClock {
  #looks = 0;

  override monotonic(): number {
    return super.monotonic() + this.#looks++;
  }
}

Deno.test("whatever is asked about very many signals, others have their turn meanwhile", async () => {
  const count = 20_000;
  const clock = new BusyClock();
  const admin = new AskedAdmin(manySignals(count), { clock });
  const time = setInterval(() => clock.advance(1_000), 0);
  let turns = 0;
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((callback: () => void, delay?: number) => {
    if (delay === 0) turns++;
    return setTimeout(callback, delay);
  }) as typeof setTimeout;
  try {
    for (
      const query of ["", "?sort=pointTag", "?sort=-missing", "?search=nothing", "?state=low&sort=type"]
    ) {
      turns = 0;
      const { total } = await admin.json(`/api/v1/signals${query}`);
      assertEquals(total, query.includes("nothing") ? 0 : count);
      assertEquals(turns >= 10, true, `${query}: ${turns} turns`);
    }
    turns = 0;
    assertEquals((await admin.json("/api/v1/devices?sort=-missing")).total, 1);
    assertEquals(turns >= 10, true, `${turns} turns`);
    await admin.json("/api/v1/metadata-changes");
    admin.publisher.dataSet = manySignals(count).dataSet;
    turns = 0;
    assertEquals((await admin.json("/api/v1/metadata-changes")).tables, []);
    assertEquals(turns >= 10, true, `changes: ${turns} turns`);
  } finally {
    globalThis.setTimeout = setTimeout;
    clearInterval(time);
    admin.admin.close();
  }
});

Deno.test("sorted by texts, once made and kept: both ways, whole and in part", async () => {
  const admin = await running();
  const names = async (query: string): Promise<string[]> =>
    namesOf(await admin.json(`/api/v1/signals?${query}`));
  for (let again = 0; again < 2; again++) {
    assertEquals(await names("sort=type"), ["PPA:1", "PPA:4", "PPA:3", "PPA:2"]);
    assertEquals(await names("sort=-type"), ["PPA:2", "PPA:3", "PPA:1", "PPA:4"]);
    assertEquals(await names("sort=pointTag&device=SHELBY"), ["PPA:2", "PPA:1", "PPA:3"]);
    assertEquals(await names("sort=-order"), ["PPA:4", "PPA:3", "PPA:2", "PPA:1"]);
  }
});

/** A publisher of so many signals of one device. */
function manySignals(count: number): StillPublisher {
  const publisher = plantPublisher();
  const dataSet = new DataSet("Many");
  const table = dataSet.addTable("MeasurementDetail");
  table.addColumn("SignalID", "guid");
  table.addColumn("PointTag", "string");
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  const ids = numbers.map(signalId);
  table.addRows({ SignalID: ids, PointTag: numbers.map((n) => `TAG:${n * 7_919 % count}`) });
  for (const id of ids) publisher.signals.add(id);
  publisher.dataSet = dataSet;
  return publisher;
}
