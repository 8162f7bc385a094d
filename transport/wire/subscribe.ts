/**
 * The Subscribe command: which signals, how fast, in what form (§4).
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { DefaultLimits, type Limits } from "../limits.ts";
import {
  formatConnectionString,
  parseBoolean,
  parseConnectionString,
  parseNumber,
} from "./connection_string.ts";
import { finish } from "./steps.ts";
import { decodeText, encodeText, type TextEncoding } from "./text.ts";

/** Where data packets go over UDP. */
export interface DataChannelSettings {
  /** The subscriber's UDP port, 1 to 65535. */
  readonly localPort: number;
  /** The subscriber's local address that it listens on, such as `0.0.0.0` or `::`; empty is any. */
  readonly interface?: string;
}

/** Who the client is, for operators to see. */
export interface AssemblyInfo {
  /** The program's name. */
  readonly source: string;
  /** Its version. */
  readonly version: string;
  /** When it was last changed, such as `2024-03-01`. */
  readonly updatedOn: string;
}

/** What a subscriber may ask for; each field is the key of that name in the connection string. */
export interface SubscriptionOptions {
  /** Which signals, as a filter expression (§9); default none. */
  readonly filterExpression?: string;
  /** Whether to get only the latest values, every `publishInterval`; default false. */
  readonly throttled?: boolean;
  /** Seconds between throttled publications; default 1. One that is not over 0 leaves it to `lagTime`. */
  readonly publishInterval?: number;
  /** Whether compact measurements carry timestamps; default true. */
  readonly includeTime?: boolean;
  /** Whether values outside `lagTime` and `leadTime` are sent as NaN with BadTime in throttled mode; default false. */
  readonly enableTimeReasonabilityCheck?: boolean;
  /** Seconds that a timestamp may be behind; default 10. */
  readonly lagTime?: number;
  /** Seconds that a timestamp may be ahead; default 5. */
  readonly leadTime?: number;
  /** Whether the local clock is real time, rather than the latest reasonable timestamp; default false. */
  readonly useLocalClockAsRealTime?: boolean;
  /** Whether compact offsets are 2 bytes of milliseconds rather than 4 bytes of ticks; default false. */
  readonly useMillisecondResolution?: boolean;
  /** Whether NaN values are left out; default false. The publisher may decide otherwise. */
  readonly requestNaNValueFilter?: boolean;
  /** Milliseconds a frame of replayed history: -1 the publisher's choice, 0 as fast as it can; default -1. */
  readonly processingInterval?: number;
  /** Start of history, UTC text or relative such as `*-5m` (§11); default none: live data. */
  readonly startTimeConstraint?: string;
  /** End of history; default none. */
  readonly stopTimeConstraint?: string;
  /** More about the history wanted, for the publisher's archive to read; default none. */
  readonly timeConstraintParameters?: string;
  /** Where to send data over UDP; default none: data comes over TCP. */
  readonly dataChannel?: DataChannelSettings;
  /** Seconds before an unconfirmed buffer block is sent again; default 5. */
  readonly bufferBlockRetransmissionTimeout?: number;
  /** Who asks; default none. */
  readonly assemblyInfo?: AssemblyInfo;
  /** Further keys and values, for a publisher that knows them; none of the keys above. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** A Subscribe command as a publisher reads it: every setting has its value. */
export interface SubscribeRequest {
  /** The flags byte; 0x02, compact, by every known subscriber. */
  readonly flags: number;
  /** The filter expression, from `filterExpression` or the older `inputMeasurementKeys`; empty selects nothing. */
  readonly filterExpression: string;
  /** Latest values only. */
  readonly throttled: boolean;
  /** Seconds between throttled publications, over 0: one that is not is replaced by `lagTime`, or 1. */
  readonly publishInterval: number;
  /** Timestamps in compact measurements. */
  readonly includeTime: boolean;
  /** Check timestamps in throttled mode. */
  readonly enableTimeReasonabilityCheck: boolean;
  /** Seconds. */
  readonly lagTime: number;
  /** Seconds. */
  readonly leadTime: number;
  /** The local clock is real time. */
  readonly useLocalClockAsRealTime: boolean;
  /** Compact offsets in milliseconds. */
  readonly useMillisecondResolution: boolean;
  /** Leave out NaN. */
  readonly requestNaNValueFilter: boolean;
  /** Milliseconds, an int32. */
  readonly processingInterval: number;
  /** Empty when live data is asked for. */
  readonly startTimeConstraint: string;
  /** Empty for no end. */
  readonly stopTimeConstraint: string;
  /** Empty for none. */
  readonly timeConstraintParameters: string;
  /** Where to send data over UDP; `undefined` for TCP. */
  readonly dataChannel: Required<DataChannelSettings> | undefined;
  /** Seconds. */
  readonly bufferBlockRetransmissionTimeout: number;
  /** Empty strings where the client did not say. */
  readonly assemblyInfo: AssemblyInfo;
  /** Keys that have no meaning here, in lower case, with their values. */
  readonly extra: ReadonlyMap<string, string>;
  /** The connection string as it came. */
  readonly text: string;
}

/** Characters of a connection string besides its filter expressions, and of parameters for an archive. */
const MAX_SETTINGS_LENGTH = 65_536;
const MAX_PARAMETERS_LENGTH = 4096;
const COMPACT = 0x02;
const HEADER_LENGTH = 5;

/**
 * The body of a Subscribe command. The settings that peers have different defaults for are always written out.
 *
 * @param encoding The session's encoding.
 * @throws {TypeError} When a text can't be put into a connection string, or `extra` has a key with a meaning.
 * @throws {RangeError} When a number makes no sense: not finite, negative where it is a time, a port out of range.
 *
 * @example
 * ```ts
 * import { decodeSubscribe, encodeSubscribe } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const body = encodeSubscribe({ filterExpression: "FILTER TOP 20 ActiveMeasurements WHERE True" }, "utf-8");
 * const request = decodeSubscribe(body, "utf-8");
 * assertEquals(request.filterExpression, "FILTER TOP 20 ActiveMeasurements WHERE True");
 * assertEquals(request.includeTime, true);
 * ```
 */
export function encodeSubscribe(
  options: SubscriptionOptions,
  encoding: TextEncoding,
): Uint8Array<ArrayBuffer> {
  const text = encodeText(formatSubscription(options), encoding);
  const body = new Uint8Array(HEADER_LENGTH + text.length);
  body[0] = COMPACT;
  new DataView(body.buffer).setUint32(1, text.length);
  body.set(text, HEADER_LENGTH);
  return body;
}

/** The connection string of a Subscribe command; see {@linkcode encodeSubscribe}, which puts it on the wire. */
export function formatSubscription(options: SubscriptionOptions): string {
  const { dataChannel, assemblyInfo, processingInterval = -1, bufferBlockRetransmissionTimeout } = options;
  if (!Number.isInteger(processingInterval) || processingInterval !== (processingInterval | 0)) {
    throw new RangeError(`processingInterval ${processingInterval} is not a 32-bit number of milliseconds`);
  }
  if (dataChannel !== undefined) checkPort(dataChannel.localPort);
  const settings = {
    throttled: options.throttled ?? false,
    publishInterval: finite("publishInterval", options.publishInterval ?? 1),
    includeTime: options.includeTime ?? true,
    enableTimeReasonabilityCheck: options.enableTimeReasonabilityCheck ?? false,
    lagTime: seconds("lagTime", options.lagTime ?? 10),
    leadTime: seconds("leadTime", options.leadTime ?? 5),
    useLocalClockAsRealTime: options.useLocalClockAsRealTime ?? false,
    processingInterval,
    useMillisecondResolution: options.useMillisecondResolution ?? false,
    requestNaNValueFilter: options.requestNaNValueFilter ?? false,
    bufferBlockRetransmissionTimeout: bufferBlockRetransmissionTimeout === undefined
      ? undefined
      : seconds("bufferBlockRetransmissionTimeout", bufferBlockRetransmissionTimeout),
    assemblyInfo: assemblyInfo && formatAssemblyInfo(assemblyInfo),
    filterExpression: options.filterExpression ?? "",
    startTimeConstraint: options.startTimeConstraint,
    stopTimeConstraint: options.stopTimeConstraint,
    timeConstraintParameters: options.timeConstraintParameters,
    dataChannel: dataChannel && formatConnectionString({
      localport: dataChannel.localPort,
      interface: dataChannel.interface,
    }),
  };
  const known = new Set([...Object.keys(settings), "inputMeasurementKeys"].map((key) => key.toLowerCase()));
  for (const [key, value] of Object.entries(options.extra ?? {})) {
    if (known.has(key.toLowerCase())) {
      throw new TypeError(`extra: "${key}" has a meaning of its own and can't be among the further keys`);
    }
    checkText(value, `extra: "${key}"`);
  }
  return formatConnectionString({ ...settings, ...options.extra });
}

function formatAssemblyInfo(info: AssemblyInfo): string {
  const { source, version, updatedOn, ...others } = info;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`assemblyInfo has no option "${unknown}"`);
  for (const [name, value] of Object.entries(info)) checkText(value, `assemblyInfo: "${name}"`);
  return formatConnectionString({ source, version, updatedOn });
}

