/**
 * The publishing side of a measurement.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { Grid } from "../../grid/mod.ts";
import { MeasurementBatch, type Publisher } from "../../mod.ts";
import { preciseNow } from "../precise_now.ts";

/** How to publish. */
export interface LoadOptions {
  /** How many signals there are. */
  readonly signals: number;
  /** Measurements a call. */
  readonly batch: number;
  /** Measurements a second; `undefined`: as fast as the subscribers take them. */
  readonly rate: number | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Bytes that may wait for a subscriber when as much is published as they take. */
const AHEAD = 2 * 1024 ** 2;
/** Measurements that are made before any is published: enough for their noise not to repeat itself soon. */
const PREPARED = 300_000;

/** Values of a synthetic grid, made beforehand, so that making them does not count. */
export class Load {
  readonly #options: LoadOptions;
  readonly #publisher: Publisher;
  readonly #prepared = new MeasurementBatch();
  readonly #batch = new MeasurementBatch();
  #next = 0;

  private constructor(options: LoadOptions, publisher: Publisher) {
    this.#options = options;
    this.#publisher = publisher;
  }

  /** Defines a publisher's metadata and makes what it is to publish. */
  static async create(publisher: Publisher, options: LoadOptions): Promise<Load> {
    const grid = await Grid.create({ devices: Math.max(1, Math.ceil(options.signals / 10)) });
    publisher.defineMetadata(grid.metadata());
    grid.bind(publisher.signals);
    const load = new Load(options, publisher);
    const frames = Math.max(2, Math.round(PREPARED / grid.signals.length));
    const start = preciseNow();
    for (let frame = 0; frame < frames; frame++) {
      grid.write(load.#prepared, start + BigInt(frame) * 333_333n);
    }
    return load;
  }

  /** Publishes until it is told to end, while somebody is there. */
  async run(): Promise<void> {
    const { signal, rate } = this.#options;
    if (rate === undefined) await this.#freely(signal);
    else await this.#paced(rate, signal);
  }

  async #freely(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waiting = this.#waiting();
      if (waiting === undefined) {
        await pause(10);
        continue;
      }
      if (waiting < AHEAD) { for (let sent = 0; sent < 50_000; sent += this.#options.batch) this.#publish(); }
      // Sockets get their turn.
      await new Promise<void>((resolve) => setImmediate(() => resolve()));
    }
  }

  /** Bytes that wait for the subscriber that has the most; `undefined` when nobody is ready. */
  #waiting(): number | undefined {
    const ready = this.#publisher.stats().open.filter(({ subscription }) => subscription?.confirmed);
    if (ready.length === 0) return undefined;
    return Math.max(...ready.map(({ queue }) => queue.dataBytes));
  }

  async #paced(rate: number, signal: AbortSignal): Promise<void> {
    const interval = 1000 * this.#options.batch / rate;
    const start = performance.now();
    for (let done = 0; !signal.aborted;) {
      await pause(Math.max(0, start + (done + 1) * interval - performance.now()));
      for (const due = (performance.now() - start) / interval; done < due && !signal.aborted; done++) {
        this.#publish();
      }
    }
  }

  /** Publishes the next measurements, all with the present time. */
  #publish(): void {
    const batch = this.#batch;
    const prepared = this.#prepared;
    batch.clear();
    while (batch.length < this.#options.batch) {
      const to = Math.min(prepared.length, this.#next + this.#options.batch - batch.length);
      batch.append(prepared, this.#next, to);
      this.#next = to === prepared.length ? 0 : to;
    }
    batch.ticks.fill(preciseNow(), 0, batch.length);
    this.#publisher.publish(batch);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
