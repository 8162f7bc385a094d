/** docs/limits.md says what the code does; and tests of limits that are nowhere else. */
import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { UsageError } from "../cli/exit_codes.ts";
import { readYaml } from "../cli/yaml.ts";
import { DataSet, DEFAULT_FILTER_LIMITS } from "../metadata/mod.ts";
import { Definition, KEPT, type KeptLimits } from "../publisher/definition.ts";
import { KeptByWeight } from "../publisher/kept_by_weight.ts";
import { Publisher } from "../publisher/mod.ts";
import { checkOptions as checkPublisher } from "../publisher/options.ts";
import { atOnce } from "../publisher/testdata/at_once.ts";
import { filterOf } from "../publisher/testdata/filter_of.ts";
import { Rig, settle } from "../publisher/testdata/rig.ts";
import { Visibility } from "../publisher/visibility.ts";
import { readMetadata } from "../subscriber/metadata.ts";
import { checkGapRecovery } from "../subscriber/gap_recovery.ts";
import { checkOptions as checkSubscriber } from "../subscriber/options.ts";
import { SubscriberListener } from "../subscriber/mod.ts";
import { Fixture } from "../subscriber/testdata/fixture.ts";
import {
  Command,
  createChannelPair,
  DefaultLimits,
  gzip,
  ManualClock,
  Response,
  SignalTable,
  SttpError,
  systemClock,
} from "../transport/mod.ts";
import {
  decodeCacheUpdate,
  encodeSignalIndexCache,
  SignalIndexCache,
} from "../transport/wire/signal_index_cache.ts";
import { parseTimeConstraint } from "../transport/wire/time_constraint.ts";
import { metadataOf, until } from "./integration/support.ts";
import { withFolder } from "./support/folder.ts";
import { assertSttpError } from "./support/hostile.ts";

const text = Deno.readTextFileSync(new URL("../docs/limits.md", import.meta.url));

/** What is limited and the limit in each row of a section. */
function cells(section: string): [what: string, limit: string][] {
  const start = text.indexOf(`## ${section}\n`);
  assert(start >= 0, section);
  const end = text.indexOf("\n## ", start);
  const part = text.slice(start, end < 0 ? undefined : end);
  return Array.from(
    part.matchAll(/^\| ([^|]+?)\s*\| ([^|]+?)\s*\|/gm),
    ([, what, limit]): [string, string] => [what!, limit!],
  );
}

/** Option and default of each row in a section. */
function rows(section: string): Map<string, string> {
  return new Map(
    cells(section).flatMap(([what, limit]): [string, string][] => {
      const name = /^`([\w.]+)`$/.exec(what)?.[1];
      return name === undefined ? [] : [[name, limit]];
    }),
  );
}

/** A default as it is written for people. */
function valueOf(written: string): number {
  const units: Record<string, number> = {
    KiB: 1024,
    MiB: 1024 ** 2,
    GiB: 1024 ** 3,
    s: 1000,
    bytes: 1,
    characters: 1,
  };
  if (written === "no limit") return Infinity;
  const [, number, unit] = /^([\d,]+)(?: (KiB|MiB|GiB|s|bytes|characters))?/.exec(written)!;
  return Number(number!.replaceAll(",", "")) * (unit === undefined ? 1 : units[unit]!);
}

function at(options: object, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (value, name) => (value as Record<string, unknown>)?.[name],
    options,
  );
}

function assertDefaults(section: string, defaults: object): void {
  for (const [name, written] of rows(section)) {
    if (written !== "no limit") assertEquals(at(defaults, name), valueOf(written), `${section}: ${name}`);
  }
}

