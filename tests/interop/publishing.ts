/**
 * Our publisher with a partner's subscriber: what most scenarios of that kind do.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DataSet } from "../../metadata/mod.ts";
import { Publisher, type PublisherOptions } from "../../publisher/mod.ts";
import { publishTable, type SeenTables, subscribed } from "./ours.ts";
import type { ProgramEvent } from "./program.ts";
import { ALL, METADATA, type PartnerSubscriberSettings, signalIds, type Stage } from "./scenario.ts";
import { compare, makeTable, readLines, type Row, type TableOptions } from "./table.ts";

/** A publisher of ours on a port of this machine, with the metadata defined. */
export async function publishing(options: PublisherOptions = {}): Promise<Publisher> {
  const publisher = new Publisher({ hostname: "127.0.0.1", port: 0, ...options });
  publisher.defineMetadata(await DataSet.fromXml(await Deno.readTextFile(METADATA)));
  await publisher.start();
  return publisher;
}

/** What goes through a session, and how it must come out. */
export interface SessionTable extends Omit<TableOptions, "signalIds" | "frames" | "start"> {
  readonly start?: bigint | "soon";
  /** Publishes everything in one batch of this many times 16 measurements. */
  readonly oneBatch?: number;
  /** What must arrive. */
  readonly expected?: (rows: Row[]) => Row[];
  /** How many bytes a measurement takes on the wire, packet headers included: at least and at most. */
  readonly bytes?: readonly [number, number];
}

/** Half a minute from now: within reach of the base times, so that compact packets send offsets from them. */
export function soon(): bigint {
  return BigInt(Date.now() + 30_000) * 10_000n + 621_355_968_000_000_000n;
}

/** A whole session: metadata, subscription, a table. */
export async function session(
  stage: Stage,
  settings: Omit<PartnerSubscriberSettings, "filter">,
  table: SessionTable = {},
): Promise<string> {
  const { start, oneBatch, expected = (rows: Row[]): Row[] => rows, bytes, ...options } = table;
  let rows = makeTable({
    signalIds: await signalIds(),
    frames: oneBatch ?? 120,
    ...options,
    ...start !== undefined && { start: start === "soon" ? soon() : start },
  });
  if (oneBatch !== undefined) rows = rows.map((row) => ({ ...row, frame: 0 }));
  const wanted = expected(rows);
  await using publisher = await publishing();
  const { program, out } = stage.subscriber(publisher.port, { filter: ALL, ...settings });
  await using _program = program;
  await program.next("cache");
  await subscribed(publisher);
  await publishTable(publisher, rows);
  await program.send(`expect ${wanted.length}`);
  await program.next("reached");
  const group = publisher.stats().groups[0]!;
  const size = group.bytes / group.measurements;
  await program.quit();
  assertEquals(program.taken("error"), []);
  if (bytes !== undefined) {
    assertEquals(
      size >= bytes[0] && size <= bytes[1],
      true,
      `${size} bytes a measurement, ${bytes} expected`,
    );
  }
  return `${compare(wanted, await readLines(out))}; ${group.packets} packets, ${size.toFixed(1)} bytes each`;
}

/** The tables of a "metadata" event. */
export function tablesOf(event: ProgramEvent): SeenTables {
  return event["tables"] as SeenTables;
}
