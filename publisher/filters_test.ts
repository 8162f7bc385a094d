/**
 * Filter expressions that take long, beside somebody who publishes all the time, on a clock on which time passes with
 * every look at it: how much is done before others have their turn depends on nothing else.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { nextTurn } from "../transport/next_turn.ts";
import { DataSet } from "../metadata/data_set.ts";
import { ManualClock } from "../transport/clock.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { gunzip } from "../transport/wire/gzip.ts";
import { encodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import { Ticks } from "../transport/wire/ticks.ts";
import type { PublisherOptions } from "./options.ts";
import { grid, Rig, type ScriptedPeer } from "./testdata/rig.ts";

const conditions = Array.from({ length: 200 }, (_, i) => `LEN(PointTag) <> ${i + 1_000}`).join(" AND ");
/** Selects all signals and takes some hundred milliseconds for 1,000. */
const slow = `FILTER ActiveMeasurements WHERE ${conditions}`;
const slowMetadata = `FILTER MeasurementDetail WHERE ${conditions}`;
const quick = "FILTER ActiveMeasurements WHERE SignalType = 'STAT'";
const SIGNALS = 1_000;

class BusyClock extends ManualClock {
  /** How often it was looked at. */
  looks = 0;
  /** Milliseconds that pass with each look. */
  perLook = 0.1;
  #passed = 0;

  override monotonic(): number {
    this.looks++;
    this.#passed += this.perLook;
    return super.monotonic() + this.#passed;
  }
}

/** A publisher whose filter expressions are evaluated a slice at a time. */
class Slices implements AsyncDisposable {
  readonly clock: BusyClock;
  readonly rig: Rig;
  /** How often others had their turn. */
  turns = 0;
  readonly #batch = new MeasurementBatch();

  private constructor(clock: BusyClock, rig: Rig) {
    this.clock = clock;
    this.rig = rig;
    // Of no signal: nobody gets it.
    this.#batch.add(SIGNALS, Ticks.now(clock), 0);
  }

  static async start(options: PublisherOptions = {}): Promise<Slices> {
    const clock = new BusyClock();
    return new Slices(clock, await Rig.start({ ...options, clock }, SIGNALS));
  }

  /** Lets others have their turn, and then the next slice be done. */
  async turn(): Promise<void> {
    this.turns++;
    await this.#publish();
    // No more than that: commands and heartbeats have time-outs.
    this.clock.advance(6);
    await this.#publish();
  }

  /** Lets everything happen that can happen without time passing, while something is published again and again. */
  async #publish(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      this.rig.publisher.publish(this.#batch);
      await nextTurn();
    }
  }

  /** Goes on until this has come. */
  async until<Result>(coming: Promise<Result>): Promise<Result> {
    let isHere = false;
    coming.then(() => isHere = true, () => isHere = true);
    for (let i = 0; !isHere; i++) {
      assert(i < 1_000, "it did not come");
      await this.turn();
    }
    return await coming;
  }

  /** A subscriber that has asked for this, which is under way. */
  async asking(filterExpression: string): Promise<ScriptedPeer> {
    const peer = await this.rig.agree();
    await peer.subscribe({ filterExpression });
    for (let i = 0; i < 5; i++) await this.turn();
    return peer;
  }

  /** The signals that it is granted. */
  async granted(peer: ScriptedPeer): Promise<string[]> {
    const { cache } = await this.until(peer.expectCache());
    const text = await this.until(peer.expectText(Response.Succeeded, Command.Subscribe));
    assertStringIncludes(text, `with ${cache.size} signals`);
    return [...cache.signalIds];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.clock.perLook = 0;
    await this.until(this.rig[Symbol.asyncDispose]());
    assertEquals(this.clock.pending, 0, "timers left");
  }
}

Deno.test("while a filter is evaluated data flows, timers fire, and others are answered", async () => {
  await using slices = await Slices.start();
  const { rig } = slices;
  const good = await rig.subscribe(quick);
  const attacker = await slices.asking(slow);
  let isAnswered = false;
  const answered = attacker.expectCache().then(() => isAnswered = true);
  const before = slices.turns;

  for (let round = 0; round < 5; round++) {
    await rig.publish([3, 7]);
    if (round === 0) await good.expect(Response.DataStartTime);
    assertEquals(await good.expectData(), [2, 0], "at once, whatever is under way");
    await slices.turn();
  }
  let isDue = false;
  slices.clock.schedule(1, () => isDue = true);
  await slices.turn();
  assert(isDue);
  const other = await rig.agree();
  await other.subscribe({ filterExpression: "FILTER TOP 5 ActiveMeasurements WHERE True" });
  const { cache } = await slices.until(other.expectCache());
  assertEquals(cache.size, 5);
  assertEquals(isAnswered, false, "others do not wait for it");

  await slices.until(answered);
  assert(slices.turns - before > 30, `${slices.turns - before} turns`);
});