Deno.test("docs/limits.md: every limit has its row, with the default that is in force", () => {
  assertDefaults("Publisher", checkPublisher({}));
  assertDefaults("Subscriber", checkSubscriber({}));
  assertDefaults("Filter expressions", DEFAULT_FILTER_LIMITS);
  assertDefaults("Metadata documents", xmlDefaults());

  const both = new Set([...rows("Publisher").keys(), ...rows("Subscriber").keys()]);
  assertEquals(Object.keys(DefaultLimits).filter((name) => !both.has(`limits.${name}`)), []);
  const ours = rows("Subscriber");
  assertEquals(Object.keys(checkSubscriber({}).limits).filter((name) => !both.has(`limits.${name}`)), []);
  assert(ours.has("limits.signals"));
  assertEquals([...rows("Filter expressions").keys()].sort(), Object.keys(DEFAULT_FILTER_LIMITS).sort());
  assertEquals([...rows("Metadata documents").keys()].sort(), Object.keys(xmlDefaults()).sort());
});

Deno.test("docs/limits.md: limits of what has options of its own are the defaults that are in force", () => {
  const gaps = checkGapRecovery({ onRecovered: () => {} })!;
  const inForce: Record<string, number> = {
    "connectTimeout of a `listen()` with TLS": checkSubscriber({}).connectTimeout,
    "maxMeasurements of `frames()`": inSource("subscriber/frames.ts", "maxMeasurements = "),
    "silenceTimeout of `history()`": inSource("subscriber/history.ts", "customarySilence = "),
    "maxGaps of `gapRecovery`": gaps.maxGaps,
    "maxTimes of `gapRecovery`": gaps.maxTimes,
    "maxPublishers of a `SubscriberListener`": inSource("subscriber/listener.ts", "maxPublishers = "),
    "maxConnectionsPerAddress of a `SubscriberListener`": Infinity,
    "handshakeTimeout of a `SubscriberListener`": inSource("subscriber/listener.ts", '"handshakeTimeout", '),
    "connections that `sttp capture` hands on": inSource(
      "cli/capture/recorder.ts",
      "const MAX_CONNECTIONS = ",
    ),
    "signals of a publisher that `sttp relay` keeps": inSource("cli/relay/relay.ts", "const MOST_SIGNALS = "),
    "stretches of time that `sttp relay` keeps": inSource("cli/relay/covered.ts", "const MOST_OF_ALL = "),
    "`rateLimit.lines` of a `Logger`": inSource("log/logger.ts", "limit.lines ?? "),
    "`rateLimit.bytes` of a `Logger`": inSource("log/logger.ts", "limit.bytes ?? "),
    "capacity of a `LineWriter`": inSource("log/line_writer.ts", "capacity: number = "),
  };
  const written = ["Subscriber", "The command sttp", "Logs and traces"].flatMap(cells)
    .filter(([what]) => / of an? `|of `|that `/.test(what));
  assertEquals(Object.fromEntries(written.map(([what, limit]) => [what, valueOf(limit)])), inForce);
});

/** The only number that a source has right behind these words, where nothing else tells it. */
function inSource(path: string, words: string): number {
  const source = Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
  const found = source.split(words).slice(1).flatMap((behind) => /^\d[\d_* ]*(?<! )/.exec(behind) ?? []);
  assertEquals(found.length, 1, `numbers behind "${words}" in ${path}`);
  return numberOf(found[0]!);
}

/** A number as sources have it, such as `64 * 1024 ** 2`. */
function numberOf(written: string): number {
  return written.replaceAll("_", "").split(/(?<!\*)\*(?!\*)/).reduce((product, factor) => {
    const [base, exponent = 1] = factor.split("**").map(Number);
    return product * base! ** exponent;
  }, 1);
}

/** The defaults of reading XML, which are nobody else's business, from the source. */
function xmlDefaults(): Record<string, number> {
  const source = Deno.readTextFileSync(new URL("../metadata/xml_reader.ts", import.meta.url));
  const block = /const DEFAULTS[^{]*\{([^}]*)\}/.exec(source)![1]!;
  return Object.fromEntries(
    Array.from(block.matchAll(/(max\w+): ([^,]+),/g), ([, name, value]) => [name!, numberOf(value!)]),
  );
}

Deno.test("metadata: as long as the limit, and a byte longer", async () => {
  const dataSet = new DataSet("Set");
  dataSet.addTable("T").addColumn("A", "string");
  const xml = new TextEncoder().encode(dataSet.toXml());
  for (const body of [xml, gzip(xml)]) {
    const read = await readMetadata(body, { ...DefaultLimits, metadataLength: xml.length });
    assertEquals(read.tables.length, 1);
    const error = await assertRejects(
      () => readMetadata(body, { ...DefaultLimits, metadataLength: xml.length - 1 }),
      SttpError,
    );
    assertEquals(error.code, "LimitExceeded");
  }
});

Deno.test("signal index cache: as long as the limit, and a byte longer", () => {
  const signalId = "9ae6dd95-bddb-5dd8-8717-000000000001";
  const block = encodeSignalIndexCache(
    SignalIndexCache.from([{ index: 0, signalId, source: "PPA", id: 1n }]),
  );
  const body = new Uint8Array([0, ...gzip(block)]);
  const decode = (cacheLength: number): unknown =>
    decodeCacheUpdate(body, { version: 2, gzip: true, limits: { cacheLength } });
  decode(block.length);
  assertSttpError("LimitExceeded", () => decode(block.length - 1));
});

/** A document with a column of this name. */
function withName(name: string): string {
  return `<Set><xs:schema id="Set" xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Set"><xs:complexType>` +
    `<xs:choice maxOccurs="unbounded"><xs:element name="T"><xs:complexType><xs:sequence>` +
    `<xs:element name="A" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:choice>` +
    `</xs:complexType></xs:element></xs:schema>` +
    `<T><${name}>x</${name}></T></Set>`;
}

Deno.test("metadata: a name as long as the limit, and a byte longer", async () => {
  await DataSet.fromXml(withName("N".repeat(50)), { maxNameLength: 50 });
  const error = await assertRejects(
    () => DataSet.fromXml(withName("N".repeat(51)), { maxNameLength: 50 }),
    SttpError,
  );
  assertEquals(error.code, "LimitExceeded");
});

Deno.test("metadata: a tag as long as the limit, and a byte longer", async () => {
  const padding = " ".repeat(300);
  const documents = [
    ["<T>", `<T a="${"x".repeat(300)}">`],
    ["<T>", `<T${padding}/><T>`],
    ["</T>", `</T${padding}>`],
  ] as const;
  for (const [tag, long] of documents) {
    const document = withName("A").replace(tag, long);
    const length = Math.max(...long.split(">").map((part) => part.length + 1));
    await DataSet.fromXml(document, { maxTagLength: length });
    const error = await assertRejects(
      () => DataSet.fromXml(document, { maxTagLength: length - 1 }),
      SttpError,
    );
    assertEquals(error.code, "LimitExceeded");
    assertStringIncludes(error.message, `maxTagLength = ${length - 1}`);
  }
});

Deno.test("filter expressions take as long as they may, and no longer", async () => {
  let looks = 0;
  // A millisecond passes with each look at the clock.
  const clock = { ...systemClock, monotonic: () => looks++ };
  const select = async (filterMilliseconds: number): Promise<number> => {
    const limits = { filterMilliseconds };
    const options = { nodeId: undefined, clock, limits };
    const definition = new Definition(1, metadataOf(5_000), new SignalTable(), options);
    looks = 0;
    return (await definition.select(filterOf(costly), atOnce)).set.size;
  };
  const costly = `FILTER ActiveMeasurements WHERE ${Array(50).fill("LEN(PointTag) > 1").join(" AND ")}`;
  assertEquals(await select(1_000_000), 5_000);
  // From the first look to the last.
  const needed = looks - 1;
  assertGreater(needed, 1_000);
  assertEquals(await select(needed), 5_000);
  const error = await assertRejects(() => select(needed - 1), SttpError, `longer than ${needed - 1} ms`);
  assertEquals(error.code, "InvalidFilter");
});

Deno.test("what is kept for those who ask for the same: the least recently used goes when one more is too much", () => {
  const kept = new KeptByWeight<string>(10);
  kept.set("a", "A", 5);
  kept.set("b", "B", 5);
  assertEquals([kept.get("a"), kept.get("b"), kept.get("a")], ["A", "B", "A"]);
  kept.set("c", "C", 1);
  assertEquals([kept.get("a"), kept.get("b"), kept.get("c")], ["A", undefined, "C"]);
  kept.set("d", "too heavy by itself", 11);
  assertEquals([kept.get("a"), kept.get("c"), kept.get("d")], ["A", "C", undefined]);
});

Deno.test("what is kept under the key of a text is for nobody who asks for another with that key", () => {
  const kept = new KeptByWeight<string>(10);
  kept.set("key", "A", 5, "a");
  assertEquals([kept.get("key", "b"), kept.get("key"), kept.get("key", "a")], [undefined, undefined, "A"]);
  kept.set("key", "B", 5, "b");
  assertEquals([kept.get("key", "a"), kept.get("key", "b")], [undefined, "B"]);
  kept.set("other", "C", 5);
  assertEquals([kept.get("key", "b"), kept.get("other")], ["B", "C"], "the first weighs no more");
});

/** Two that were made one after the other, as the first was not kept. */
function assertDiffer(one: unknown, other: unknown): void {
  assert(one !== other, "kept");
}

/** A definition of eight signals that keeps no more than this. */
function keeping(kept: Partial<KeptLimits>): Definition {
  const options = { nodeId: undefined, clock: systemClock, kept: { ...KEPT, ...kept } };
  return new Definition(1, metadataOf(8), new SignalTable(), options);
}

Deno.test("what is kept of a definition has the limits that are written down", () => {
  const { selections, rules, metadata, views } = KEPT;
  assertEquals([selections, metadata, rules, views], [
    64 * 1024 ** 2,
    64 * 1024 ** 2,
    16 * 1024 ** 2,
    4_000_000,
  ]);
  assertStringIncludes(
    text,
    "64 MiB of filtered metadata, 64 MiB of selections with their caches, 16 MiB of what rules",
  );
});

Deno.test("selections that are kept weigh by their bytes, and by those of their filters and caches", async () => {
  const definition = keeping({ selections: 5_000 });
  const select = (filter: string) => definition.select(filterOf(filter), atOnce);
  const filter = "FILTER TOP 8 ActiveMeasurements WHERE True";
  const selection = await select(filter);
  assertStrictEquals(await select(filter), selection);
  assertGreater(selection.set.byteLength, 2 * 4 * 8);
  const long = filter + " ".repeat(2_000);
  assertDiffer(await select(long), await select(long));
  assertStrictEquals(await select(filter), selection, "what is too heavy by itself makes nobody go");
  await selection.cache(false, "utf-8", atOnce);
  assertStrictEquals(await select(filter), selection);
  for (const n of [7, 6]) {
    await select(filter.replace("8", `${n}`));
    await selection.cache(true, "utf-16le", atOnce);
  }
  assertDiffer(await select(filter), selection);
});

Deno.test("views that are kept weigh", async () => {
  const definition = keeping({ views: 1_500 });
  const view = (...visible: number[]) =>
    definition.view(new Visibility(Uint8Array.from(visible)), "none", atOnce);
  const first = await view(1);
  assertStrictEquals(await view(1), first);
  await view(0, 1);
  assertDiffer(await view(1), first);
});

Deno.test("filtered metadata that is kept weighs by its bytes, and by the characters of its filters", async () => {
  const body = (definition: Definition, filter: string) =>
    definition.metadataBody(filterOf(filter), "utf-8", false, "all", atOnce);
  const filter = "FILTER TOP 8 MeasurementDetail WHERE True";
  const { length } = await body(keeping({}), filter);
  const definition = keeping({ metadata: 1.5 * length + 4_096 });
  const first = await body(definition, filter);
  assertStrictEquals(await body(definition, filter), first);
  await body(definition, filter.replace("8", "7"));
  assertDiffer(await body(definition, filter), first);
  const long = filter + " ".repeat(length / 2 + 4_096);
  assertDiffer(await body(definition, long), await body(definition, long));
});

Deno.test("a hundred closed connections are remembered, and the oldest is forgotten", async () => {
  await using rig = await Rig.start();
  for (let n = 1; n <= 101; n++) {
    rig.connect().channel.close();
    await settle();
  }
  const { recentlyClosed, connections } = rig.publisher.stats();
  assertEquals([recentlyClosed.length, recentlyClosed[0]?.id, recentlyClosed.at(-1)?.id], [100, 101, 2]);
  assertEquals(Object.values(connections.closed).reduce((a, b) => a + b), 101);
});

Deno.test("of 1,001 publishers that connect to a listener, one gives way", async () => {
  const end = Promise.withResolvers<null>();
  const publishers: number[] = [];
  await using listener: SubscriberListener = new SubscriberListener({
    clock: new ManualClock(),
    listen: () => ({
      address: "memory:0",
      port: 7,
      accept: () => {
        const stats = listener.stats();
        publishers[stats.connections] = stats.publishers;
        return stats.connections < 1_001 ? Promise.resolve(createChannelPair()[0]) : end.promise;
      },
      close: () => end.resolve(null),
    }),
  });
  await listener.start();
  await until(() => publishers[1_001] !== undefined);
  assertEquals(publishers.slice(999), [999, 1_000, 1_000]);
});

Deno.test("a time constraint has 64 characters at most", () => {
  assertEquals(parseTimeConstraint("*".padEnd(64), 7n), 7n);
  assertSttpError("MalformedText", () => parseTimeConstraint("*".padEnd(65), 7n));
});

Deno.test("files of settings have 4 MiB at most", () =>
  withFolder(async (folder) => {
    const path = `${folder}/settings.yaml`;
    const most = 4 * 1024 ** 2;
    await Deno.writeTextFile(path, "a: 1 #".padEnd(most, "x"));
    assertEquals(await readYaml(path), { a: 1 });
    await Deno.writeTextFile(path, "a: 1 #".padEnd(most + 1, "x"));
    await assertRejects(() => readYaml(path), UsageError, `at most ${most} expected`);
  }));

/** Reads what a slow reader of `status()` has left: how many it missed, and the rest. */
async function assertMissed(
  reader: AsyncIterator<{ readonly kind: string; readonly count?: number }>,
  missed: number,
  kept: number,
): Promise<void> {
  const first = (await reader.next()).value;
  assertEquals([first.kind, first.count], ["missed", missed]);
  for (let n = 0; n < kept; n++) assert((await reader.next()).value.kind !== "missed");
  assertEquals((await reader.return?.())?.done, true);
}

Deno.test("256 events wait for a slow reader of a publisher's status(), and of one more the oldest is missed", async () => {
  await using publisher = new Publisher({ listen: false });
  const enough = publisher.status();
  for (let n = 0; n < 256; n++) publisher.defineMetadata(metadataOf(1));
  assertEquals((await enough.next()).value.generation, 1);
  const reader = publisher.status();
  for (let n = 0; n < 257; n++) publisher.defineMetadata(metadataOf(1));
  await assertMissed(reader, 1, 256);
});

Deno.test("256 events wait for a slow reader of a subscriber's status(), and of one more the oldest is missed", async () => {
  await using fixture = new Fixture();
  const scripted = await fixture.connected();
  const reader = fixture.subscriber.status();
  for (let n = 0; n < 257; n++) {
    await scripted.respond(Response.ProcessingComplete, Command.Subscribe, `${n}`);
  }
  await until(() => fixture.events.filter(({ kind }) => kind === "processingComplete").length === 257);
  await assertMissed(reader, 1, 256);
});

Deno.test("256 events wait for a slow reader of a listener's status(), and of one more the oldest is missed", async () => {
  const clock = new ManualClock();
  const end = Promise.withResolvers<null>();
  let failures = 0;
  await using listener = new SubscriberListener({
    clock,
    listen: () => ({
      address: "memory:0",
      port: 7,
      accept: () => failures++ < 256 ? Promise.reject(new Error("too many open files")) : end.promise,
      close: () => end.resolve(null),
    }),
  });
  // The first of the events is that it has started.
  const reader = listener.status();
  await listener.start();
  while (failures <= 256) {
    await settle();
    clock.advance(1_000);
  }
  await assertMissed(reader, 1, 256);
});
