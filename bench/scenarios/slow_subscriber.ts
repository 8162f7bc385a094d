import { fixed, millions, whole } from "../harness/format.ts";
import { ALL, CrowdProcess, pause, PublisherProcess, SubscriberProcess } from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";
import { percentiles } from "../harness/statistics.ts";

const SIGNALS = 20_000;
const RATE = 600_000;
const SUBSCRIBERS = 15;
/** Those of them whose delays are measured. The rest only reads: two cores could not decode for all of them. */
const MEASURED = 2;

async function run({ quick }: Settings): Promise<Findings> {
  const stall = quick ? 12 : 60;
  // A stall of a minute fills the default of 16 MiB.
  const limit = (quick ? 4 : 16) * 1024 ** 2;
  await using publisher = await PublisherProcess.start({
    signals: SIGNALS,
    options: { outboundQueueLimit: limit },
  });
  const settings = {
    address: publisher.address,
    measureDelay: true,
    options: { autoRequestMetadata: false, deliveryBuffer: 65_536 },
  };
  await using _crowd = await CrowdProcess.start({
    port: publisher.port,
    filters: new Array<string>(SUBSCRIBERS - 1 - MEASURED).fill(ALL),
  });
  // The one that will stall has a process of its own, so that the others do not share its fate.
  await using others = await SubscriberProcess.start({
    ...settings,
    filters: new Array<string>(MEASURED).fill(ALL),
  });
  await using one = await SubscriberProcess.start({ ...settings, filters: [ALL] });

  const order = { batch: SIGNALS, rate: RATE };
  const warm = await publisher.publish({ ...order, seconds: 3 });
  await others.received(warm.measurements);
  await one.received(warm.measurements);
  const calm = await publisher.publish({ ...order, seconds: quick ? 4 : 15 });
  const before = await others.received(warm.measurements + calm.measurements);
  await one.received(warm.measurements + calm.measurements);
  await one.stall(0, 1000 * stall);
  const stalled = await publisher.publish({ ...order, seconds: stall + 5 });
  const expected = warm.measurements + calm.measurements + stalled.measurements;
  const during = await others.received(expected);
  await pause(1000);
  const { takers: [late] } = await one.look();
  const look = await publisher.look();
  // Its memory is weighed in a stall of its own: the garbage collections that this takes hold up everybody.
  const { memory } = await publisher.look(true);
  const filling = quick ? 8 : 20;
  await one.stall(0, 1000 * filling);
  const { heaviest } = await publisher.publish({ ...order, seconds: filling, weigh: true });
  const lost = look.connections.map(({ dropped }) => Object.values(dropped).reduce((a, b) => a + b, 0));
  const counted = Math.max(...lost);
  const missing = expected - late!.received;

  const p99 = (takers: typeof before.takers): number =>
    percentiles(takers.flatMap(({ delays }) => delays), [0.99])[0]!;
  const calmP99 = p99(before.takers);
  const stalledP99 = p99(during.takers);
  const othersMissing = during.takers.reduce((sum, { received }) => sum + expected - received, 0) +
    lost.reduce((sum, count) => sum + count, 0) - counted;
  const growth = (heaviest ?? NaN) - memory.heapUsed - memory.external;
  const residentGrowth = stalled.residentPeak - calm.residentPeak;
  const back = late!.backAfter ?? NaN;
  return {
    tables: [{
      title:
        `600,000 measurements a second to ${SUBSCRIBERS} subscribers, one of which reads nothing for ${stall} s`,
      header: ["", "value"],
      rows: [
        ["p99 of the others before, ms", fixed(calmP99, 2)],
        ["p99 of the others meanwhile, ms", fixed(stalledP99, 2)],
        ["measurements that the others missed", whole(othersMissing)],
        ["publisher's memory in use, growth while its queue is nearly full, MB", millions(growth, 1)],
        ["its resident memory, garbage included, growth at most, MB", millions(residentGrowth, 1)],
        ["the limit of its queue, MB", millions(limit, 1)],
        ["fresh data again after, ms", fixed(back, 0)],
        ["measurements it missed", whole(missing)],
        ["of which counted by the publisher", whole(counted)],
      ],
    }],
    figures: {
      slowCalmP99: calmP99,
      slowStalledP99: stalledP99,
      slowOthersMissing: othersMissing,
      slowGrowth: growth,
      slowResidentGrowth: residentGrowth,
      slowLimit: limit,
      slowBack: back,
      slowMissing: missing,
      slowCounted: counted,
    },
  };
}

/** What one stalled subscriber does to the others. */
export const slowSubscriber: Section = { name: "slow", title: "A slow subscriber", run };
