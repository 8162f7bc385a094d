/**
 * We publish over UDP, and a partner subscribes.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import { type Clock, openUdp, systemClock } from "../../transport/mod.ts";
import { publishTable, sleep, subscribed } from "./ours.ts";
import { publishing, soon } from "./publishing.ts";
import { ALL, type Scenario, scenario, signalIds, type Stage } from "./scenario.ts";
import { afterCompact, compare, makeTable, readLines, type Row } from "./table.ts";

/** A UDP port that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = await openUdp({ hostname: "127.0.0.1" });
  await socket.close();
  return socket.port;
}

/** Longer than timestamps stay whole for a new subscriber. */
const SETTLED = 2100;

interface Form {
  /** Of the partner. */
  readonly settings: Record<string, unknown>;
  /** The most bytes that a measurement may take when offsets are in use, packet headers included. */
  readonly bytes: number;
  readonly expected?: (rows: Row[]) => Row[];
  /** Of our publisher. */
  readonly maxDatagramLength?: number;
}

/** A session over UDP: one table at once, another when base times have settled. */
async function session(stage: Stage, form: Form): Promise<string> {
  const { expected = afterCompact, maxDatagramLength = 1400 } = form;
  await using publisher = await publishing({ udp: { maxDatagramLength } });
  const settings = { udpport: await freePort(), udpinterface: "127.0.0.1", ...form.settings };
  const { program, out } = stage.subscriber(publisher.port, { filter: ALL, settings });
  await using _program = program;
  await program.next("cache");
  await subscribed(publisher);
  const rows: Row[] = [];
  let before = { bytes: 0, measurements: 0 };
  for (const seed of [0, 1]) {
    const table = makeTable({ signalIds: await signalIds(), frames: 60, start: soon(), seed });
    before = publisher.stats().groups[0]!;
    await publishTable(publisher, table);
    rows.push(...table);
    await sleep(SETTLED);
  }
  const after = publisher.stats().groups[0]!;
  const size = (after.bytes - before.bytes) / (after.measurements - before.measurements);
  assertLess(size, form.bytes, "offsets are not used");
  const { dataChannel } = publisher.stats().open[0]!;
  assertEquals(dataChannel?.measurements, rows.length);
  await program.send(`expect ${rows.length}`);
  await program.next("reached");
  await program.quit();
  assertEquals(program.taken("error"), []);
  return `${compare(expected(rows), await readLines(out))}; ${dataChannel!.datagrams} datagrams`;
}

/** Scenarios for the subscriber of any partner. */
export const overUdp: Scenario[] = [
  scenario(
    "we publish over UDP: times in full, then as offsets",
    (stage) => session(stage, { settings: {}, bytes: 15 }),
  ),
  scenario(
    "we publish over UDP: millisecond resolution",
    (stage) => session(stage, { settings: { use_millisecondresolution: true }, bytes: 13 }),
  ),
];

/** Scenarios for sttpapi's subscriber alone. */
export const udpToSttpapi: Scenario[] = [
  scenario("we publish over UDP: no times", (stage) =>
    session(stage, {
      settings: { includetime: false },
      bytes: 11,
      // The partner leaves out the time, too.
      expected: (rows) => afterCompact(rows).map((row) => ({ ...row, ticks: 0n })),
    })),
  scenario(
    "we publish over UDP: long datagrams",
    (stage) => session(stage, { settings: {}, bytes: 15, maxDatagramLength: 32_768 }),
  ),
  ...[false, true].map((udp) =>
    scenario(
      `we publish over ${udp ? "UDP" : "TCP"}: compact, through rotations of the base times`,
      async (stage) => {
        // Seven minutes pass in seconds.
        const clock: Clock = {
          ...systemClock,
          schedule: (delay, callback) =>
            systemClock.schedule(delay > 400_000 ? udp ? 4000 : 300 : delay, callback),
        };
        await using publisher = await publishing({ clock });
        const settings = udp ? { udpport: await freePort(), udpinterface: "127.0.0.1" } : {};
        const { program, out } = stage.subscriber(publisher.port, { filter: ALL, tssc: false, settings });
        await using _program = program;
        await program.next("cache");
        await subscribed(publisher);
        const rows: Row[] = [];
        for (const seed of [0, 1, 2, 3, 4, 5, 6, 7]) {
          const table = makeTable({ signalIds: await signalIds(), frames: 100, start: soon(), seed });
          await publishTable(publisher, table, udp ? 50 : 200);
          rows.push(...table);
        }
        await program.send(`expect ${rows.length}`);
        await program.next("reached");
        const size = publisher.stats().groups[0]!.bytes / rows.length;
        assertLess(size, udp ? 17.5 : 15, "offsets are not used after a rotation");
        await program.quit();
        assertEquals(program.taken("disconnected"), []);
        return `${compare(afterCompact(rows), await readLines(out))}; ${size.toFixed(1)} bytes each`;
      },
    )
  ),
];
