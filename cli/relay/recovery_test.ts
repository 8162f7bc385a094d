import { assertEquals } from "@std/assert";
import { MemoryHistory } from "../../history/mod.ts";
import {
  type Channel,
  connectTcp,
  ManualClock,
  parseTarget,
  SttpError,
  type Subscriber,
  type SubscriberOptions,
} from "../../mod.ts";
import {
  all,
  Meeting,
  metadataOf,
  Received,
  roundOf,
  signalId,
  ticksOf,
  until,
} from "../../tests/integration/support.ts";
import { Hub, reconnect } from "./testdata/hub.ts";

/** Signals of each publisher. */
const size = 3;

/** Publishers of the same signals, which come and go, and a relay that recovers what it missed of them. */
class Outages implements AsyncDisposable {
  readonly hub: Hub;
  readonly received = new Received();
  readonly #meetings: readonly Meeting[];
  readonly #clock: ManualClock;
  readonly #down: Set<string>;
  /** Measurements that each was to send as they were new. */
  readonly #live: number[];

  private constructor(meetings: readonly Meeting[], hub: Hub, clock: ManualClock, down: Set<string>) {
    this.#meetings = meetings;
    this.#live = meetings.map(() => 0);
    this.hub = hub;
    this.#clock = clock;
    this.#down = down;
  }

  /**
   * @param histories For each publisher whether it keeps a history.
   * @param options How to subscribe to each, besides.
   */
  static async start(
    histories: readonly boolean[],
    options: (index: number) => SubscriberOptions = () => ({}),
  ): Promise<Outages> {
    const clock = new ManualClock();
    const down = new Set<string>();
    const connector = (address: string): Promise<Channel> =>
      down.has(address)
        ? Promise.reject(new SttpError("ConnectFailed", "down"))
        : connectTcp(parseTarget(address));
    const meetings = await Promise.all(
      histories.map((keeps) => Meeting.start(size, keeps ? { history: new MemoryHistory() } : {})),
    );
    const hub = await Hub.start(meetings.map(({ publisher }) => publisher.address), (index) => ({
      recover: true,
      options: { filter: all, reconnect, connector, clock, heartbeatTimeout: 0, ...options(index) },
    }));
    const outages = new Outages(meetings, hub, clock, down);
    await hub.ready();
    await outages.#confirmed();
    const { received } = outages;
    const subscriber: Subscriber = await hub.subscriber({
      onBatch: (batch) => received.add(subscriber, batch),
    });
    return outages;
  }

  /** Has publishers publish rounds, and waits until whatever can come has come. */
  async publish(publishers: readonly number[], ...rounds: readonly number[]): Promise<void> {
    for (const i of publishers) {
      const { publisher } = this.#meetings[i]!;
      for (const round of rounds) publisher.publish(roundOf(publisher, size, round));
      if (!this.#down.has(publisher.address)) this.#live[i]! += size * rounds.length;
    }
    await this.#came();
  }

  /** Has a publisher publish rounds at the time of the first of them. */
  publishAtOnce(i: number, ...rounds: readonly number[]): void {
    const { publisher } = this.#meetings[i]!;
    for (const round of rounds) {
      const batch = roundOf(publisher, size, round);
      batch.ticks.fill(ticksOf(rounds[0]!), 0, size);
      publisher.publish(batch);
    }
  }

  /** Ends the connection to a publisher, which does not come back until it is found. */
  async lose(i: number): Promise<void> {
    const { publisher } = this.#meetings[i]!;
    this.#down.add(publisher.address);
    for (const { id } of publisher.stats().open) publisher.disconnect(id);
    await until(() => this.hub.relay.stats()[i]?.live === false);
  }

  async find(i: number): Promise<void> {
    this.#down.delete(this.#meetings[i]!.publisher.address);
    await until(() => {
      this.#clock.advance(1);
      return this.hub.relay.stats()[i]?.live === true;
    });
    await this.#confirmed();
  }

  /** Has a publisher describe other signals as well, until all of them are known. */
  async describe(i: number, dataSet: ReturnType<typeof metadataOf>, signals: number): Promise<void> {
    this.#meetings[i]!.publisher.defineMetadata(dataSet);
    await until(() => this.hub.publisher.stats().metadata?.signals === signals);
    await this.#confirmed();
    await until(() =>
      this.hub.publisher.stats().open.every(({ subscription }) =>
        subscription?.confirmed === true && subscription.signals === signals
      )
    );
  }

  /** Waits until everything that is missing has been asked for, of those publishers that keep a history. */
  async recover(...publishers: readonly number[]): Promise<void> {
    this.#clock.advance(5000);
    const subscribers = Object.values(this.hub.relay.subscribers);
    await until(() =>
      subscribers.every((subscriber, i) => !publishers.includes(i) || subscriber.stats().gaps.open === 0)
    );
    await this.#came();
  }

  /** The rounds that came of each signal, in order of time: each signal the same. */
  rounds(signal: number = 0): number[] {
    return [...this.received.rounds.get(signal) ?? []].sort((a, b) => a - b);
  }

  /** So many of each publisher did not go on, as they came from another. */
  elsewhere(): number[] {
    return this.hub.relay.stats().map(({ elsewhere }) => elsewhere);
  }

  async #confirmed(): Promise<void> {
    const up = this.#meetings.filter(({ publisher }) => !this.#down.has(publisher.address));
    for (const meeting of up) await meeting.confirmed();
  }

