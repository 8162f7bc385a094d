/**
 * A relay in a test.
 *
 * @module
 */
import { Publisher, Subscriber, type SubscriberOptions } from "../../../mod.ts";
import { all, until } from "../../../tests/integration/support.ts";
import { Relay, type RelayEvent, type UpstreamSettings } from "../relay.ts";

/** How relays in tests come back. */
export const reconnect = { initialDelay: 5, maxDelay: 20 };

/** A relay between upstreams and one subscriber. */
export class Hub implements AsyncDisposable {
  readonly publisher: Publisher;
  readonly relay: Relay;
  readonly events: RelayEvent[] = [];
  readonly #running: Promise<void>;
  readonly #subscribers: Subscriber[] = [];

  private constructor(
    publisher: Publisher,
    addresses: readonly string[],
    settings: (index: number) => Partial<UpstreamSettings>,
  ) {
    this.publisher = publisher;
    const upstreams = addresses.map((address, i) => ({
      name: `upstream${i}`,
      address,
      options: { filter: all, reconnect },
      ...settings(i),
    }));
    this.relay = new Relay(publisher, upstreams, (event) => this.events.push(event));
    this.#running = this.relay.run();
  }

  /** @param settings Those of all upstreams, or of each. */
  static async start(
    addresses: readonly string[],
    settings: Partial<UpstreamSettings> | ((index: number) => Partial<UpstreamSettings>) = {},
  ): Promise<Hub> {
    const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
    await publisher.start();
    return new Hub(publisher, addresses, typeof settings === "function" ? settings : () => settings);
  }

  /** Waits until every upstream is there and its metadata is published. */
  async ready(): Promise<void> {
    await until(() =>
      this.relay.stats().every(({ live }) => live) && this.publisher.stats().metadata !== null
    );
  }

  /** A subscriber to whom data flows. */
  async subscriber(options: SubscriberOptions = {}): Promise<Subscriber> {
    const subscriber = new Subscriber({ filter: all, ...options });
    this.#subscribers.push(subscriber);
    await subscriber.connect(this.publisher.address);
    await until(() =>
      this.publisher.stats().open.every(({ subscription }) => subscription?.confirmed ?? true)
    );
    return subscriber;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.disconnect()));
    await this.relay[Symbol.asyncDispose]();
    await this.#running;
    await this.publisher.stop({ drain: 0 });
  }
}
