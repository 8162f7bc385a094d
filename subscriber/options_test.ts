import { assertEquals, assertThrows } from "@std/assert";
import { systemClock } from "../transport/clock.ts";
import { DefaultLimits } from "../transport/limits.ts";
import {
  checkOptions,
  checkSubscribeOptions,
  joinMetadataFilters,
  type SubscriberOptions,
} from "./options.ts";

Deno.test("no options: every default", () => {
  assertEquals(checkOptions(), {
    address: "localhost",
    tls: undefined,
    subscription: {},
    metadataFilters: "",
    autoRequestMetadata: true,
    autoSubscribe: true,
    version: 2,
    compressPayload: true,
    compressMetadata: true,
    compressSignalIndexCache: true,
    receiveExternalMetadata: true,
    receiveInternalMetadata: true,
    confirmBaseTimes: false,
    reconnect: { initialDelay: 1000, maxDelay: 30_000, maxRetries: Infinity, jitter: 0.2 },
    heartbeatTimeout: 20_000,
    connectTimeout: 10_000,
    commandTimeout: 60_000,
    deliveryBuffer: 262_144,
    overflow: "pause",
    onBatch: undefined,
    udp: undefined,
    gapRecovery: undefined,
    historyAddress: undefined,
    bufferBlocks: { layout: "standard", maxBlocks: 1024, maxBytes: 67_108_864 },
    onBufferBlock: undefined,
    onNotification: undefined,
    connector: undefined,
    limits: { ...DefaultLimits, signals: 4_194_304 },
    clock: systemClock,
  });
});

Deno.test("the subscription's options are told from the others", () => {
  const { subscription } = checkOptions({ filter: "X", throttled: true, publishInterval: 2, version: 1 });
  assertEquals(subscription, { filter: "X", throttled: true, publishInterval: 2 });
});

Deno.test("undefined is the default", () => {
  const given = { version: undefined, filter: undefined } as unknown as SubscriberOptions;
  assertEquals(checkOptions(given), checkOptions());
  assertEquals(checkSubscribeOptions({ filter: undefined, lagTime: 1 } as never), { lagTime: 1 });
});

Deno.test("names that do not exist are refused", () => {
  const wrong: object[] = [{ filtre: "" }, { toString: 1 }, { reconnect: { delay: 1 } }, {
    limits: { maxFrameLength: 1 },
  }];
  for (const options of wrong) {
    assertThrows(() => checkOptions(options as SubscriberOptions), TypeError, "no option");
  }
  assertThrows(() => checkSubscribeOptions({ version: 1 } as never), TypeError, 'no option "version"');
});

Deno.test("wrong types are refused", () => {
  const wrong: object[] = [
    { filter: 1 },
    { throttled: "yes" },
    { version: "2" },
    { onBatch: {} },
    { clock: null },
    { metadataFilters: [1] },
    { reconnect: true },
    { assemblyInfo: "x" },
  ];
  for (const options of wrong) {
    assertThrows(
      () => checkOptions(options as SubscriberOptions),
      TypeError,
      undefined,
      JSON.stringify(options),
    );
  }
  assertThrows(() => checkOptions(null as never), TypeError);
  assertThrows(() => checkSubscribeOptions("x" as never), TypeError);
});

Deno.test("numbers out of their range are refused", () => {
  const wrong: object[] = [
    { version: 0 },
    { version: 4 },
    { version: 1.5 },
    { heartbeatTimeout: -1 },
    { connectTimeout: 0 },
    { commandTimeout: NaN },
    { deliveryBuffer: 0 },
    { overflow: "block" },
    { reconnect: { jitter: 1.1 } },
    { reconnect: { initialDelay: 0 } },
    { reconnect: { initialDelay: 5000, maxDelay: 4000 } },
    { reconnect: { maxRetries: -1 } },
    { limits: { signalIndex: 0 } },
  ];
  for (const options of wrong) {
    assertThrows(
      () => checkOptions(options as SubscriberOptions),
      RangeError,
      undefined,
      JSON.stringify(options),
    );
  }
});

Deno.test("reconnect: off, and a first delay over the default cap", () => {
  assertEquals(checkOptions({ reconnect: false }).reconnect, undefined);
  assertEquals(checkOptions({ reconnect: { initialDelay: 60_000 } }).reconnect?.maxDelay, 60_000);
});

Deno.test("limits: those given, the defaults for the others", () => {
  assertEquals(checkOptions({ limits: { signalIndex: 5 } }).limits, {
    ...DefaultLimits,
    signals: 4_194_304,
    signalIndex: 5,
  });
});

Deno.test("metadata filters become one text", () => {
  assertEquals(joinMetadataFilters(undefined), "");
  assertEquals(joinMetadataFilters("A"), "A");
  assertEquals(joinMetadataFilters(["A", "B"]), "A; B");
});

Deno.test("what a subscription can't be sent with is refused before anything is sent", () => {
  const wrong: [object, string][] = [
    [{ lagTime: -1 }, "lagTime"],
    [{ leadTime: Infinity }, "leadTime"],
    [{ publishInterval: NaN }, "publishInterval"],
    [{ processingInterval: 1.5 }, "processingInterval"],
  ];
  for (const [options, name] of wrong) {
    assertThrows(() => checkSubscribeOptions(options), RangeError, name);
    assertThrows(() => checkOptions(options), RangeError, name);
  }
  const unsendable: [object, string][] = [
    [{ filter: "a } b" }, '"filter"'],
    [{ startTimeConstraint: "{" }, '"startTimeConstraint"'],
    [{ assemblyInfo: { author: "x" } }, '"author"'],
    [{ assemblyInfo: { source: 1 } }, '"source"'],
    [{ extra: { throttled: "true" } }, '"throttled"'],
    [{ extra: { mine: 1 } }, '"mine"'],
  ];
  for (const [options, name] of unsendable) {
    assertThrows(() => checkSubscribeOptions(options), TypeError, name);
    assertThrows(() => checkOptions(options), TypeError, name);
  }
  assertEquals(checkSubscribeOptions({ publishInterval: 0 }), { publishInterval: 0 });
});
