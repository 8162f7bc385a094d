import type { GridDevice, GridOptions } from "./layout.ts";
import { between, hash, mix, unit } from "./random.ts";
import { SwingFrequencies, type SystemState } from "./system.ts";

/** Steps of the 16-bit formats of IEEE C37.118. */
const FrequencyStep = 0.001;
const SlopeStep = 0.01;
const AngleStep = 180 / Math.PI * 1e-4;
const FullScale = 1.5 / 32_767;
const AnalogStep = 0.1;

/** Bits of the status word: data invalid, time not synchronised. */
const StatusDataInvalid = 0x8000;
const StatusNotSynchronised = 0x2000;
/** The state flags that go with them: BadData, BadTime (§7). */
const FlagBadData = 0x0000_0001;
const FlagBadTime = 0x0001_0000;

/** How the magnitudes and angles of phases A, B, C and the positive sequence relate; in the order of `layOut`. */
const Unbalance = [0.998, 1.003, 0.999, 1] as const;
const PhaseShift = [0, -120, 120, 0] as const;

const RadiansPerDegree = Math.PI / 180;
const NoiseLength = 8192;
const SwingRates = SwingFrequencies.map((frequency) => 2 * Math.PI * frequency);

/** What makes a device different from its neighbours: one number a device in each column. */
interface Character {
  angle: Float64Array;
  /** For each oscillation: its size here in degrees, split into a sine and a cosine part. */
  swingSin: [Float64Array, Float64Array];
  swingCos: [Float64Array, Float64Array];
  /** For each slow change of load: its size here as a share of the whole, split likewise. */
  loadSin: [Float64Array, Float64Array];
  loadCos: [Float64Array, Float64Array];
  /** Nominal line-to-neutral voltage in V, and what the bus usually has of it. */
  voltage: Float64Array;
  voltageLevel: Float64Array;
  rating: Float64Array;
  /** For each line of each device: load as a share of its rating, and the angle of its current against the bus voltage. */
  lineLoad: Float64Array;
  lineTurn: Float64Array;
  breakers: Uint16Array;
}

/** Computes the values of all devices at one moment; columns and loops, no objects. */
export class DeviceValues {
  readonly #options: Required<GridOptions>;
  readonly #count: number;
  readonly #perDevice: number;
  readonly #character: Character;
  /** Noise between -1 and 1, mostly near 0; each device reads on from a place of its own in each frame. */
  readonly #noise = new Float64Array(NoiseLength);
  readonly #status: Uint16Array;
  readonly #flags: Uint32Array;
  readonly #switched: Uint16Array;
  #minute = NaN;

  constructor(options: Required<GridOptions>, devices: readonly GridDevice[]) {
    this.#options = options;
    this.#count = devices.length;
    this.#perDevice = devices[0]!.signals.length;
    this.#character = characterOf(options, devices);
    this.#status = new Uint16Array(this.#count);
    this.#flags = new Uint32Array(this.#count);
    this.#switched = new Uint16Array(this.#count);
    for (let i = 0; i < NoiseLength; i++) {
      const bits = hash(options.seed, i, 20);
      this.#noise[i] = ((bits & 0xffff) + (bits >>> 16) - 0xffff) / 0x1_0000;
    }
  }

