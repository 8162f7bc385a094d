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
  /** The fewest and most measurements that one of them received. */
  readonly least: number;
  readonly most: number;
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
    const taken = everyone.map(({ checker }) => checker.take());
    const counts = taken.map(({ received }) => received);
    const look: GoodLook = {
      received: counts.reduce((a, b) => a + b),
      missed: sum(({ checker }) => checker.missed),
      wrong: sum(({ checker }) => checker.wrong),
      least: Math.min(...counts),
      most: Math.max(...counts),
      lostConnections: sum(({ lostConnections }) => lostConnections),
      latency: latencyOf(taken.flatMap(({ delays }) => delays)),
    };
    emit("look", look);
  },
});
Deno.exit();
