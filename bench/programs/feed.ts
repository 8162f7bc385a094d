import type { MeasurementBatch } from "../../transport/wire/batch.ts";
import { sensorData } from "../codecs/data.ts";

/** Measurements of all signals of a publisher, frame after frame, without end. */
export class Feed {
  readonly #data: MeasurementBatch;
  #next = 0;
  /** Whether measurements begin with a signal drawn by lot each time, not with the one after the last. */
  shuffled = false;

  /** @param handles The signals, each of which is measured in every frame. */
  constructor(handles: Int32Array) {
    // Some 300,000 values are long enough for the noise not to repeat itself within the codec's memory.
    const frames = Math.max(2, Math.round(300_000 / handles.length));
    this.#data = sensorData({ signals: handles.length, frames });
    for (let frame = 0; frame < frames; frame++) this.#data.signals.set(handles, frame * handles.length);
  }

  /** Puts the next measurements in the place of a batch's contents, all with one timestamp or with their frames'. */
  fill(batch: MeasurementBatch, count: number, ticks?: bigint): void {
    batch.clear();
    const data = this.#data;
    if (this.shuffled) this.#next = Math.floor(Math.random() * data.length);
    while (batch.length < count) {
      const from = this.#next;
      const to = Math.min(data.length, from + count - batch.length);
      batch.append(data, from, to);
      this.#next = to === data.length ? 0 : to;
    }
    if (ticks !== undefined) batch.ticks.fill(ticks, 0, count);
  }
}