  /**
   * Writes every device's values and flags from position `start` on.
   *
   * @param system The grid at that moment.
   * @param seconds The moment, in seconds from a fixed start.
   */
  write(
    system: SystemState,
    seconds: number,
    values: Float32Array,
    flags: Uint32Array,
    start: number,
  ): void {
    const minute = Math.floor(seconds / 60);
    if (minute !== this.#minute) this.#moveToMinute(minute);
    const tick = Math.round(seconds * 10_000);
    const frame = hash(this.#options.seed, tick | 0, Math.floor(tick / 0x1_0000_0000));
    const perDevice = this.#perDevice;
    let at = start;
    for (let device = 0; device < this.#count; device++) {
      this.#writeDevice(system, device, mix(frame + device), values, at);
      flags.fill(this.#flags[device]!, at, at + perDevice);
      at += perDevice;
    }
  }

  #writeDevice(system: SystemState, device: number, place: number, values: Float32Array, at: number): void {
    const { nominalFrequency, phases, currents, analogs, digitals, format } = this.#options;
    const integer = format === "integer";
    const own = this.#character;
    const noise = this.#noise;
    const phasesOf = phases === 3 ? 4 : 1;

    let swing = 0;
    let swingRate = 0;
    let swingSlope = 0;
    let load = 1;
    for (let i = 0; i < 2; i++) {
      const { sin, cos } = system.swings[i]!;
      const a = own.swingSin[i]![device]!;
      const b = own.swingCos[i]![device]!;
      const rate = SwingRates[i]!;
      const angle = a * sin + b * cos;
      swing += angle;
      swingRate += rate * (a * cos - b * sin);
      swingSlope -= rate * rate * angle;
      const change = system.loads[i]!;
      load += own.loadSin[i]![device]! * change.sin + own.loadCos[i]![device]! * change.cos;
    }
    const deviation = system.deviation + swingRate / 360;
    const slope = system.slope + swingSlope / 360;
    const angle = own.angle[device]! + system.angle + swing;
    const nominalVoltage = own.voltage[device]!;
    const voltage = nominalVoltage * (own.voltageLevel[device]! - 0.05 * (load - 1));
    const rating = own.rating[device]!;

    values[at++] = this.#status[device]!;
    const mask = NoiseLength - 1;
    values[at++] = nominalFrequency + measured(deviation, FrequencyStep, noise[place++ & mask]!, integer);
    values[at++] = measured(slope, SlopeStep, noise[place++ & mask]!, integer);

    for (let source = 0; source <= currents; source++) {
      const line = device * currents + source - 1;
      const magnitude = source === 0 ? voltage : rating * load * own.lineLoad[line]!;
      const step = FullScale * (source === 0 ? nominalVoltage : rating);
      const turn = source === 0 ? 0 : own.lineTurn[line]!;
      for (let phase = 4 - phasesOf; phase < 4; phase++) {
        const exact = angle + turn + PhaseShift[phase]!;
        const wrapped = exact - 360 * Math.round(exact / 360);
        values[at++] = measured(magnitude * Unbalance[phase]!, step, 2 * noise[place++ & mask]!, integer);
        values[at++] = measured(wrapped, AngleStep, noise[place++ & mask]!, integer);
      }
    }

    if (analogs > 0) {
      const lineLoad = currents > 0 ? own.lineLoad[device * currents]! : 0.5;
      const turn = RadiansPerDegree * (currents > 0 ? own.lineTurn[device * currents]! : -10);
      const megavoltamperes = 3e-6 * voltage * rating * load * lineLoad;
      for (let i = 0; i < analogs; i++) {
        let exact: number;
        if (i % 4 === 0) exact = megavoltamperes * Math.cos(turn);
        else if (i % 4 === 1) exact = -megavoltamperes * Math.sin(turn);
        else if (i % 4 === 2) exact = 20 + 40 * load;
        else exact = 129;
        values[at++] = measured(exact, AnalogStep, noise[place++ & mask]!, integer);
      }
    }
    for (let i = 0; i < digitals; i++) {
      values[at++] = own.breakers[device]! ^ (i === 0 ? this.#switched[device]! : 0);
    }
  }

  /** Troubles and breaker operations last a minute. */
  #moveToMinute(minute: number): void {
    this.#minute = minute;
    const { seed, troubleRate } = this.#options;
    for (let device = 0; device < this.#count; device++) {
      const chance = unit(hash(seed, minute, device, 30));
      const invalid = chance < troubleRate / 4;
      const unsynchronised = !invalid && chance < troubleRate;
      this.#status[device] = invalid ? StatusDataInvalid : unsynchronised ? StatusNotSynchronised : 0;
      this.#flags[device] = invalid ? FlagBadData : unsynchronised ? FlagBadTime : 0;
      const operation = hash(seed, minute, device, 31);
      this.#switched[device] = unit(operation) < 0.01 ? 1 << (operation & 15) : 0;
    }
  }
}

/** What a sensor makes of an exact value: noise in steps of its resolution, then perhaps rounding to those. */
function measured(exact: number, step: number, noise: number, integer: boolean): number {
  const steps = exact / step + noise;
  return step * (integer ? Math.round(steps) : steps);
}

function characterOf(options: Required<GridOptions>, devices: readonly GridDevice[]): Character {
  const { seed, currents } = options;
  const count = devices.length;
  const column = (): Float64Array => new Float64Array(count);
  const own: Character = {
    angle: column(),
    swingSin: [column(), column()],
    swingCos: [column(), column()],
    loadSin: [column(), column()],
    loadCos: [column(), column()],
    voltage: column(),
    voltageLevel: column(),
    rating: column(),
    lineLoad: new Float64Array(count * currents),
    lineTurn: new Float64Array(count * currents),
    breakers: new Uint16Array(count),
  };
  devices.forEach(({ longitude, latitude, kilovolts, amperes }, d) => {
    const random = (what: number, low: number, high: number): number =>
      between(hash(seed, d, what), low, high);
    // Power flows from west to east: angles fall that way.
    own.angle[d] = -2 * longitude + random(40, -3, 3);
    for (let i = 0; i < 2; i++) {
      // The two ends of the grid swing against each other: the sign follows from where the device is.
      const place = i === 0 ? longitude / 8 : latitude / 3;
      const size = (i === 0 ? 0.6 : 0.15) * Math.sin(place);
      const lag = random(41 + i, -0.3, 0.3);
      own.swingSin[i]![d] = size * Math.cos(lag);
      own.swingCos[i]![d] = size * Math.sin(lag);
      const share = i === 0 ? 0.12 : 0.03;
      const phase = random(43 + i, 0, 2 * Math.PI);
      own.loadSin[i]![d] = share * Math.cos(phase);
      own.loadCos[i]![d] = share * Math.sin(phase);
    }
    own.voltage[d] = kilovolts * 1000 / Math.sqrt(3);
    own.voltageLevel[d] = random(45, 0.99, 1.04);
    own.rating[d] = amperes;
    own.breakers[d] = hash(seed, d, 46) & 0xffff;
    for (let line = 0; line < currents; line++) {
      const bits = hash(seed, d, line, 47);
      own.lineLoad[d * currents + line] = between(bits, 0.2, 0.7);
      // Current lags its voltage; flowing into the bus it is turned round.
      const lag = between(mix(bits), 3, 25);
      own.lineTurn[d * currents + line] = (bits & 1) === 0 ? -lag : 180 - lag;
    }
  });
  return own;
}