function checkText(value: unknown, what: string): void {
  if (value !== undefined && typeof value !== "string") {
    throw new TypeError(`${what} must be a string, not ${value === null ? "null" : typeof value}`);
  }
}

function finite(name: string, value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${name} ${value} is not a number of seconds`);
  return value;
}

function seconds(name: string, value: number): number {
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(`${name} ${value} is not a number of seconds`);
  }
  return value;
}

function checkPort(port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RangeError(`dataChannel.localPort ${port} is not between 1 and 65535`);
  }
}

/**
 * Reads the body of a Subscribe command. Keys may come in any order and case; unknown ones are kept; bytes behind
 * the connection string are ignored; a setting whose value is empty has its default.
 *
 * @param encoding The session's encoding.
 * @param limits `connectionStringLength`, `connectionStringPairs` and `filterLength` are applied.
 * @throws {SttpError} `MalformedFrame` when the length does not fit the body; `MalformedText` when the text is not
 * in the session's encoding, braces do not pair or a value is not of its setting's kind; `LimitExceeded`, also when
 * the text has more than 65,536 characters besides the filter expression, or its `timeConstraintParameters` over 4,096.
 */
export function decodeSubscribe(
  body: Uint8Array,
  encoding: TextEncoding,
  limits: Partial<Limits> = {},
): SubscribeRequest {
  return finish(decodeSubscribeSteps(body, encoding, limits));
}

/** Does in steps what {@linkcode decodeSubscribe} does: of the longest, each takes some milliseconds. */
export function* decodeSubscribeSteps(
  body: Uint8Array,
  encoding: TextEncoding,
  limits: Partial<Limits> = {},
): Generator<void, SubscribeRequest, unknown> {
  if (body.length < HEADER_LENGTH) {
    throw new SttpError("MalformedFrame", `Subscribe body of ${body.length} bytes, at least 5 expected`);
  }
  const length = new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (length > body.length - HEADER_LENGTH) {
    throw new SttpError(
      "MalformedFrame",
      `Subscribe announces a connection string of ${length} bytes, ${body.length - HEADER_LENGTH} are left`,
    );
  }
  const { connectionStringLength, connectionStringPairs, filterLength } = { ...DefaultLimits, ...limits };
  if (length > connectionStringLength) {
    throw new SttpError(
      "LimitExceeded",
      `connection string of ${length} bytes, at most ${connectionStringLength} expected`,
    );
  }
  const text = decodeText(body.subarray(HEADER_LENGTH, HEADER_LENGTH + length), encoding, { fatal: true });
  yield;
  const settings = new Settings(
    parseConnectionString(text, { maxLength: connectionStringLength, maxPairs: connectionStringPairs }),
  );
  const synonym = settings.text("inputMeasurementKeys");
  const filterExpression = settings.text("filterExpression") || synonym;
  const timeConstraintParameters = settings.text("timeConstraintParameters");
  limit("filter expression", filterExpression.length, filterLength);
  limit("settings besides the filter expression", text.length - filterExpression.length, MAX_SETTINGS_LENGTH);
  limit("timeConstraintParameters", timeConstraintParameters.length, MAX_PARAMETERS_LENGTH);
  const publishInterval = settings.number("publishInterval", 1);
  const lagTime = settings.number("lagTime", 10);
  return {
    flags: body[0]!,
    filterExpression,
    throttled: settings.boolean("throttled", false),
    publishInterval: publishInterval > 0 ? publishInterval : lagTime > 0 ? lagTime : 1,
    includeTime: settings.boolean("includeTime", true),
    enableTimeReasonabilityCheck: settings.boolean("enableTimeReasonabilityCheck", false),
    lagTime,
    leadTime: settings.number("leadTime", 5),
    useLocalClockAsRealTime: settings.boolean("useLocalClockAsRealTime", false),
    useMillisecondResolution: settings.boolean("useMillisecondResolution", false),
    requestNaNValueFilter: settings.boolean("requestNaNValueFilter", false),
    processingInterval: settings.integer("processingInterval", -1, -0x80000000, 0x7fffffff),
    startTimeConstraint: settings.text("startTimeConstraint"),
    stopTimeConstraint: settings.text("stopTimeConstraint"),
    timeConstraintParameters,
    dataChannel: readDataChannel(settings.text("dataChannel")),
    bufferBlockRetransmissionTimeout: settings.number("bufferBlockRetransmissionTimeout", 5),
    assemblyInfo: readAssemblyInfo(settings.text("assemblyInfo")),
    extra: settings.rest(),
    text,
  };
}

function limit(what: string, length: number, most: number): void {
  if (length > most) {
    throw new SttpError("LimitExceeded", `${what} of ${length} characters, at most ${most} expected`);
  }
}

function readDataChannel(text: string): Required<DataChannelSettings> | undefined {
  if (text === "") return undefined;
  const settings = new Settings(parseConnectionString(text));
  const key = settings.has("localport") ? "localport" : "port";
  const localPort = settings.integer(key, 0, 0, 65_535);
  if (localPort === 0) {
    throw new SttpError("MalformedText", `dataChannel "${text.slice(0, 50)}" names no port`);
  }
  return { localPort, interface: settings.text("interface") };
}

function readAssemblyInfo(text: string): AssemblyInfo {
  const settings = new Settings(parseConnectionString(text));
  return {
    source: settings.text("source"),
    version: settings.text("version"),
    updatedOn: settings.text("updatedOn"),
  };
}

/** Reads settings by kind and remembers which were asked for. */
class Settings {
  readonly #values: Map<string, string>;

  constructor(values: Map<string, string>) {
    this.#values = new Map(values);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** The settings not asked for. */
  rest(): ReadonlyMap<string, string> {
    return this.#values;
  }

  text(name: string): string {
    const key = name.toLowerCase();
    const value = this.#values.get(key) ?? "";
    this.#values.delete(key);
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const text = this.text(name);
    if (text.trim() === "") return fallback;
    return parseBoolean(text) ?? this.#refuse(name, text, "true or false");
  }

  number(name: string, fallback: number): number {
    const text = this.text(name);
    if (text.trim() === "") return fallback;
    return parseNumber(text) ?? this.#refuse(name, text, "a number");
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const value = this.number(name, fallback);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    return this.#refuse(name, String(value), `a whole number from ${least} to ${most}`);
  }

  #refuse(name: string, text: string, expected: string): never {
    throw new SttpError("MalformedText", `${name} is "${text.slice(0, 50)}", ${expected} expected`);
  }
}
