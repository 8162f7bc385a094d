/**
 * Systems that stand still, for tests of what the admin makes of them.
 *
 * @module
 */
import type { HistorySource } from "../../history/source.ts";
import { DataSet } from "../../metadata/data_set.ts";
import type { ConnectionSnapshot, PublisherStats } from "../../publisher/snapshot.ts";
import { type Clock, ManualClock, systemClock } from "../../transport/clock.ts";
import { SignalTable } from "../../transport/signal_table.ts";
import { type MeasurementTap, Taps } from "../../transport/taps.ts";
import { MeasurementBatch } from "../../transport/wire/batch.ts";
import { DefaultOperationalModes } from "../../transport/wire/operational_modes.ts";
import { Ticks } from "../../transport/wire/ticks.ts";
import { type Admin, createAdmin } from "../admin.ts";
import type { AdminAction, AdminOptions } from "../options.ts";
import type { AdminPublisher } from "../system.ts";

/** What tests pass off as a text of a hostile subscriber or metadata author. */
export const SCRIPT = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`;

/** A moment: the beginning of {@linkcode ManualClock}. */
export const EPOCH = 1_704_067_200_000;

/** The system's clock, for an admin to which everything that it keeps is old whenever it looks. */
export function forgetfulClock(): Clock {
  let skipped = 0;
  return { ...systemClock, monotonic: () => systemClock.monotonic() + (skipped += 1_000) };
}

/** A connection; `changes` replace what it says. */
export function connection(id: number, changes: Partial<ConnectionSnapshot> = {}): ConnectionSnapshot {
  return {
    id,
    subscriberId: `00000000-0000-0000-0000-${String(id).padStart(12, "0")}`,
    address: `192.0.2.${id}:40000`,
    direction: "incoming",
    tls: null,
    certificate: null,
    identity: null,
    state: "subscribed",
    connectedAt: EPOCH - 10_000,
    lastReceivedAt: EPOCH - 1_000,
    modes: DefaultOperationalModes,
    algorithms: "",
    subscription: {
      filter: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'",
      signals: 10 * id,
      unauthorized: 0,
      format: "TSSC compression",
      confirmed: true,
      group: 1,
      replay: null,
      client: { source: `client ${id}`, version: "1.0", updatedOn: "2024-01-01" },
      extra: {},
    } as unknown as ConnectionSnapshot["subscription"],
    cacheIndex: 0,
    latency: 12.5,
    rights: { visible: 3, hidden: 1 },
    sent: { measurements: 1000 * id, bytes: 5000 * id, dataBytes: 4000 * id },
    dataChannel: null,
    cipher: null,
    bufferBlocks: null,
    receivedBytes: 100,
    queue: { dataBytes: 0, controlBytes: 0, frames: 0, stalledFor: 0 },
    dropped: {},
    overflowedAt: null,
    events: { Subscribe: 1 },
    closed: null,
    ...changes,
  } as unknown as ConnectionSnapshot;
}

/** A publisher that says what it is told to. */
export class StillPublisher implements AdminPublisher {
  /** What `stats()` says. */
  present: PublisherStats;
  /** The metadata in force. */
  dataSet: DataSet | undefined = grid();
  /** What `disconnect` was called with. */
  readonly disconnected: [number, string][] = [];
  /** What else was asked for. */
  readonly asked: unknown[] = [];
  /** What handles stand for: the first signal's is 0. */
  readonly signals: SignalTable = new SignalTable();
  /** Records what is published, when there is one. */
  history: HistorySource | undefined;
  /** How many look at what is published. */
  taps = 0;
  readonly #taps = new Taps();

  constructor(open: readonly ConnectionSnapshot[] = [], recentlyClosed: readonly ConnectionSnapshot[] = []) {
    this.present = {
      name: "grid",
      nodeId: null,
      state: "running",
      address: "127.0.0.1:7165",
      certificate: null,
      startedAt: EPOCH - 20_000,
      metadata: { generation: 1, signals: 3 },
      published: { batches: 2, measurements: 200, unknownSignals: 0 },
      sent: { measurements: 5_000, bytes: 20_000 },
      dropped: { overflow: 7 },
      connections: { open: open.length, accepted: 9, closed: { peerClosed: 2 }, handshakesFailed: {} },
      waitingBytes: 120,
      open,
      recentlyClosed,
      bans: [],
      access: { rules: 2, refused: { banned: 1 }, failed: {}, revoked: 0 },
      history: null,
      notifications: { subscribers: 2, pending: 1, confirmed: 0, givenUp: 0 },
      links: [],
      groups: [{
        id: 1,
        signals: 10,
        format: "TSSC compression",
        throttleInterval: null,
        withoutNaN: false,
        members: open.length,
        detachedMembers: 0,
        measurements: 100,
        encoded: 80,
        packets: 10,
        bytes: 400,
        resets: 1,
      }],
    } as unknown as PublisherStats;
  }

  stats(): PublisherStats {
    return this.present;
  }

  disconnect(id: number, message: string, { ban = 0 }: { ban?: number } = {}): boolean {
    this.disconnected.push([id, message]);
    if (ban > 0) this.asked.push(["ban", id, ban]);
    return this.present.open.some((open) => open.id === id);
  }

  liftBan(id: number): boolean {
    this.asked.push(["liftBan", id]);
    return this.present.bans.some((ban) => ban.id === id);
  }

  notify(text: string, { to }: { to?: string } = {}): number {
    this.asked.push(["notify", text, to]);
    return to === undefined ? 2 : to === "certificate:Relay" ? 1 : 0;
  }

  rotateCipherKeys(id?: number): number {
    this.asked.push(["rotateCipherKeys", id]);
    return id === undefined || id === 1 ? 1 : 0;
  }

  tap(tap: MeasurementTap): () => void {
    const end = this.#taps.add(tap);
    this.taps++;
    return () => {
      end();
      this.taps--;
    };
  }

  /** Publishes a measurement of some signals. */
  publish(handles: readonly number[], milliseconds: number, value: number, flags = 0): void {
    const batch = new MeasurementBatch();
    const ticks = Ticks.fromDate(new Date(milliseconds));
    for (const handle of handles) batch.add(handle, ticks, value, flags);
    this.#taps.show(batch);
    this.history?.record?.(batch, this.signals);
  }
}

/** Metadata with a computed column that fails, times, a script in a point tag and a column called `__proto__`. */
export function grid(): DataSet {
  const dataSet = new DataSet("Grid");
  const table = dataSet.addTable("MeasurementDetail");
  table.addColumn("PointTag", "string");
  table.addColumn("Number", "int64");
  table.addColumn("UpdatedOn", "dateTime");
  table.addColumn("Weight", "double");
  table.addColumn("__proto__", "string");
  table.addRow(["SHELBY:FREQ", 1, new Date(EPOCH), 0.5, "a"]);
  table.addRow([SCRIPT, 9_007_199_254_740_993n, null, NaN, "b"]);
  table.addRow(["CORDOVA:FREQ", 3, null, 2, "c"]);
  dataSet.addTable("DeviceDetail").addColumn("Acronym", "string");
  return dataSet;
}

/** The ID of a signal of {@linkcode plant}. */
export function signalId(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/** Metadata of two devices, with three signals and one; the first device sends 30 frames a second, the other 60. */
export function plant(): DataSet {
  const dataSet = new DataSet("Plant");
  const devices = dataSet.addTable("DeviceDetail");
  devices.addColumn("Acronym", "string");
  devices.addColumn("Name", "string");
  devices.addColumn("FramesPerSecond", "int32");
  devices.addRow(["SHELBY", "Shelby", 30]);
  devices.addRow(["CORDOVA", SCRIPT, 60]);
  const table = dataSet.addTable("MeasurementDetail");
  for (const name of ["DeviceAcronym", "ID", "PointTag", "SignalAcronym", "Description"]) {
    table.addColumn(name, "string");
  }
  table.addColumn("SignalID", "guid");
  table.addColumn("Enabled", "boolean");
  table.addRow(["SHELBY", "PPA:1", "SHELBY:FREQ", "FREQ", "Shelby frequency", signalId(1), true]);
  table.addRow(["SHELBY", "PPA:2", SCRIPT, "VPHM", "Shelby voltage", signalId(2), true]);
  table.addRow(["SHELBY", "PPA:3", "SHELBY:VPHA", "VPHA", "Shelby angle", signalId(3), true]);
  table.addRow(["CORDOVA", "PPA:4", "CORDOVA:FREQ", "FREQ", "Cordova frequency", signalId(4), true]);
  table.addRow(["CORDOVA", "PPA:5", "CORDOVA:OLD", "FREQ", "not in use", signalId(5), false]);
  return dataSet;
}

/** A publisher of {@linkcode plant}. */
export function plantPublisher(open: readonly ConnectionSnapshot[] = []): StillPublisher {
  const publisher = new StillPublisher(open);
  publisher.dataSet = plant();
  for (let n = 1; n <= 4; n++) publisher.signals.add(signalId(n));
  return publisher;
}

/** A reader's and an operator's secret. */
export const Secrets = { reader: "reader-secret-0001", operator: "operator-secret-0001" } as const;

/** An admin that is asked without a server. */
export class AskedAdmin {
  readonly clock: ManualClock = new ManualClock();
  readonly publisher: StillPublisher;
  readonly actions: AdminAction[] = [];
  readonly admin: Admin;

  constructor(publisher: StillPublisher = new StillPublisher(), options: AdminOptions = {}) {
    this.publisher = publisher;
    this.admin = createAdmin(publisher, {
      clock: this.clock,
      onAction: (action) => this.actions.push(action),
      ...options,
    });
  }

  /** With a reader, an operator and actions. */
  static withUsers(publisher: StillPublisher = new StillPublisher(), options: AdminOptions = {}): AskedAdmin {
    const credentials = [
      { name: "rita", role: "reader", secret: Secrets.reader },
      { name: "otto", role: "operator", secret: Secrets.operator },
    ] as const;
    return new AskedAdmin(publisher, { credentials, actions: true, ...options });
  }

  /** The answer to a request. */
  get(path: string, init: RequestInit = {}, from?: string): Promise<Response> {
    const request = new Request(`http://localhost:8080${path}`, init);
    return this.admin.fetch(request, from === undefined ? undefined : { remoteAddr: { hostname: from } });
  }

  /** The answer to a request with a bearer token. */
  as(user: keyof typeof Secrets, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${Secrets[user]}`);
    return this.get(path, { ...init, headers });
  }

  /** Closes the admin while an answer without end is read. @returns Whether that ended, and how many timers are left. */
  async closeWhileRead(path: string): Promise<{ ended: boolean; timers: number }> {
    const reader = (await this.get(path)).body!.getReader();
    await reader.read();
    const next = reader.read();
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.admin.close();
    return { ended: (await next).done, timers: this.clock.pending };
  }

  /** Has the admin measure signals from now on, which takes it a second. @returns What it says then. */
  async look(
    path: string = "/api/v1/signals",
    milliseconds: number = 1_000,
    user?: keyof typeof Secrets,
  ): Promise<Response> {
    const answer = user === undefined ? this.get(path) : this.as(user, path);
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.clock.advance(milliseconds);
    return await answer;
  }

  /** The JSON of an answer that has to be good. */
  // deno-lint-ignore no-explicit-any
  async json(path: string): Promise<any> {
    const response = await this.get(path);
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  }

  /** The status and error code of an answer; no code when it is good, which may have no end. */
  async problem(path: string): Promise<[number, string]> {
    const response = await this.get(path);
    if (response.ok) {
      await response.body?.cancel();
      return [response.status, ""];
    }
    return [response.status, (await response.json()).error.code];
  }
}
