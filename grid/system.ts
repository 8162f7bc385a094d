/**
 * The physics that all devices share, in closed form: frequency is the exact derivative of the angle.
 *
 * @module
 */
import { between, hash } from "./random.ts";

/** Slow wander of an interconnection's frequency: amplitude in Hz and period in seconds of each part. */
const Wander = [
  { amplitude: 0.006, period: 3307 },
  { amplitude: 0.007, period: 911 },
  { amplitude: 0.005, period: 239 },
  { amplitude: 0.003, period: 61 },
  { amplitude: 0.0012, period: 13 },
] as const;

/** Oscillations between areas of the grid, in Hz. */
export const SwingFrequencies = [0.23, 0.61] as const;

/** Slow changes of load, periods in seconds. */
export const LoadPeriods = [2707, 419] as const;

/** Sine and cosine of a phase that every device shifts by an angle of its own. */
export interface Phase {
  sin: number;
  cos: number;
}

/**
 * The state of the whole grid at one moment: the part of it that is the same everywhere, and the shared phases from
 * which each device makes its own part without a call to a trigonometric function.
 */
export class SystemState {
  /** Deviation from the nominal frequency in Hz. */
  deviation = 0;
  /** Rate of change of frequency in Hz/s. */
  slope = 0;
  /** The angle against a reference that turns at nominal frequency, in degrees; the integral of `deviation` times 360. */
  angle = 0;
  /** Phases of the oscillations between areas. */
  readonly swings: readonly [Phase, Phase] = [{ sin: 0, cos: 1 }, { sin: 0, cos: 1 }];
  /** Phases of the slow changes of load. */
  readonly loads: readonly [Phase, Phase] = [{ sin: 0, cos: 1 }, { sin: 0, cos: 1 }];

  readonly #rates: number[] = [];
  readonly #phases: number[] = [];

  /** @param seed Shifts phases and stretches periods. */
  constructor(seed: number) {
    Wander.forEach(({ period }, i) => {
      this.#rates.push(2 * Math.PI / (period * between(hash(seed, i, 1), 0.9, 1.1)));
      this.#phases.push(between(hash(seed, i, 2), 0, 2 * Math.PI));
    });
  }

  /** Moves to a time, in seconds from any fixed start. */
  moveTo(seconds: number): void {
    let deviation = 0;
    let slope = 0;
    let turns = 0;
    for (let i = 0; i < Wander.length; i++) {
      const amplitude = Wander[i]!.amplitude;
      const rate = this.#rates[i]!;
      const phase = rate * seconds + this.#phases[i]!;
      const sin = Math.sin(phase);
      const cos = Math.cos(phase);
      deviation += amplitude * sin;
      slope += amplitude * rate * cos;
      turns -= amplitude / rate * cos;
    }
    this.deviation = deviation;
    this.slope = slope;
    this.angle = 360 * turns;
    for (let i = 0; i < 2; i++) {
      setPhase(this.swings[i]!, 2 * Math.PI * SwingFrequencies[i]! * seconds);
      setPhase(this.loads[i]!, 2 * Math.PI / LoadPeriods[i]! * seconds);
    }
  }
}

function setPhase(phase: Phase, radians: number): void {
  phase.sin = Math.sin(radians);
  phase.cos = Math.cos(radians);
}
