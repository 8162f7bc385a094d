/**
 * Publishers and subscribers that meet in a test, and data that tells on itself.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DataSet } from "../../metadata/mod.ts";
import { Publisher, type PublisherOptions } from "../../publisher/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import {
  type Channel,
  type ChannelListener,
  createChannelPair,
  MeasurementBatch,
} from "../../transport/mod.ts";

/** Everything that can be subscribed to. */
export const all = "FILTER ActiveMeasurements WHERE True";

const kinds = ["FREQ", "VPHM", "VPHA", "STAT"] as const;

/** The signal ID of signal `n`. */
export function signalId(n: number): string {
  return `0d5a1c9e-6a3b-4f6e-9c52-${n.toString(16).padStart(12, "0")}`;
}

/** The number in a signal ID. */
export function numberOf(id: string): number {
  return parseInt(id.slice(-12), 16);
}

/** Metadata of `size` signals `PPA:0` and so on, of four types in turn, ten to a device. */
export function metadataOf(size: number, first = 0): DataSet {
  const dataSet = new DataSet("Test");
  const devices = dataSet.addTable("DeviceDetail");
  devices.addColumn("Acronym", "string");
  devices.addColumn("Name", "string");
  const table = dataSet.addTable("MeasurementDetail");
  for (const name of ["DeviceAcronym", "ID", "PointTag", "SignalReference", "SignalAcronym", "Description"]) {
    table.addColumn(name, "string");
  }
  table.addColumn("SignalID", "guid");
  table.addColumn("Enabled", "boolean");
  for (let n = first; n < first + size; n++) {
    const device = `DEVICE${Math.floor(n / 10)}`;
    if (n % 10 === 0 || n === first) {
      devices.addRow({ Acronym: device, Name: `Device ${Math.floor(n / 10)}` });
    }
    table.addRow({
      DeviceAcronym: device,
      ID: `PPA:${n}`,
      PointTag: `${device}:${n}`,
      SignalReference: `${device}-AV${n}`,
      SignalAcronym: kinds[n % 4]!,
      Description: "Straße «5»",
      SignalID: signalId(n),
      Enabled: true,
    });
  }
  return dataSet;
}

/** The time of round 0. */
const start = 638_700_000_000_000_000n;
/** Rounds after which values come again. */
export const valuesBeforeRepeat = 100;
const rounds = valuesBeforeRepeat;

/** The value that signal `n` has in a round: it tells both. A float32 holds it exactly up to signal 160,000. */
export function valueOf(n: number, round: number): number {
  return n * rounds + round % rounds;
}

/** The time of a round, at irregular distances. */
export function ticksOf(round: number): bigint {
  return start + BigInt(round) * 333_333n + BigInt(round % 3);
}

/** What a publisher publishes in one round: signals `0` to `size - 1` in an order that changes from round to round. */
export function roundOf(publisher: Publisher, size: number, round: number, first = 0): MeasurementBatch {
  const batch = new MeasurementBatch(size);
  for (let i = 0; i < size; i++) {
    const n = first + (i + round) % size;
    batch.add(
      publisher.signals.add(signalId(n)),
      ticksOf(round),
      valueOf(n, round),
      n % 5 === 0 ? 0x8000_0001 : 0,
    );
  }
  return batch;
}

/** What a subscriber has received, by signal: the rounds, in order. Fails on a value under a wrong name. */
export class Received {
  readonly rounds: Map<number, number[]> = new Map();
  /** Measurements received. */
  count: number = 0;

  /** Notes what a batch holds. */
  add(subscriber: Subscriber, batch: MeasurementBatch): void {
    for (let i = 0; i < batch.length; i++) {
      const n = numberOf(subscriber.signals.idOf(batch.signals[i]!));
      const value = batch.values[i]!;
      assertEquals(Math.floor(value / rounds), n, "a value came under another signal's name");
      let list = this.rounds.get(n);
      if (list === undefined) this.rounds.set(n, list = []);
      list.push(value % rounds);
      this.count++;
    }
  }