  /** Whatever was sent has come, and either has gone on or was counted. */
  async #came(): Promise<void> {
    const subscribers = Object.values(this.hub.relay.subscribers);
    await until(() =>
      this.hub.relay.stats().every(({ forwarded, elsewhere, undescribed }, i) => {
        const { gaps } = subscribers[i]!.stats();
        return forwarded + elsewhere + undescribed === this.#live[i]! + gaps.measurements;
      })
    );
    await until(() => this.received.count === this.hub.publisher.stats().published.measurements);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hub[Symbol.asyncDispose]();
    for (const { publisher } of this.#meetings) await publisher.stop({ drain: 0 });
  }
}

Deno.test("what was missed and is recovered goes on as far as nobody else delivered it", async () => {
  await using outages = await Outages.start([true, true]);
  await outages.publish([0, 1], 0, 1, 2);
  await outages.lose(0);
  await outages.publish([0], 3);
  await outages.publish([0, 1], 4, 5, 6);
  await outages.lose(1);
  await outages.publish([0], 7);
  await outages.find(1);
  await outages.publish([0, 1], 8, 9);
  await outages.publish([0], 10);
  await outages.find(0);
  await outages.publish([0, 1], 11);
  await outages.recover(0, 1);
  for (const rounds of outages.received.rounds.values()) {
    assertEquals(rounds, [0, 1, 2, 4, 5, 6, 8, 9, 11, 3, 7, 10]);
  }
  assertEquals([outages.received.rounds.size, outages.elsewhere()[0]], [size, size * 5]);
});

