/**
 * STTP (IEEE 2664), the Streaming Telemetry Transport Protocol: a publisher and a subscriber for streams of measurements.
 *
 * This entry point has all of four others: `@sttp/sttp/subscriber`, `@sttp/sttp/publisher`, `@sttp/sttp/transport`
 * and `@sttp/sttp/metadata`. Entry points beside it are `@sttp/sttp/history`, the HTTP admin (`@sttp/sttp/admin`),
 * logs (`@sttp/sttp/log`), OpenTelemetry (`@sttp/sttp/telemetry`), the synthetic grid (`@sttp/sttp/grid`) and the
 * command `sttp` (`@sttp/sttp/cli`).
 *
 * @example A publisher and a subscriber in one process
 * ```ts
 * import { MeasurementBatch, Publisher, Subscriber } from "@sttp/sttp";
 * import { Grid } from "@sttp/sttp/grid";
 * import { assertEquals } from "@std/assert";
 *
 * const grid = await Grid.create({ devices: 2 });
 * await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
 * publisher.defineMetadata(grid.metadata());
 * grid.bind(publisher.signals);
 * await publisher.start();
 *
 * await using subscriber = new Subscriber({ filter: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" });
 * await subscriber.connect(publisher.address);
 *
 * const stop = new AbortController();
 * const publishing = (async () => {
 *   const batch = new MeasurementBatch();
 *   for await (const ticks of grid.frames({ signal: stop.signal })) {
 *     batch.clear();
 *     grid.write(batch, ticks);
 *     publisher.publish(batch);
 *   }
 * })();
 *
 * let received = 0;
 * for await (const batch of subscriber.batches()) {
 *   received += batch.length;
 *   if (received >= 10) break;
 * }
 * stop.abort();
 * await publishing;
 * assertEquals(received % 2, 0);
 * ```
 *
 * @module
 */
export * from "./metadata/mod.ts";
export * from "./publisher/mod.ts";
export * from "./subscriber/mod.ts";
export * from "./transport/mod.ts";

// Both sides have reasons for which a connection ends.
export type { CloseReason as PublisherCloseReason } from "./publisher/mod.ts";
export type { CloseReason } from "./subscriber/mod.ts";
