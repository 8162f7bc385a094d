import type { Clock } from "../transport/clock.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import type { DataSet } from "../metadata/data_set.ts";
import { DeviceValues } from "./device_values.ts";
import { FrameTimes, pace } from "./frame_times.ts";
import { checkOptions, type GridDevice, type GridOptions, type GridSignal, idOf, layOut } from "./layout.ts";
import { gridMetadata } from "./metadata.ts";
import { SystemState } from "./system.ts";

/** Ticks at 2020-01-01T00:00:00Z: near enough to now that seconds since then keep their fractions in a double. */
const Epoch = 637_134_336_000_000_000n;

/**
 * A grid that does not exist, for demonstrations, tests and benchmarks: devices like phasor measurement units, all on
 * one system whose frequency wanders as a real one's does.
 *
 * A frame is a pure function of the options and its time. It does not matter when it is asked for or which frames came
 * before, so two processes with the same seed agree, and the past can be replayed.
 *
 * What is believable about the values: all devices share the slow wander of the frequency and two oscillations between
 * areas; phasor angles are the exact integral of the frequency; current, voltage and power follow slow changes of load;
 * everything carries noise of the size of the sensor's resolution and is rounded to the steps of the 16-bit formats of
 * IEEE C37.118 (1 mHz, 0.01 Hz/s, 0.0001 radian, 1.5 times nominal / 32,767), unless the format is `float`. Now
 * and then a device loses its time synchronisation or reports invalid data, which shows in its status flags and in the
 * state flags of its measurements.
 *
 * @example
 * ```ts
 * import { Grid } from "@sttp/sttp/grid";
 * import { MeasurementBatch, Ticks } from "@sttp/sttp/transport";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const grid = await Grid.create({ devices: 3 });
 * assertEquals(grid.signals.length, 30);
 * assertEquals(grid.signals[1]?.pointTag, "RVE_ALDERBROOK_1:FREQ");
 *
 * const batch = new MeasurementBatch();
 * grid.write(batch, grid.frameTime(Ticks.now()));
 * assertEquals(batch.length, 30);
 * assert(Math.abs(batch.values[1]! - 60) < 0.05);
 * ```
 */
export class Grid {
  /** The options with their defaults filled in. */
  readonly options: Readonly<Required<GridOptions>>;
  /** The devices. */
  readonly devices: readonly GridDevice[];
  /** All signals, device by device, in the order in which a frame holds them. */
  readonly signals: readonly GridSignal[];

  readonly #system: SystemState;
  readonly #values: DeviceValues;
  readonly #times: FrameTimes;
  readonly #handles: Int32Array;
  readonly #nodeId: string;

  private constructor(options: Required<GridOptions>, devices: GridDevice[], nodeId: string) {
    this.options = options;
    this.devices = devices;
    this.signals = devices.flatMap((device) => device.signals);
    this.#system = new SystemState(options.seed);
    this.#values = new DeviceValues(options, devices);
    this.#times = new FrameTimes(options.framesPerSecond);
    this.#handles = Int32Array.from(this.signals.keys());
    this.#nodeId = nodeId;
  }

  /**
   * Lays out a grid.
   *
   * @param options Sizes, rate and seed.
   * @throws {RangeError} When an option is out of its range.
   */
  static async create(options: GridOptions = {}): Promise<Grid> {
    const checked = checkOptions(options);
    return new Grid(checked, await layOut(checked), await idOf("node"));
  }

  /**
   * Adds all signals to a table; frames carry its handles from now on. Without it the handle of a signal is its position
   * in {@linkcode Grid.signals}.
   *
   * @param table A publisher's `signals`, usually.
   */
  bind(table: SignalTable): void {
    this.signals.forEach(({ signalId }, i) => this.#handles[i] = table.add(signalId));
  }

  /**
   * Appends one frame, a measurement of every signal, to a batch.
   *
   * @param batch Where to; it grows as needed and is not cleared.
   * @param ticks The time of the frame: of every value and every timestamp in it.
   */
  write(batch: MeasurementBatch, ticks: bigint): void {
    const start = batch.length;
    const end = start + this.#handles.length;
    batch.reserve(end);
    batch.signals.set(this.#handles, start);
    batch.ticks.fill(ticks, start, end);
    const seconds = Number(ticks - Epoch) / 1e7;
    this.#system.moveTo(seconds);
    this.#values.write(this.#system, seconds, batch.values, batch.flags, start);
    batch.length = end;
  }

  /** The frequency of the system without any device's part in it, in Hz. */
  frequencyAt(ticks: bigint): number {
    this.#system.moveTo(Number(ticks - Epoch) / 1e7);
    return this.options.nominalFrequency + this.#system.deviation;
  }

  /** The time of the last frame at or before a time. Frames divide each second evenly, starting at its top. */
  frameTime(ticks: bigint): bigint {
    return this.#times.atOrBefore(ticks);
  }

  /** The time of the first frame after a time. */
  nextFrameTime(ticks: bigint): bigint {
    return this.#times.after(ticks);
  }

  /**
   * The times of frames as they fall due, in real time and without drift, beginning with the next one. When its user is
   * more than a second late, it goes on from now. It keeps the process alive until it ends.
   *
   * @param options `signal` ends it; `clock` is for tests.
   *
   * @example
   * ```ts
   * import { Grid } from "@sttp/sttp/grid";
   * import { MeasurementBatch } from "@sttp/sttp/transport";
   *
   * const grid = await Grid.create({ devices: 1 });
   * const batch = new MeasurementBatch();
   * for await (const ticks of grid.frames()) {
   *   grid.write(batch, ticks);
   *   if (batch.length === 30) break; // three frames of ten measurements: a tenth of a second
   * }
   * ```
   */
  frames(options: { signal?: AbortSignal; clock?: Clock } = {}): AsyncGenerator<bigint, void, void> {
    return pace(this.#times, options);
  }

  /**
   * The metadata of all devices, phasors and signals, as a publisher hands it out: tables DeviceDetail, MeasurementDetail,
   * PhasorDetail and SchemaVersion (§10).
   */
  metadata(): DataSet {
    return gridMetadata(this.options, this.devices, this.#nodeId);
  }
}
