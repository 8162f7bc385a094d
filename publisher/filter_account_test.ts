import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { finish } from "../metadata/steps.ts";
import { assertSttpError } from "../tests/support/hostile.ts";
import { nextTurn } from "../transport/next_turn.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { encodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import { encodeSubscribe } from "../transport/wire/subscribe.ts";
import { FilterAccount, type HeldFilter } from "./filter_account.ts";
import { clipped } from "./flat_text.ts";
import { Rig, type ScriptedPeer, settle } from "./testdata/rig.ts";

const [A, B, C] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"] as const;

function hold(filters: FilterAccount, text: string, network: string): HeldFilter {
  return finish(filters.hold(text, network));
}

Deno.test("equal filter expressions count once, and as long as somebody holds one", () => {
  const filters = new FilterAccount(20_000);
  const one = hold(filters, "x".repeat(6000), A);
  const other = hold(filters, "x".repeat(6000), A);
  assertEquals(filters.length, 6000);
  assertSttpError("LimitExceeded", () => hold(filters, "y".repeat(5000), A), "would have 11000 characters");
  one.keep();
  one.release();
  one.release();
  assertEquals(filters.length, 6000);
  other.release();
  assertEquals(filters.length, 0);
  assertEquals(hold(filters, "y".repeat(10_000), A).text, "y".repeat(10_000));
  assertEquals(filters.length, 10_000);
});

Deno.test("short filter expressions are taken whatever others hold", () => {
  const filters = new FilterAccount(20_000);
  hold(filters, "x".repeat(10_000), A);
  for (let i = 0; i < 10; i++) hold(filters, `${i}`.padEnd(4096), A);
  assertEquals(filters.length, 10_000 + 10 * 4096);
  assertSttpError("LimitExceeded", () => hold(filters, "y".padEnd(4097), A), "at most 10000");
});

Deno.test("one network has room for half: others can still have long filter expressions", () => {
  const filters = new FilterAccount(20_000);
  const text = (name: string, length: number): string => name.repeat(length);
  const greedy = hold(filters, text("a", 8000), A);
  const more = (): HeldFilter => hold(filters, text("b", 5000), A);
  assertSttpError(
    "LimitExceeded",
    more,
    "from your address would have 13000 characters with this one of 5000",
  );
  // What others have as well takes no more memory, and short ones have room.
  const other = hold(filters, text("b", 5000), B);
  more().release();
  const same = hold(filters, text("a", 8000), B);
  hold(filters, text("c", 4096), A).release();
  other.release();
  assertSttpError("LimitExceeded", more, "at most 10000 expected");
  hold(filters, text("d", 9000), C);
  const tooMuch = (): HeldFilter => hold(filters, text("e", 5000), "192.0.2.4");
  assertSttpError("LimitExceeded", tooMuch, "of all subscribers would have 22000 characters");
  for (const filter of [greedy, same]) filter.release();
  more();
  assertEquals(filters.length, 9000 + 5000);
});

Deno.test("filter expressions of the same length are told apart, each given back by itself", () => {
  const filters = new FilterAccount(1_000_000);
  const texts = Array.from({ length: 500 }, (_, i) => String.fromCharCode(i).padStart(200, "x"));
  const held = texts.map((text) => hold(filters, text, A));
  assertEquals(held.map(({ text }) => text), texts);
  assertEquals(filters.length, 500 * 200);
  for (const filter of held.slice(1)) filter.release();
  assertEquals(filters.length, 200);
});

Deno.test("copies are the same text, whatever is in it", () => {
  for (const text of ["", "abc", "\ufeffmark", "\u0436\u{1f600}", "x".repeat(1024)]) {
    assertEquals(clipped(text), text);
  }
  assertEquals(clipped("x".repeat(1025)), "x".repeat(1021) + "...");
  assertEquals(clipped("abcdef", 5), "ab...");
});

/** A filter expression of so many characters that comes to signals, and to no others' text. */
function long(name: string, length: number): string {
  return `FILTER ActiveMeasurements WHERE ID <> '${name}'`.padEnd(length);
}

async function granted(peer: ScriptedPeer): Promise<void> {
  await peer.expectCache();
  await peer.expect(Response.Succeeded, Command.Subscribe);
}