Deno.test("who asks for the same filter gets what one evaluation comes to", async () => {
  await using slices = await Slices.start();
  const one = await slices.asking(slow);
  await slices.granted(one);
  const { turns } = slices;

  slices.rig.publisher.defineMetadata(grid(SIGNALS));
  const peers = await Promise.all(Array.from({ length: 5 }, () => slices.rig.agree()));
  for (const peer of peers) await peer.subscribe({ filterExpression: slow });
  for (const peer of peers) assertEquals((await slices.granted(peer)).length, SIGNALS);
  assertLess(slices.turns - turns, 2 * turns);
});

Deno.test("metadata that is defined meanwhile is what the filter is evaluated on", async () => {
  await using slices = await Slices.start();
  const peer = await slices.asking(slow);
  slices.rig.publisher.defineMetadata(grid(SIGNALS / 2));
  await slices.until(peer.expect(Response.ConfigurationChanged));
  assertEquals((await slices.granted(peer)).length, SIGNALS / 2);
});

Deno.test("a filter that fails on metadata of before is evaluated on that of now", async () => {
  await using slices = await Slices.start();
  const filter = `${slow} AND 1 / (1000 - DeviceID - LEN(ID) - ${1_000 - "PPA:1000".length}) < 9`;
  const failing = await slices.asking(filter);
  await slices.until(failing.expect(Response.Failed));

  const peer = await slices.asking(filter.replace("< 9", "< 8"));
  slices.rig.publisher.defineMetadata(grid(SIGNALS / 2));
  await slices.until(peer.expect(Response.ConfigurationChanged));
  assertEquals((await slices.granted(peer)).length, SIGNALS / 2);
});

Deno.test("what is hidden meanwhile is not granted", async () => {
  await using slices = await Slices.start();
  const peer = await slices.asking(slow);
  slices.rig.publisher.setAccess({ signals: [{ deny: quick }] });
  await slices.until(peer.expect(Response.ConfigurationChanged));
  assertEquals((await slices.granted(peer)).length, SIGNALS * 3 / 4);
});

Deno.test("what a subscriber may see of the metadata is worked out in slices, and once for all who may see the same", async () => {
  await using slices = await Slices.start({ access: { signals: [{ deny: quick }] } });
  const peers = [await slices.rig.agree(), await slices.rig.agree()];
  // Now each step is a slice.
  slices.clock.perLook = 4;
  const { turns } = slices;
  const sizes: number[] = [];
  for (const peer of peers) {
    await peer.subscribe({ filterExpression: "FILTER ActiveMeasurements WHERE True" });
  }
  sizes.push((await slices.granted(peers[0]!)).length);
  const first = slices.turns - turns;
  assert(first > 15, `${first} turns`);
  sizes.push((await slices.granted(peers[1]!)).length);
  assertEquals(sizes, [SIGNALS * 3 / 4, SIGNALS * 3 / 4]);
  assertLess(slices.turns - turns - first, 5);
});

Deno.test("access rules about who is new are evaluated in slices, and those in force at one go when they change", async () => {
  const allow = "FILTER ActiveMeasurements WHERE True";
  const newcomer = { address: "192.0.2.7:5000" };
  const rules = [{ allow }, { who: { addresses: ["192.0.2.7"] }, deny: `${slow} AND SignalType = 'STAT'` }];
  await using slices = await Slices.start({ access: { signals: rules } });
  const { rig } = slices;
  const good = await rig.subscribe(allow);

  const peer = rig.connectAs(newcomer);
  await peer.defineModes();
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  const { turns } = slices;
  await peer.subscribe({ filterExpression: allow });
  for (let round = 0; round < 5; round++) {
    await rig.publish([3]);
    if (round === 0) await good.expect(Response.DataStartTime);
    assertEquals(await good.expectData(), [1, 0], "at once, whatever is under way");
    await slices.turn();
  }
  assertEquals((await slices.granted(peer)).length, SIGNALS * 3 / 4);
  assert(slices.turns - turns > 30, `${slices.turns - turns} turns`);

  rig.publisher.setAccess({ signals: [{ deny: slow }] });
  await rig.publish([3]);
  assertEquals(
    rig.publisher.stats().access.revoked,
    SIGNALS + SIGNALS * 3 / 4,
    "before anything else is done",
  );
  await slices.until(good.expect(Response.ConfigurationChanged));
});

