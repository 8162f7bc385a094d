import { fixed, millions, whole } from "../harness/format.ts";
import { ALL, PublisherProcess, SubscriberProcess } from "../harness/programs.ts";
import type { Figures, Findings, Section, Settings } from "../harness/report.ts";
import { medians } from "../harness/statistics.ts";

async function turn(signals: number, seconds: number): Promise<Figures> {
  await using publisher = await PublisherProcess.start({ signals });
  const figures: Record<string, number> = { sizeSignals: signals, sizeDefine: publisher.defineMilliseconds };

  for (const which of [0, 1]) {
    // It publishes while the subscriber arrives, so that data follows the confirmation at once.
    const publishing = publisher.publish({ batch: signals / 10, rate: signals, seconds });
    await using subscriber = await SubscriberProcess.start({
      address: publisher.address,
      filters: [ALL],
      options: { autoRequestMetadata: false },
    });
    const published = await publishing;
    const { takers: [taker] } = await subscriber.look();
    const { signals: cacheAfter, connected } = subscriber.subscribed;
    figures[`sizeCache${which}`] = cacheAfter - connected;
    figures[`sizeFirstData${which}`] = taker!.firstAfter - connected;
    figures[`sizeTurn${which}`] = published.longestTurn;
  }

  for (const which of [0, 1]) {
    await publisher.look();
    await using subscriber = await SubscriberProcess.start({
      address: publisher.address,
      filters: ["FILTER TOP 1 ActiveMeasurements WHERE True"],
    });
    const { longestTurn } = await publisher.look();
    const { metadataBytes, metadataRequest, metadataParse } = subscriber.subscribed;
    figures[`metadataRequest${which}`] = metadataRequest;
    figures[`metadataTurn${which}`] = longestTurn;
    figures[`metadataParse${which}`] = metadataParse;
    figures.metadataBytes = metadataBytes;
  }
  return figures;
}

async function run({ quick }: Settings): Promise<Findings> {
  const signals = quick ? 50_000 : 300_000;
  const turns: Figures[] = [];
  for (let i = 0; i < (quick ? 1 : 3); i++) turns.push(await turn(signals, quick ? 8 : 12));
  const figures = medians(turns);
  const row = (name: string, figure: string, longestTurn?: string): string[] => [
    name,
    fixed(figures[figure]!, 0),
    longestTurn === undefined ? "" : fixed(figures[longestTurn]!, 0),
  ];
  return {
    tables: [{
      title: `${whole(signals)} signals, metadata of ${
        millions(figures.metadataBytes!, 1)
      } MB gzipped: milliseconds from the connection on`,
      header: ["", "ms", "publisher's longest turn"],
      rows: [
        row("define metadata", "sizeDefine"),
        row("first subscription: cache at the subscriber", "sizeCache0"),
        row("first subscription: first data", "sizeFirstData0", "sizeTurn0"),
        row("second subscription: cache at the subscriber", "sizeCache1"),
        row("second subscription: first data", "sizeFirstData1", "sizeTurn1"),
        row("first metadata: request to answer", "metadataRequest0", "metadataTurn0"),
        row("first metadata: read by the subscriber", "metadataParse0"),
        row("second metadata: request to answer", "metadataRequest1", "metadataTurn1"),
        row("second metadata: read by the subscriber", "metadataParse1"),
      ],
    }],
    figures,
  };
}

/** A very large subscription. */
export const size: Section = { name: "size", title: "Size", run };