Deno.test("what one recovers goes on, even if its signals are taken from another by then that never had it", async () => {
  await using outages = await Outages.start([false, true]);
  await outages.publish([0, 1], 0, 1, 2);
  await outages.lose(0);
  await outages.publish([0, 1], 3, 4);
  await outages.lose(1);
  await outages.publish([0, 1], 5);
  await outages.find(1);
  await outages.publish([0, 1], 6, 7);
  await outages.find(0);
  await outages.publish([0, 1], 8);
  await outages.recover(1);
  assertEquals(outages.rounds(), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(outages.elsewhere(), [0, size * 4]);
});

Deno.test("what two recover comes once", async () => {
  await using outages = await Outages.start([true, true]);
  await outages.publish([0, 1], 0);
  await outages.lose(0);
  await outages.lose(1);
  await outages.publish([0, 1], 1, 2);
  await outages.find(1);
  await outages.publish([0, 1], 3);
  await outages.recover(1);
  assertEquals(outages.rounds(), [0, 1, 2, 3]);
  await outages.find(0);
  await outages.publish([0, 1], 4);
  await outages.recover(0);
  assertEquals(outages.rounds(), [0, 1, 2, 3, 4]);
  assertEquals(outages.elsewhere(), [size * 3, size * 2]);
});

Deno.test("what is recovered of one signal and one time is as much as there was", async () => {
  await using outages = await Outages.start([true, true]);
  await outages.publish([0, 1], 0);
  await outages.lose(0);
  await outages.lose(1);
  outages.publishAtOnce(0, 1, 2, 3);
  await outages.find(0);
  await outages.publish([0], 4);
  await outages.recover(0);
  assertEquals([outages.rounds(), outages.elsewhere()[0]], [[0, 1, 2, 3, 4], 0]);
});

Deno.test("what two recover at once comes once", async () => {
  await using outages = await Outages.start([true, true]);
  await outages.publish([0, 1], 0);
  await outages.lose(0);
  await outages.lose(1);
  await outages.publish([0, 1], ...Array.from({ length: 50 }, (_, i) => 1 + i));
  await outages.find(0);
  await outages.find(1);
  await outages.publish([0, 1], 51);
  await outages.recover(0, 1);
  assertEquals(outages.rounds(), Array.from({ length: 52 }, (_, round) => round));
});

Deno.test("what lies between two gaps that one recovers is another's to recover", async () => {
  await using outages = await Outages.start([true, true]);
  await outages.publish([0, 1], 0);
  await outages.lose(1);
  await outages.publish([1], 1);
  await outages.find(1);
  // The first has it, too, but it does not come.
  await outages.publish([1], 2);
  await outages.lose(1);
  await outages.publish([1], 3);
  await outages.find(1);
  await outages.publish([1], 4);
  await outages.recover(1);
  assertEquals(outages.rounds(), [0, 1, 3]);
  await outages.lose(0);
  await outages.publish([0], 2, 4);
  await outages.find(0);
  await outages.publish([0], 5);
  await outages.recover(0);
  assertEquals(outages.rounds(), [0, 1, 2, 3, 4, 5]);
});

Deno.test("what went on before it was noticed that another had gone is not recovered from that", async () => {
  await using outages = await Outages.start([true, true]);
  await outages.publish([0, 1], 0);
  await outages.publish([0], 1, 2);
  await outages.lose(1);
  await outages.publish([1], 1, 2, 3);
  await outages.publish([0], 3);
  await outages.find(1);
  await outages.publish([0, 1], 4);
  await outages.recover(1);
  assertEquals(outages.rounds(), [0, 1, 2, 3, 4]);
  assertEquals(outages.elsewhere(), [0, size * 5]);
});

Deno.test("what others do is no break in what one delivers", async () => {
  await using outages = await Outages.start([true, true, true]);
  await outages.publish([0, 1], 0);
  await outages.lose(0);
  await outages.publish([0, 1], 1);
  // Nothing of what it says is of the second.
  await outages.lose(2);
  await outages.find(2);
  const described = metadataOf(size);
  const more = metadataOf(1, 1000).table("MeasurementDetail")!;
  described.table("MeasurementDetail")!.addRow(more.columns.map(({ values }) => values[0]!));
  await outages.describe(2, described, size + 1);
  // Only the first has it: from whom the others are, it would have come if it had been.
  await outages.publish([0], 2);
  await outages.publish([0, 1], 3);
  await outages.find(0);
  await outages.publish([0, 1], 4);
  await outages.recover(0);
  assertEquals(outages.rounds(), [0, 1, 3, 4]);
});

Deno.test("nothing is recovered of signals that its publisher does not describe", async () => {
  // The second describes signal 0 alone, but has the others as well.
  const metadataFilters = `FILTER MeasurementDetail WHERE SignalID = '${signalId(0)}'`;
  await using outages = await Outages.start([false, true], (i) => i === 1 ? { metadataFilters } : {});
  await outages.publish([0, 1], 0);
  await outages.lose(0);
  await outages.lose(1);
  await outages.publish([0, 1], 1);
  await outages.find(1);
  await outages.find(0);
  await outages.publish([0, 1], 2);
  await outages.recover(1);
  assertEquals([0, 1, 2].map((signal) => outages.rounds(signal)), [[0, 1, 2], [0, 2], [0, 2]]);
  assertEquals(outages.hub.relay.stats()[1]?.undescribed, 2);
});