Deno.test("a filter of who is gone is not evaluated to its end", async () => {
  await using slices = await Slices.start();
  await slices.asking(slow);
  assertEquals(slices.rig.publisher.disconnect(slices.rig.connection().id), true);
  await slices.turn();
  await slices.turn();
  const { looks } = slices.clock;
  for (let i = 0; i < 10; i++) await slices.turn();
  assertLess(slices.clock.looks - looks, 10);
});

Deno.test("commands of one subscriber are carried out in order", async () => {
  await using slices = await Slices.start();
  const peer = await slices.asking(slow);
  await peer.send(Command.Unsubscribe);
  await peer.subscribe({ filterExpression: quick });
  assertEquals((await slices.granted(peer)).length, SIGNALS);
  await slices.until(peer.expect(Response.Succeeded, Command.Unsubscribe));
  // Its cache waits until the one before is confirmed.
  assertStringIncludes(
    await slices.until(peer.expectText(Response.Succeeded, Command.Subscribe)),
    `with ${SIGNALS / 4} signals`,
  );
});

Deno.test("a subscription that is renewed gives way to one that is asked for", async () => {
  await using slices = await Slices.start();
  const peer = await slices.asking(slow);
  await slices.granted(peer);
  await peer.confirmCache();

  slices.rig.publisher.setAccess({ signals: [{ deny: "PPA:1" }] });
  await slices.until(peer.expect(Response.ConfigurationChanged));
  for (let i = 0; i < 5; i++) await slices.turn();
  await peer.subscribe({ filterExpression: quick });
  assertEquals((await slices.granted(peer)).length, SIGNALS / 4);
  await peer.confirmCache();
  const { looks } = slices.clock;
  for (let i = 0; i < 10; i++) await slices.turn();
  assertLess(slices.clock.looks - looks, 20, "it is not evaluated any further");
  await peer.send(Command.Unsubscribe);
  await slices.until(peer.expect(Response.Succeeded, Command.Unsubscribe));
});

Deno.test("metadata is narrowed in slices, too, and anew when other metadata is defined meanwhile", async () => {
  await using slices = await Slices.start();
  const peer = await slices.rig.agree();
  await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(slowMetadata, "utf-8"));
  for (let i = 0; i < 5; i++) await slices.turn();
  const before = slices.turns;
  slices.rig.publisher.defineMetadata(grid(SIGNALS / 2));
  await slices.until(peer.expect(Response.ConfigurationChanged));
  const body = await slices.until(peer.expect(Response.Succeeded, Command.MetadataRefresh));
  assert(slices.turns - before > 10, `${slices.turns - before} turns`);
  const metadata = await DataSet.fromXml(gunzip(body, { maxLength: 1 << 24 }));
  assertEquals(metadata.table("MeasurementDetail")?.rowCount, SIGNALS / 2);
});

Deno.test("metadata is written and compressed in slices, once for all who ask for it", async () => {
  await using slices = await Slices.start();
  const peers = [await slices.rig.agree(), await slices.rig.agree()];
  // Now each step is a slice.
  slices.clock.perLook = 4;
  for (const filter of ["", "FILTER MeasurementDetail WHERE True"]) {
    const { turns } = slices;
    for (const peer of peers) {
      await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(filter, "utf-8"));
    }
    const body = await slices.until(peers[0]!.expect(Response.Succeeded, Command.MetadataRefresh));
    const first = slices.turns - turns;
    assert(first > 7, `${first} turns`);
    const metadata = await DataSet.fromXml(gunzip(body, { maxLength: 1 << 24 }));
    assertEquals(metadata.table("MeasurementDetail")?.rowCount, SIGNALS);
    await slices.until(peers[1]!.expect(Response.Succeeded, Command.MetadataRefresh));
    assertLess(slices.turns - turns - first, 5);
  }
});

Deno.test("metadata is not written to its end for who is gone", async () => {
  await using slices = await Slices.start();
  const peer = await slices.rig.agree();
  slices.clock.perLook = 4;
  await peer.send(Command.MetadataRefresh, encodeMetadataRefresh("", "utf-8"));
  for (let i = 0; i < 5; i++) await slices.turn();
  let { looks } = slices.clock;
  await slices.turn();
  await slices.turn();
  assert(slices.clock.looks > looks, "it is under way");
  assertEquals(slices.rig.publisher.disconnect(slices.rig.connection().id), true);
  await slices.turn();
  await slices.turn();
  ({ looks } = slices.clock);
  for (let i = 0; i < 10; i++) await slices.turn();
  assertLess(slices.clock.looks - looks, 10);
});
