/**
 * What there is to measure: devices, their signals and the names and IDs of both.
 *
 * @module
 */
import { NAMESPACE_URL, v5 } from "@std/uuid";
import { Companies, Places, Regions, VoltageLevels } from "./places.ts";
import { hash } from "./random.ts";

/** Sizes of a synthetic grid. */
export interface GridOptions {
  /** How many devices; default 20, at most 100,000. */
  devices?: number;
  /** Frames a second, 1 to 1,000; 30, 60 and 120 are customary. Default 30. */
  framesPerSecond?: number;
  /** Nominal frequency in Hz: 60 (default) or 50. */
  nominalFrequency?: 50 | 60;
  /** 1: positive sequence phasors only (default). 3: the phases A, B and C as well. */
  phases?: 1 | 3;
  /** Lines whose current each device measures, 0 to 100; default 1. */
  currents?: number;
  /** Analog values of each device, 0 to 100: real power, reactive power, oil temperature, battery voltage, and again. Default 2. */
  analogs?: number;
  /** Digital status words of each device, 0 to 100; default 1. */
  digitals?: number;
  /**
   * How devices report values. `integer` (default): rounded to the steps of the 16-bit formats of IEEE C37.118.
   * `float`: not rounded, so that noise reaches the last bits of a value and less can be compressed.
   */
  format?: "integer" | "float";
  /** What all randomness comes from, a uint32: the same seed gives the same values. IDs and names do not depend on it. Default 1. */
  seed?: number;
  /** The share of time in which a device is in trouble, 0 to 1: lost time synchronisation or invalid data. Default 0.002. */
  troubleRate?: number;
}

/** Types of the signals of a synthetic grid. */
export type GridSignalType = "FLAG" | "FREQ" | "DFDT" | "VPHM" | "VPHA" | "IPHM" | "IPHA" | "ALOG" | "DIGI";

/** One signal of one device. */
export interface GridSignal {
  /** Lower-case GUID, version 5, made from the signal reference: the same in every run and for every size of grid. */
  readonly signalId: string;
  /** Measurement key, `GRID:1` for the first signal and so on. */
  readonly key: string;
  /** Name for people, such as `RVE_ALDERBROOK_1:FREQ`. */
  readonly pointTag: string;
  /** Device and kind, such as `ALDERBROOK_1-FQ`. */
  readonly signalReference: string;
  /** What is measured. */
  readonly signalType: GridSignalType;
  /** For phasors: the `sourceIndex` of the phasor, from 1; for the others 0. */
  readonly phasorSourceIndex: number;
  /** One line for people, with the unit. */
  readonly description: string;
}

/** One phasor of one device: two signals. */
export interface GridPhasor {
  /** Position among the device's phasors, from 1. */
  readonly sourceIndex: number;
  /** Name, such as `500 kV Bus` or `Dunmore Line`. */
  readonly label: string;
  /** Voltage or current. */
  readonly type: "V" | "I";
  /** Phase, or `+` for the positive sequence. */
  readonly phase: "+" | "A" | "B" | "C";
}

/** A device like a phasor measurement unit. */
export interface GridDevice {
  /** Lower-case GUID, version 5, made from the acronym. */
  readonly uniqueId: string;
  /** Short name, such as `ALDERBROOK_1`. */
  readonly acronym: string;
  /** Long name, such as `Alderbrook 1`. */
  readonly name: string;
  /** Acronym of the company that owns it. */
  readonly companyAcronym: string;
  /** Degrees east. */
  readonly longitude: number;
  /** Degrees north. */
  readonly latitude: number;
  /** Nominal line-to-line voltage in kV. */
  readonly kilovolts: number;
  /** Rated current of its lines in A. */
  readonly amperes: number;
  /** Its phasors in order of source index: the bus voltage first, then the lines. */
  readonly phasors: readonly GridPhasor[];
  /** Its signals, in the order in which frames hold them. */
  readonly signals: readonly GridSignal[];
}

const MaxDevices = 100_000;
const Namespace: Promise<string> = v5.generate(NAMESPACE_URL, encode("https://jsr.io/@sttp/sttp/grid"));

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A lasting GUID for a name. */
export async function idOf(name: string): Promise<string> {
  return await v5.generate(await Namespace, encode(name));
}

/**
 * Fills in defaults and checks.
 *
 * @throws {RangeError} When an option is out of its range.
 */
export function checkOptions(options: GridOptions): Required<GridOptions> {
  const { devices = 20, framesPerSecond = 30, nominalFrequency = 60, phases = 1 } = options;
  const { currents = 1, analogs = 2, digitals = 1, format = "integer" } = options;
  const { seed = 1, troubleRate = 0.002 } = options;
  requireWhole("devices", devices, 1, MaxDevices);
  requireWhole("framesPerSecond", framesPerSecond, 1, 1000);
  requireWhole("currents", currents, 0, 100);
  requireWhole("analogs", analogs, 0, 100);
  requireWhole("digitals", digitals, 0, 100);
  requireWhole("seed", seed, 0, 0xffff_ffff);
  if (nominalFrequency !== 50 && nominalFrequency !== 60) {
    throw new RangeError(`nominalFrequency is ${nominalFrequency}, expected 50 or 60`);
  }
  if (phases !== 1 && phases !== 3) throw new RangeError(`phases is ${phases}, expected 1 or 3`);
  if (format !== "integer" && format !== "float") {
    throw new RangeError(`format is "${format}", expected "integer" or "float"`);
  }
  if (!(troubleRate >= 0 && troubleRate <= 1)) {
    throw new RangeError(`troubleRate is ${troubleRate}, expected 0 to 1`);
  }
  return {
    devices,
    framesPerSecond,
    nominalFrequency,
    phases,
    currents,
    analogs,
    digitals,
    format,
    seed,
    troubleRate,
  };
}

