import { fixed, millions } from "../harness/format.ts";
import { ALL, PublisherProcess, SubscriberProcess } from "../harness/programs.ts";
import type { Findings, Section, Settings } from "../harness/report.ts";

async function run({ quick }: Settings): Promise<Findings> {
  const signals = quick ? 50_000 : 300_000;
  await using publisher = await PublisherProcess.start({ signals });
  const rows: string[][] = [["define metadata", fixed(publisher.defineMilliseconds, 0), ""]];
  const figures: Record<string, number> = { sizeSignals: signals, sizeDefine: publisher.defineMilliseconds };
  await publisher.look();

  for (const [turn, name] of ["first", "second"].entries()) {
    // It publishes while the subscriber arrives, so that data follows the confirmation at once.
    const publishing = publisher.publish({ batch: signals / 10, rate: signals, seconds: quick ? 8 : 12 });
    await using subscriber = await SubscriberProcess.start({
      address: publisher.address,
      filters: [ALL],
      options: { autoRequestMetadata: false },
    });
    const published = await publishing;
    const { takers: [taker] } = await subscriber.look();
    const { signals: cacheAfter, connected } = subscriber.subscribed;
    const firstAfter = taker!.firstAfter - connected;
    rows.push([
      `${name} subscription: cache at the subscriber`,
      fixed(cacheAfter - connected, 0),
      "",
    ], [
      `${name} subscription: first data`,
      fixed(firstAfter, 0),
      fixed(published.longestTurn, 0),
    ]);
    figures[`sizeCache${turn}`] = cacheAfter - connected;
    figures[`sizeFirstData${turn}`] = firstAfter;
    figures[`sizeTurn${turn}`] = published.longestTurn;
  }

  for (const [turn, name] of ["first", "second"].entries()) {
    await publisher.look();
    await using subscriber = await SubscriberProcess.start({
      address: publisher.address,
      filters: ["FILTER TOP 1 ActiveMeasurements WHERE True"],
    });
    const after = await publisher.look();
    const { metadataBytes, metadataRequest, metadataParse } = subscriber.subscribed;
    rows.push([
      `${name} metadata: request to answer`,
      fixed(metadataRequest, 0),
      fixed(after.longestTurn, 0),
    ], [`${name} metadata: read by the subscriber`, fixed(metadataParse, 0), ""]);
    figures[`metadataRequest${turn}`] = metadataRequest;
    figures[`metadataParse${turn}`] = metadataParse;
    figures.metadataBytes = metadataBytes;
  }
  return {
    tables: [{
      title: `${signals.toLocaleString("en")} signals, metadata of ${
        millions(figures.metadataBytes!, 1)
      } MB gzipped: milliseconds from the connection on`,
      header: ["", "ms", "publisher's longest turn"],
      rows,
    }],
    figures,
  };
}

/** A very large subscription. */
export const size: Section = { name: "size", title: "Size", run };
