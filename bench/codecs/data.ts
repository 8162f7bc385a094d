import { MeasurementBatch } from "../../transport/wire/batch.ts";

/** What to make. */
export interface DataOptions {
  /** How many signals; default 1,000. */
  readonly signals?: number;
  /** How many frames, each with one measurement of every signal; default 300. */
  readonly frames?: number;
  /** Whether every measurement has a time of its own instead of its frame's; default false. */
  readonly ownTimes?: boolean;
}

/** The first timestamp, in ticks. */
const START = 638_500_000_000_000_000n;
const FRAME_TICKS = 330_000n;

/**
 * Frames of signals 33 ms apart, one after the other in one batch: each signal a sine of its own with a sensor's
 * noise. Always the same.
 */
export function sensorData(options: DataOptions = {}): MeasurementBatch {
  const { signals = 1000, frames = 300, ownTimes = false } = options;
  const random = gaussian(20_240_101);
  const batch = new MeasurementBatch(signals * frames);
  for (let frame = 0; frame < frames; frame++) {
    const ticks = START + BigInt(frame) * FRAME_TICKS;
    for (let signal = 0; signal < signals; signal++) {
      const phase = 2 * Math.PI * (frame / 300 + signal / signals);
      const time = ownTimes ? ticks + BigInt(signal * 330) : ticks;
      batch.add(signal, time, 60 + 0.02 * Math.sin(phase) + 0.004 * random(), 0);
    }
  }
  return batch;
}

/** Normally distributed numbers from a small generator with a seed. */
function gaussian(seed: number): () => number {
  let state = seed | 0;
  const uniform = (): number => {
    state = (state + 0x6d2b_79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 0x1_0000_0000;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
