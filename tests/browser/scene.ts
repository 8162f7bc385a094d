/**
 * A publisher at work with subscribers of different kinds, one of which is stalled, and the admin that shows them.
 *
 * @module
 */
import { type AdminAction, type AdminServer, serveAdmin } from "../../admin/mod.ts";
import { Grid } from "../../grid/mod.ts";
import { MemoryHistory } from "../../history/mod.ts";
import { Logger } from "../../log/mod.ts";
import { DataSet } from "../../metadata/mod.ts";
import { Publisher } from "../../publisher/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { CertificateAuthority, MeasurementBatch, Ticks } from "../../transport/mod.ts";
import { until } from "../integration/support.ts";

/** Who may use the scene's admin. */
export const Users = {
  reader: { name: "rita", role: "reader", secret: "reader-of-the-scene" },
  operator: { name: "otto", role: "operator", secret: "operator-of-the-scene" },
} as const;

/** The devices of the scene's grid; one sends nothing, and one every other frame only. */
const DEVICES = 24;
const SILENT = 4;
const LOW = 9;
/** What the stalled subscriber does not read, so that the way to it is full. */
const BLOCK = new Uint8Array(1024 ** 2);
const BLOCKS = 24;

const where = (condition: string): string => `FILTER ActiveMeasurements WHERE ${condition}`;

/** The scene; disposing of it ends everything. */
export class Scene implements AsyncDisposable {
  readonly #things = new AsyncDisposableStack();
  /** What operators have done. */
  readonly actions: AdminAction[] = [];
  /** Set by `open()`. */
  publisher!: Publisher;
  admin!: AdminServer;
  grid!: Grid;

  /** Sets it up, and returns when data flows to everybody but the one who is stalled. */
  static async open(): Promise<Scene> {
    const scene = new Scene();
    try {
      await scene.#open();
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
    return scene;
  }

  async #open(): Promise<void> {
    const things = this.#things;
    const authority = await CertificateAuthority.create();
    const ca = authority.certificate;
    const history = new MemoryHistory();
    things.defer(() => history.close());
    const publisher = new Publisher({
      port: 0,
      hostname: "127.0.0.1",
      name: "Synthetic grid",
      outboundQueueLimit: 1024 ** 2,
      history,
      udp: { encrypt: true },
      tls: { ...await authority.issue({ name: "publisher" }), ca },
    });
    things.defer(() => publisher.stop({ drain: 0 }));
    this.publisher = publisher;
    const grid = await Grid.create({ devices: DEVICES });
    this.grid = grid;
    publisher.defineMetadata(earlier(grid.metadata()));
    grid.bind(publisher.signals);
    await publisher.start();

    const subscriber = async (
      name: string,
      days: number,
      options: SubscriberOptions,
    ): Promise<Subscriber> => {
      const validTo = new Date(Date.now() + days * 86_400_000);
      const result = new Subscriber({
        address: publisher.address,
        tls: { ...await authority.issue({ name, validTo }), ca },
        assemblyInfo: { source: name, version: "2.1", updatedOn: "2024-05-01" },
        ...options,
      });
      things.defer(() => result.disconnect());
      return result;
    };
    const onBatch = (): void => {};
    const archive = await subscriber("archive", 300, { filter: where("True"), onBatch });
    const subscribers = [
      archive,
      await subscriber("frequency monitor", 12, {
        filter: where("SignalType = 'FREQ'"),
        compressPayload: false,
        onBatch,
      }),
      await subscriber("control room display", 300, {
        filter: where("SignalType LIKE 'VP%'"),
        throttled: true,
        publishInterval: 1,
        onBatch,
      }),
      await subscriber("wide area protection", 90, {
        filter: where("SignalType LIKE 'IP%'"),
        udp: true,
        onBatch,
      }),
      // It has room for one measurement, and nobody takes that: it reads no further.
      await subscriber("slow reader", 300, {
        filter: where("True"),
        compressPayload: false,
        deliveryBuffer: 1,
      }),
    ];
    const log = new Logger({ output: { write: () => {} } });
    this.admin = serveAdmin({ grid: publisher, archive }, {
      port: 0,
      credentials: Object.values(Users),
      actions: true,
      log,
      reloadMetadata: () => publisher.defineMetadata(grid.metadata()),
      onAction: (action) => this.actions.push(action),
    });
    things.defer(() => this.admin.close());
    publisher.defineMetadata(grid.metadata());
    for (const one of subscribers) await one.connect();
    await until(() =>
      publisher.stats().open.every(({ subscription }) => typeof subscription?.group === "number")
    );
    this.#publish();
    await until(() => publisher.stats().open.filter(({ sent }) => sent.measurements > 0).length === 5);
    await this.#stall();
  }

  /** Publishes thirty frames a second to the end of the scene, late ones too where the machine is busy. */
  #publish(): void {
    const whole = new MeasurementBatch();
    const batch = new MeasurementBatch();
    const deviceOf = this.grid.devices.flatMap((device, i) => device.signals.map(() => i));
    let frame = 0;
    let ticks = this.grid.frameTime(Ticks.now());
    const timer = setInterval(() => {
      for (; ticks <= Ticks.now(); ticks = this.grid.nextFrameTime(ticks)) {
        whole.clear();
        batch.clear();
        this.grid.write(whole, ticks);
        frame++;
        for (let i = 0; i < whole.length; i++) {
          const device = deviceOf[i]!;
          if (device === SILENT || (device === LOW && frame % 2 === 0)) continue;
          batch.append(whole, i, i + 1);
        }
        this.publisher.publish(batch);
      }
    }, 10);
    this.#things.defer(() => clearInterval(timer));
  }

  async #stall(): Promise<void> {
    const { publisher } = this;
    const status = this.grid.signals.find(({ signalType }) => signalType === "FLAG")!;
    const slow = (): boolean => publisher.stats().open.some(({ queue }) => queue.stalledFor > 1_000);
    for (let i = 0; i < BLOCKS; i++) publisher.publishBufferBlock(status.signalId, BLOCK);
    await until(slow);
  }

  /** The number of the connection that is stalled. */
  get stalled(): number {
    return this.publisher.stats().open.find(({ identity }) => identity === "certificate:slow reader")!.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#things.disposeAsync();
  }
}

/** Metadata as it was before a few things changed. */
function earlier(present: DataSet): DataSet {
  const devices = present.table("DeviceDetail")!;
  devices.set(0, "Name", "a name of old");
  devices.set(3, "FramesPerSecond", 60);
  const measurements = present.table("MeasurementDetail")!;
  const result = new DataSet(present.name);
  for (const table of present.tables) {
    result.addTable(
      table === measurements ? table.pick(Array.from({ length: table.rowCount - 12 }, (_, i) => i)) : table,
    );
  }
  return result;
}