function requireWhole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} is ${value}, expected a whole number from ${low} to ${high}`);
  }
}

/** Makes all devices, with their signals. */
export async function layOut(options: Required<GridOptions>): Promise<GridDevice[]> {
  const devices: GridDevice[] = [];
  for (let n = 0; n < options.devices; n++) {
    const first = n === 0 ? 1 : 1 + n * devices[0]!.signals.length;
    devices.push(await layOutDevice(n, first, options));
  }
  return devices;
}

async function layOutDevice(
  n: number,
  firstKey: number,
  options: Required<GridOptions>,
): Promise<GridDevice> {
  const place = Places[n % Places.length]!;
  const unit = Math.floor(n / Places.length) + 1;
  const name = `${place} ${unit}`;
  const acronym = name.toUpperCase().replaceAll(" ", "_");
  const region = Regions[options.nominalFrequency];
  const levels = VoltageLevels[options.nominalFrequency];
  const level = levels[hash(n, 10) % levels.length]!;
  // Evenly spread for any number of devices: multiples of two irrational numbers, modulo 1.
  const longitude = placed(0.5 + (n + 1) * 0.754877666, region.west, region.east);
  const latitude = placed(0.5 + (n + 1) * 0.569840291, region.south, region.north);
  const eastward = (longitude - region.west) / (region.east - region.west);
  const company = Companies[Math.min(Companies.length - 1, Math.floor(eastward * Companies.length))]!;
  const phasors = layOutPhasors(n, level.kilovolts, options);
  const signals = signalNames(phasors, options).map(({ suffix, tag, type, phasor, description }, i) => ({
    key: `GRID:${firstKey + i}`,
    pointTag: `${company.acronym}_${acronym}:${tag}`,
    signalReference: `${acronym}-${suffix}`,
    signalType: type,
    phasorSourceIndex: phasor,
    description: `${name} ${description}`,
  }));
  const [uniqueId, ...signalIds] = await Promise.all([
    idOf(acronym),
    ...signals.map((signal) => idOf(signal.signalReference)),
  ]);
  return {
    uniqueId,
    acronym,
    name,
    companyAcronym: company.acronym,
    longitude,
    latitude,
    kilovolts: level.kilovolts,
    amperes: level.amperes,
    phasors,
    signals: signals.map((signal, i) => ({ signalId: signalIds[i]!, ...signal })),
  };
}

/** Takes the fraction of a number to a coordinate between two others. Four decimals of a degree are about ten metres. */
function placed(fraction: number, low: number, high: number): number {
  return Number((low + (high - low) * (fraction % 1)).toFixed(4));
}

function layOutPhasors(n: number, kilovolts: number, options: Required<GridOptions>): GridPhasor[] {
  const phases = options.phases === 3 ? ["A", "B", "C", "+"] as const : ["+"] as const;
  const phasors: GridPhasor[] = [];
  for (let source = 0; source <= options.currents; source++) {
    const far = Places[(n + 1 + hash(n, source, 13) % (Places.length - 1)) % Places.length];
    const label = source === 0 ? `${kilovolts} kV Bus` : `${far} Line ${source}`;
    for (const phase of phases) {
      phasors.push({ sourceIndex: phasors.length + 1, label, type: source === 0 ? "V" : "I", phase });
    }
  }
  return phasors;
}

interface SignalName {
  suffix: string;
  tag: string;
  type: GridSignalType;
  phasor: number;
  description: string;
}

const AnalogNames = [
  "real power (MW)",
  "reactive power (MVAR)",
  "transformer oil temperature (Celsius)",
  "station battery voltage (V)",
] as const;

function signalNames(phasors: readonly GridPhasor[], options: Required<GridOptions>): SignalName[] {
  const names: SignalName[] = [
    { suffix: "SF", tag: "FLAG", type: "FLAG", phasor: 0, description: "status flags" },
    { suffix: "FQ", tag: "FREQ", type: "FREQ", phasor: 0, description: "frequency (Hz)" },
    { suffix: "DF", tag: "DFDT", type: "DFDT", phasor: 0, description: "rate of change of frequency (Hz/s)" },
  ];
  for (const { sourceIndex, label, type, phase } of phasors) {
    const what = `${label} ${phase === "+" ? "positive sequence" : `phase ${phase}`}`;
    const unit = type === "V" ? "V" : "A";
    const magnitude = `${type}PHM` as const;
    const angle = `${type}PHA` as const;
    names.push({
      suffix: `PM${sourceIndex}`,
      tag: `${magnitude}${sourceIndex}`,
      type: magnitude,
      phasor: sourceIndex,
      description: `${what} magnitude (${unit})`,
    }, {
      suffix: `PA${sourceIndex}`,
      tag: `${angle}${sourceIndex}`,
      type: angle,
      phasor: sourceIndex,
      description: `${what} angle (degrees)`,
    });
  }
  for (let i = 0; i < options.analogs; i++) {
    const description = AnalogNames[i % AnalogNames.length]!;
    names.push({ suffix: `AV${i + 1}`, tag: `ALOG${i + 1}`, type: "ALOG", phasor: 0, description });
  }
  for (let i = 0; i < options.digitals; i++) {
    names.push({
      suffix: `DV${i + 1}`,
      tag: `DIGI${i + 1}`,
      type: "DIGI",
      phasor: 0,
      description: `breaker status word ${i + 1}`,
    });
  }
  return names;
}
