/**
 * Subscribers in good faith, which notice whatever they miss.
 *
 * Commands: `look`, `quit`. Events: `ready`, `look` ({@linkcode GoodLook}).
 *
 * @module
 */
import { Subscriber } from "../../../subscriber/mod.ts";
import { commands, emit, settings } from "../../../bench/programs/talk.ts";
import { all } from "../../integration/support.ts";
import { Checker, type Latency, latencyOf } from "../checker.ts";

/** Who subscribes, and where. */
export interface GoodSettings {
  readonly address: string;
  readonly subscribers: number;
  readonly signals: number;
}

/** How they fared since the last look. */
export interface GoodLook {
  /** Measurements received, by all. */
  readonly received: number;
  /** Measurements missed, by all: gaps in the values of a signal. */
  readonly missed: number;
  /** Values that belong to another signal. */
  readonly wrong: number;
  /** Measurements that each of them has received so far. */
  readonly totals: readonly number[];
  /** Connections that were lost. */
  readonly lostConnections: number;
  /** From publication to here, in milliseconds. */
  readonly latency: Latency;
}

const { address, subscribers, signals } = settings<GoodSettings>();

/** One of them. */
class Good {
  readonly subscriber = new Subscriber({ filter: all, reconnect: false });
  readonly checker = new Checker(this.subscriber, signals);
  lostConnections = 0;
  total = 0;

  async run(): Promise<void> {
    await this.subscriber.connect(address);
    this.subscriber.closed.then(() => this.lostConnections++);
    this.#take();
  }

  async #take(): Promise<void> {
    for await (const batch of this.subscriber.batches()) this.checker.check(batch);
  }
}

const everyone = Array.from({ length: subscribers }, () => new Good());
await Promise.all(everyone.map((good) => good.run()));
emit("ready", { pid: Deno.pid });

function sum(of: (good: Good) => number): number {
  return everyone.reduce((total, good) => total + of(good), 0);
}

await commands({
  look(): void {
    const taken = everyone.map((good) => {
      const { received, delays } = good.checker.take();
      good.total += received;
      return { received, delays };
    });
    const look: GoodLook = {
      received: taken.reduce((sum, { received }) => sum + received, 0),
      missed: sum(({ checker }) => checker.missed),
      wrong: sum(({ checker }) => checker.wrong),
      totals: everyone.map(({ total }) => total),
      lostConnections: sum(({ lostConnections }) => lostConnections),
      latency: latencyOf(taken.flatMap(({ delays }) => delays)),
    };
    emit("look", look);
  },
});
Deno.exit();
