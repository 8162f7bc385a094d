/** A subscriber under test. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DataSet } from "../../metadata/data_set.ts";
import { ManualClock } from "../../transport/clock.ts";
import { SttpError } from "../../transport/errors.ts";
import type { SubscriberOptions } from "../options.ts";
import type { SubscriberStatus } from "../status.ts";
import { Subscriber } from "../subscriber.ts";
import { ScriptedConnector, type ScriptedPublisher, settle } from "./scripted_publisher.ts";

/** A subscriber that connects to scripted publishers; without metadata unless a test asks for it. */
export class Fixture implements AsyncDisposable {
  readonly clock: ManualClock = new ManualClock();
  readonly connector: ScriptedConnector = new ScriptedConnector();
  readonly subscriber: Subscriber;
  readonly events: SubscriberStatus[] = [];
  #watching: Promise<void> = Promise.resolve();

  constructor(options: SubscriberOptions = {}) {
    this.subscriber = new Subscriber({
      autoRequestMetadata: false,
      clock: this.clock,
      connector: this.connector.connect,
      ...options,
    });
  }

  /** Connects, with the usual answers. @returns The publisher's end. */
  async connected(ids: readonly number[] = [1, 2], greeting: string = "hello"): Promise<ScriptedPublisher> {
    this.watch();
    const connecting = this.subscriber.connect();
    const publisher = await this.connector.accept();
    await publisher.accept(ids, { greeting });
    await connecting;
    return publisher;
  }

  /** Loses the connection and waits for the next. @returns The publisher's end of it. */
  async reconnected(publisher: ScriptedPublisher): Promise<ScriptedPublisher> {
    publisher.channel.close();
    await settle();
    this.clock.advance(1000);
    return await this.connector.accept();
  }

  /** Gathers the events until the run ends. */
  watch(): void {
    const status = this.subscriber.status();
    this.#watching = (async () => {
      for await (const event of status) this.events.push(event);
    })();
  }

  /** The kinds of the events so far, and of those that are under way. */
  async kinds(): Promise<string[]> {
    await settle();
    return this.events.map(({ kind }) => kind);
  }

  event<Kind extends SubscriberStatus["kind"]>(kind: Kind): Extract<SubscriberStatus, { kind: Kind }> {
    const event = this.events.findLast((event) => event.kind === kind);
    assert(event !== undefined, `no ${kind} among ${this.events.map(({ kind }) => kind)}`);
    return event as Extract<SubscriberStatus, { kind: Kind }>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    await this.#watching;
    assertEquals(this.clock.pending, 0, "timers are left");
    assertEquals(this.subscriber.state, "idle");
  }
}

/** A fixture that gathers the values that come. */
export function gathering(values: number[]): Fixture {
  return new Fixture({
    onBatch: ({ values: some, length }) => void values.push(...some.subarray(0, length)),
  });
}

/** What a subscriber dropped, by reason. */
export function droppedBy(subscriber: Subscriber): Record<string, number> {
  return Object.fromEntries(Object.entries(subscriber.stats().dropped).filter(([, count]) => count > 0));
}

/** The error of a promise that rejects with an SttpError of this code. */
export async function rejection(promise: Promise<unknown>, code: string): Promise<SttpError> {
  const error = await assertRejects(() => promise, SttpError);
  assertEquals(error.code, code, error.message);
  return error;
}

/** Metadata of one device. */
export function metadataXml(device: string): string {
  const metadata = new DataSet();
  const table = metadata.addTable("DeviceDetail");
  table.addColumn("Acronym", "string");
  table.addRow({ Acronym: device });
  return metadata.toXml();
}

/** The device of {@linkcode metadataXml}. */
export function deviceOf(metadata: DataSet | undefined): unknown {
  return metadata?.table("DeviceDetail")?.row(0).get("Acronym");
}