  /** The signals of which something came, in order. */
  signals(): number[] {
    return [...this.rounds.keys()].sort((a, b) => a - b);
  }
}

/** Everything that a subscriber dropped, by reason. */
export function dropped(subscriber: Subscriber): Record<string, number> {
  return Object.fromEntries(Object.entries(subscriber.stats().dropped).filter(([, count]) => count > 0));
}

/** Waits until something is so; the test runner ends what never comes to be. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const started = performance.now();
  while (!await condition()) {
    // Far beyond what anything here takes: a test that can't go on fails rather than hangs.
    if (performance.now() - started > 60_000) throw new Error(`still not so after a minute: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Connects in memory what would listen and what would dial. */
export class MemoryNetwork {
  readonly #waiting: Channel[] = [];
  #accept: ((channel: Channel | null) => void) | undefined;

  /** The publisher's `listen`. */
  readonly listen = (): ChannelListener => ({
    address: "memory:0",
    port: 0,
    accept: () => {
      const channel = this.#waiting.shift();
      return channel === undefined
        ? new Promise((resolve) => this.#accept = resolve)
        : Promise.resolve(channel);
    },
    close: () => {
      this.#accept?.(null);
      this.#accept = undefined;
    },
  });

  /** The subscriber's `connector`. */
  readonly connect = (): Promise<Channel> => {
    const [near, far] = createChannelPair();
    const accept = this.#accept;
    this.#accept = undefined;
    if (accept === undefined) this.#waiting.push(far);
    else accept(far);
    return Promise.resolve(near);
  };
}

/** A publisher and the subscribers that a test makes for it; disposing of it ends them all. */
export class Meeting implements AsyncDisposable {
  readonly publisher: Publisher;
  readonly size: number;
  readonly #network: MemoryNetwork | undefined;
  readonly #subscribers: Subscriber[] = [];
  #round = 0;

  private constructor(publisher: Publisher, size: number, network: MemoryNetwork | undefined) {
    this.publisher = publisher;
    this.size = size;
    this.#network = network;
  }

  /** Starts a publisher of `size` signals, over TCP or in memory. */
  static async start(
    size: number,
    options: PublisherOptions = {},
    over: "tcp" | "memory" = "tcp",
  ): Promise<Meeting> {
    const network = over === "memory" ? new MemoryNetwork() : undefined;
    const publisher = new Publisher({
      port: 0,
      hostname: "127.0.0.1",
      ...(network && { listen: network.listen }),
      ...options,
    });
    publisher.defineMetadata(metadataOf(size));
    await publisher.start();
    return new Meeting(publisher, size, network);
  }

  /** A subscriber that is not yet connected. */
  subscriber(options: SubscriberOptions = {}): Subscriber {
    const subscriber = new Subscriber({
      filter: all,
      address: this.#network ? "memory:0" : this.publisher.address,
      ...(this.#network && { connector: this.#network.connect }),
      ...options,
    });
    this.#subscribers.push(subscriber);
    return subscriber;
  }

  /** A subscriber that is connected, and to which data flows. */
  async subscribed(options: SubscriberOptions = {}): Promise<Subscriber> {
    const subscriber = this.subscriber(options);
    await subscriber.connect();
    await this.confirmed();
    return subscriber;
  }

  /** Waits until every subscription is confirmed, so that nothing is published past it. */
  async confirmed(): Promise<void> {
    await until(() =>
      this.publisher.stats().open.every(({ subscription }) => subscription?.confirmed ?? true)
    );
  }

  /** Publishes so many rounds, with a turn of the event loop after each. */
  async publish(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.publisher.publish(roundOf(this.publisher, this.size, this.#round++));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.disconnect()));
    await this.publisher.stop({ drain: 0 });
  }
}

/** Iterates until `count` measurements have come. */
export async function receive(
  subscriber: Subscriber,
  count: number,
  into: Received = new Received(),
): Promise<Received> {
  for await (const batch of subscriber.batches()) {
    into.add(subscriber, batch);
    if (into.count >= count) break;
  }
  return into;
}