Deno.test("a filter expression beyond the limit is refused until there is room", async () => {
  await using rig = await Rig.start({ limits: { allFiltersLength: 40_000 } });
  const [a, b, c] = [await rig.agree(), await rig.agree(), await rig.agree()];
  const refused = async (peer: ScriptedPeer, name: string): Promise<void> => {
    await peer.subscribe({ filterExpression: long(name, 8000) });
    assertStringIncludes(await peer.expectText(Response.Failed, Command.Subscribe), "at most 20000 expected");
  };
  const taken = async (peer: ScriptedPeer, name: string): Promise<void> => {
    await peer.subscribe({ filterExpression: long(name, 8000) });
    await granted(peer);
    await peer.confirmCache();
    await settle();
  };
  await taken(a, "a");
  await taken(b, "b");
  await refused(c, "c");
  // What others have as well takes no room, and what is short has some.
  await taken(c, "a");
  await c.subscribe({ filterExpression: "True" });
  await granted(c);
  await c.confirmCache();
  await settle();
  await refused(c, "c");

  // One that ends makes room; so does one that is replaced, as soon as the new one is in force.
  await b.send(Command.Unsubscribe);
  await b.expect(Response.Succeeded, Command.Unsubscribe);
  await taken(c, "c");
  await refused(b, "d");
  await a.subscribe({ filterExpression: "True" });
  await granted(a);
  await refused(b, "d");
  await a.confirmCache();
  await settle();
  await taken(b, "d");
  await refused(a, "e");

  // So does who goes.
  c.channel.close();
  await settle();
  await taken(a, "e");
  await refused(b, "f");
});

Deno.test("the filter expressions of commands count while they are carried out", async () => {
  let decide: (() => void) | undefined;
  const authorizeSignals = ({ id }: { id: number }): Promise<boolean> | boolean =>
    id > 1 || new Promise<boolean>((resolve) => decide = () => resolve(true));
  await using rig = await Rig.start({ access: { authorizeSignals }, limits: { allFiltersLength: 20_000 } });
  const refresh = (name: string): Uint8Array =>
    encodeMetadataRefresh(`FILTER MeasurementDetail WHERE ID <> '${name}'`.padEnd(8000), "utf-8");
  const [one, other] = [await rig.agree(), await rig.agree()];
  await one.send(Command.MetadataRefresh, refresh("a"));
  await settle();
  await other.send(Command.MetadataRefresh, refresh("b"));
  assertStringIncludes(await other.expectText(Response.Failed, Command.MetadataRefresh), "at most 10000");
  await other.subscribe({ filterExpression: long("b", 8000) });
  assertStringIncludes(await other.expectText(Response.Failed, Command.Subscribe), "at most 10000");
  decide!();
  await one.expect(Response.Succeeded, Command.MetadataRefresh);
  await settle();
  await other.send(Command.MetadataRefresh, refresh("b"));
  await other.expect(Response.Succeeded, Command.MetadataRefresh);
});

Deno.test("a Subscribe that fails holds nothing", async () => {
  await using rig = await Rig.start({ limits: { allFiltersLength: 20_000 } });
  const peer = await rig.agree();
  for (let i = 0; i < 5; i++) {
    await peer.subscribe({ filterExpression: `FILTER ActiveMeasurements WHERE x${i} = 1`.padEnd(8000) });
    const text = await peer.expectText(Response.Failed, Command.Subscribe);
    assert(!text.includes("at most"), text);
    await peer.subscribe({
      filterExpression: long(`${i}`, 8000),
      startTimeConstraint: "*-5m",
    });
    assertStringIncludes(await peer.expectText(Response.Failed, Command.Subscribe), "no history");
  }
  await peer.subscribe({ filterExpression: long("x", 8000) });
  await granted(peer);
});

Deno.test("a renewed subscription holds its filter expression once, and lets go of it", async () => {
  await using rig = await Rig.start({ limits: { allFiltersLength: 20_000 } });
  const peer = await rig.agree();
  await peer.subscribe({ filterExpression: long("a", 8000) });
  await granted(peer);
  await peer.confirmCache();
  await settle();
  for (const signal of ["STAT", "FREQ", "STAT"]) {
    rig.publisher.setAccess({
      signals: [{ deny: `FILTER ActiveMeasurements WHERE SignalType = '${signal}'` }],
    });
    await peer.expect(Response.ConfigurationChanged);
    await peer.expectCache();
    await peer.confirmCache();
    await settle();
  }
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
  await peer.subscribe({ filterExpression: long("b", 8000) });
  await granted(peer);
});

/** Each look at the clock takes three milliseconds: more than commands have at a time. */
function slow(rig: Rig): void {
  let looks = 0;
  rig.clock.monotonic = () => 3 * looks++;
}

Deno.test("long commands are taken in over several turns, and answered in their order", async () => {
  await using rig = await Rig.start();
  slow(rig);
  const turnsFor = async (filterExpression: string): Promise<number> => {
    const peer = await rig.agree();
    let isOver = false;
    const answers = (async () => {
      await granted(peer);
      await peer.expect(Response.Succeeded, Command.MetadataRefresh);
      await peer.expect(Response.Succeeded, Command.Unsubscribe);
      isOver = true;
    })();
    await peer.subscribe({ filterExpression });
    await peer.send(Command.MetadataRefresh, encodeMetadataRefresh(filterExpression, "utf-8"));
    await peer.send(Command.Unsubscribe);
    let turns = 0;
    for (; !isOver; turns++) await nextTurn();
    await answers;
    return turns;
  };
  // What selects nothing takes no time besides.
  const short = await turnsFor(" ");
  const many = await turnsFor(" ".repeat(1_000_000));
  assert(many - short >= 3, `${short} turns for a short one, ${many} for a long one`);
});

Deno.test("who goes while a long filter expression is taken in leaves nothing", async () => {
  await using rig = await Rig.start({ limits: { allFiltersLength: 1_000_000 } });
  const [one, other] = [await rig.agree(), await rig.agree()];
  slow(rig);
  for (let i = 0; i < 12; i++) {
    const peer = await rig.agree();
    await peer.subscribe({ filterExpression: long(`${i}`, 300_000) });
    for (let turn = 0; turn < i; turn++) await nextTurn();
    peer.channel.close();
  }
  await one.subscribe({ filterExpression: long("a", 300_000) });
  await granted(one);
  await other.subscribe({ filterExpression: long("b", 300_000) });
  assertStringIncludes(await other.expectText(Response.Failed, Command.Subscribe), "have 600000 characters");
});

Deno.test("a long filter expression is not copied for the little that came with it", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  const copied: number[] = [];
  const { encode } = TextEncoder.prototype;
  const body = encodeSubscribe({ filterExpression: long("a", 600_000) }, "utf-8");
  TextEncoder.prototype.encode = function (text?: string): Uint8Array<ArrayBuffer> {
    copied.push(text?.length ?? 0);
    return encode.call(this, text);
  };
  try {
    await peer.send(Command.Subscribe, body);
    await granted(peer);
  } finally {
    TextEncoder.prototype.encode = encode;
  }
  assert(Math.max(...copied) < 600_000, `${copied}`);
});

Deno.test("of who has gone only the beginning of the filter expression is remembered", async () => {
  await using rig = await Rig.start();
  const status = rig.publisher.status();
  const peer = await rig.agree();
  const filter = long("a", 50_000);
  await peer.subscribe({ filterExpression: filter });
  await granted(peer);
  assertEquals(rig.connection().subscription?.filter, filter);
  peer.channel.close();
  await settle();
  const { recentlyClosed } = rig.publisher.stats();
  assertEquals(recentlyClosed[0]?.subscription?.filter, clipped(filter));
  await rig.publisher.stop();
  for await (const event of status) {
    if (event.kind === "subscribed") assertEquals(event.filter, clipped(filter));
  }
});

Deno.test("of algorithms that are named behind modes no more is kept than the first frame may have", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  const body = new Uint8Array(1_000_000).fill(0x78);
  body.set([0xe0, 0, 2, 0x62]);
  await peer.send(Command.DefineOperationalModes, body);
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  assertEquals(rig.connection().algorithms.length, 8192);
});
