import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { assertSttpError, corruptEachByte, hex, lengthsAccepted } from "../../tests/support/hostile.ts";
import { parseConnectionString } from "./connection_string.ts";
import {
  decodeSubscribe,
  encodeSubscribe,
  formatSubscription,
  type SubscribeRequest,
  type SubscriptionOptions,
} from "./subscribe.ts";
import { encodeText, type TextEncoding } from "./text.ts";

/** The body of a Subscribe with this connection string. */
function bodyOf(text: string, encoding: TextEncoding = "utf-8"): Uint8Array {
  const bytes = encodeText(text, encoding);
  return hex(`02 ${bytes.length.toString(16).padStart(8, "0")} ${bytes.toHex()}`);
}

function read(text: string): SubscribeRequest {
  return decodeSubscribe(bodyOf(text), "utf-8");
}

const DEFAULTS: SubscribeRequest = {
  flags: 2,
  filterExpression: "",
  throttled: false,
  publishInterval: 1,
  includeTime: true,
  enableTimeReasonabilityCheck: false,
  lagTime: 10,
  leadTime: 5,
  useLocalClockAsRealTime: false,
  useMillisecondResolution: false,
  requestNaNValueFilter: false,
  processingInterval: -1,
  startTimeConstraint: "",
  stopTimeConstraint: "",
  timeConstraintParameters: "",
  dataChannel: undefined,
  bufferBlockRetransmissionTimeout: 5,
  assemblyInfo: { source: "", version: "", updatedOn: "" },
  extra: new Map(),
  text: "",
};

Deno.test("an empty connection string has the default of every setting", () => {
  assertEquals(read(""), DEFAULTS);
  assertEquals(read("throttled=;lagTime= ;processingInterval=;dataChannel=;assemblyInfo=").lagTime, 10);
});

Deno.test("every setting is read, whatever the case of its key", () => {
  const text =
    "FILTEREXPRESSION={FILTER ActiveMeasurements WHERE True};Throttled=yes;publishinterval=0.5;includeTIME=off;" +
    "enableTimeReasonabilityCheck=1;lagTime=3.500000;leadTime=1;useLocalClockAsRealTime=on;" +
    "useMillisecondResolution=True;requestNaNValueFilter=TRUE;processingInterval=33;startTimeConstraint=*-5m;" +
    "stopTimeConstraint=*;timeConstraintParameters={a=1;b=2};dataChannel={localport=9191; interface=0.0.0.0};" +
    "bufferBlockRetransmissionTimeout=2.5;assemblyInfo={source=x; version=1.2; updatedOn=2024-01-01};custom=7";
  assertEquals(read(text), {
    flags: 2,
    filterExpression: "FILTER ActiveMeasurements WHERE True",
    throttled: true,
    publishInterval: 0.5,
    includeTime: false,
    enableTimeReasonabilityCheck: true,
    lagTime: 3.5,
    leadTime: 1,
    useLocalClockAsRealTime: true,
    useMillisecondResolution: true,
    requestNaNValueFilter: true,
    processingInterval: 33,
    startTimeConstraint: "*-5m",
    stopTimeConstraint: "*",
    timeConstraintParameters: "a=1;b=2",
    dataChannel: { localPort: 9191, interface: "0.0.0.0" },
    bufferBlockRetransmissionTimeout: 2.5,
    assemblyInfo: { source: "x", version: "1.2", updatedOn: "2024-01-01" },
    extra: new Map([["custom", "7"]]),
    text,
  });
});

Deno.test("inputMeasurementKeys stands in for filterExpression", () => {
  assertEquals(read("inputMeasurementKeys=PPA:1").filterExpression, "PPA:1");
  assertEquals(read("inputMeasurementKeys=PPA:1;filterExpression=").filterExpression, "PPA:1");
  assertEquals(read("inputMeasurementKeys=PPA:1;filterExpression=PPA:2").filterExpression, "PPA:2");
  assertEquals(read("inputMeasurementKeys=PPA:1").extra.size, 0);
});

Deno.test("a publish interval that is none falls back to the lag time, or a second", () => {
  assertEquals(read("publishInterval=0;lagTime=3").publishInterval, 3);
  assertEquals(read("publishInterval=-1").publishInterval, 10);
  assertEquals(read("publishInterval=0;lagTime=0").publishInterval, 1);
  assertEquals(read("publishInterval=-1;lagTime=-1").publishInterval, 1);
});

Deno.test("the data channel's port has two names", () => {
  assertEquals(read("dataChannel={port=9191}").dataChannel, { localPort: 9191, interface: "" });
  assertEquals(read("dataChannel={localPort=9191;port=1}").dataChannel?.localPort, 9191);
  assertEquals(read("dataChannel={}").dataChannel, undefined);
  for (const text of ["{interface=::}", "9191", "{port=0}", "{port=65536}", "{port=1.5}", "{port=x}"]) {
    assertSttpError("MalformedText", () => read(`dataChannel=${text}`));
  }
});

Deno.test("a value that is not of its kind is refused by name", () => {
  const wrong: [string, string][] = [
    ["throttled=maybe", 'throttled is "maybe", true or false expected'],
    ["includeTime=1.000000", "includeTime"],
    ["lagTime=ten", 'lagTime is "ten", a number expected'],
    ["publishInterval=NaN", "publishInterval"],
    ["leadTime=Infinity", "leadTime"],
    ["processingInterval=0.5", "processingInterval"],
    ["processingInterval=2147483648", "a whole number from -2147483648 to 2147483647"],
    ["bufferBlockRetransmissionTimeout=x", "bufferBlockRetransmissionTimeout"],
  ];
  for (const [text, message] of wrong) assertSttpError("MalformedText", () => read(text), message);
  assertEquals(read("processingInterval=-2147483648").processingInterval, -2147483648);
  assertEquals(read("processingInterval=-1.000000").processingInterval, -1);
});

Deno.test("the length must fit the body, and more is ignored", () => {
  const body = bodyOf("throttled=true");
  assertEquals(lengthsAccepted(body, (cut) => decodeSubscribe(cut, "utf-8")), []);
  assertSttpError("MalformedFrame", () => decodeSubscribe(body.subarray(0, 4), "utf-8"), "at least 5");
  assertSttpError(
    "MalformedFrame",
    () => decodeSubscribe(hex("02 ffffffff 00"), "utf-8"),
    "4294967295 bytes, 1 are",
  );
  assertEquals(decodeSubscribe(new Uint8Array([...body, 1, 2, 3]), "utf-8").throttled, true);
  corruptEachByte(body, (damaged) => decodeSubscribe(damaged, "utf-8"));
});

Deno.test("a body is read where it lies in a frame", () => {
  const frame = new Uint8Array([9, 9, 9, ...bodyOf("throttled=true"), 9]);
  assertEquals(decodeSubscribe(frame.subarray(3, frame.length - 1), "utf-8").throttled, true);
});

Deno.test("text comes in the session's encoding and in no other", () => {
  const text = "filterExpression={Device = '\u00fc'}";
  for (const encoding of ["utf-8", "utf-16le", "utf-16be"] as const) {
    assertEquals(decodeSubscribe(bodyOf(text, encoding), encoding).filterExpression, "Device = '\u00fc'");
  }
  assertSttpError("MalformedText", () => decodeSubscribe(hex("02 00000001 ff"), "utf-8"), "utf-8");
  assertSttpError("MalformedText", () => decodeSubscribe(hex("02 00000001 61"), "utf-16le"), "utf-16le");
});

Deno.test("limits hold", () => {
  const body = bodyOf("filterExpression=1234");
  assertEquals(decodeSubscribe(body, "utf-8", { filterLength: 4 }).filterExpression, "1234");
  assertSttpError("LimitExceeded", () => decodeSubscribe(body, "utf-8", { filterLength: 3 }), "4 characters");
  assertSttpError(
    "LimitExceeded",
    () => decodeSubscribe(body, "utf-8", { connectionStringLength: 20 }),
    "21 bytes",
  );
  const pairs = bodyOf(Array.from({ length: 1025 }, (_, i) => `k${i}=`).join(";"));
  assertSttpError("LimitExceeded", () => decodeSubscribe(pairs, "utf-8"), "1024 pairs");
  assertEquals(decodeSubscribe(pairs, "utf-8", { connectionStringPairs: 1025 }).extra.size, 1025);
});

Deno.test("what is not the filter expression is short", () => {
  const longest = "x".repeat(65_534);
  assertEquals(read(`x=${longest}`).extra.get("x"), longest);
  assertSttpError(
    "LimitExceeded",
    () => read(`x=${longest}x`),
    "settings besides the filter expression of 65537 characters, at most 65536 expected",
  );
  const filter = "y".repeat(100_000);
  assertEquals(read(`filterExpression=${filter};z=1`).filterExpression, filter);
  // Only one of them can be the filter.
  assertSttpError(
    "LimitExceeded",
    () => read(`filterExpression=${filter};inputMeasurementKeys=${filter}`),
    "besides",
  );
  const parameters = "p".repeat(4096);
  assertEquals(read(`timeConstraintParameters=${parameters}`).timeConstraintParameters, parameters);
  assertSttpError(
    "LimitExceeded",
    () => read(`timeConstraintParameters=${parameters}p`),
    "of 4097 characters",
  );
  const message = assertThrows(() => read(`dataChannel={x=${"y".repeat(60_000)}}`), Error).message;
  assertEquals(message.length < 100, true, message.slice(0, 200));
});

Deno.test("a subscription is written with everything that peers disagree on", () => {
  assertEquals(
    formatSubscription({ filterExpression: "FILTER ActiveMeasurements WHERE True" }),
    "throttled=false;publishInterval=1;includeTime=true;enableTimeReasonabilityCheck=false;lagTime=10;leadTime=5;" +
      "useLocalClockAsRealTime=false;processingInterval=-1;useMillisecondResolution=false;" +
      "requestNaNValueFilter=false;filterExpression=FILTER ActiveMeasurements WHERE True",
  );
  const body = encodeSubscribe({ filterExpression: "x=1", dataChannel: { localPort: 9191 } }, "utf-8");
  assertEquals(body[0], 2);
  assertEquals(new DataView(body.buffer).getUint32(1), body.length - 5);
  const text = new TextDecoder().decode(body.subarray(5));
  assertEquals(parseConnectionString(text).get("filterexpression"), "x=1");
  assertEquals(parseConnectionString(text).get("datachannel"), "localport=9191");
});

Deno.test("options that make no sense are refused", () => {
  const wrong: SubscriptionOptions[] = [
    { lagTime: -1 },
    { leadTime: NaN },
    { publishInterval: Infinity },
    { publishInterval: NaN },
    { bufferBlockRetransmissionTimeout: -1 },
    { processingInterval: 0.5 },
    { processingInterval: 2 ** 31 },
    { dataChannel: { localPort: 0 } },
    { dataChannel: { localPort: 65_536 } },
  ];
  for (const options of wrong) assertThrows(() => encodeSubscribe(options, "utf-8"), RangeError);
  assertThrows(() => encodeSubscribe({ filterExpression: "{" }, "utf-8"), TypeError, "filterExpression");
  assertThrows(() => encodeSubscribe({ extra: { "a=b": "" } }, "utf-8"), TypeError, "key");
  for (const key of ["throttled", "FilterExpression", "inputMeasurementKeys", "dataChannel"]) {
    assertThrows(
      () => encodeSubscribe({ extra: { [key]: "" } }, "utf-8"),
      TypeError,
      `"${key}" has a meaning`,
    );
  }
  assertThrows(
    () => encodeSubscribe({ extra: { x: 1 as never } }, "utf-8"),
    TypeError,
    '"x" must be a string',
  );
  const info = { source: "a", version: "1", updatedOn: "" };
  assertThrows(
    () => encodeSubscribe({ assemblyInfo: { ...info, author: "b" } as typeof info }, "utf-8"),
    TypeError,
    'no option "author"',
  );
  assertThrows(
    () => encodeSubscribe({ assemblyInfo: { ...info, version: 2 as never } }, "utf-8"),
    TypeError,
    '"version" must be a string, not number',
  );
});

Deno.test("any subscription is read as it was meant", () => {
  const seconds = fc.double({ min: 0, max: 1e9, noNaN: true });
  const text = fc.string({ unit: fc.constantFrom(..."abc'=;% \u00e4"), maxLength: 20 });
  const word = fc.string({ unit: fc.constantFrom(..."abc=;."), maxLength: 8 });
  const options = fc.record({
    filterExpression: text,
    throttled: fc.boolean(),
    publishInterval: seconds.filter((seconds) => seconds > 0),
    includeTime: fc.boolean(),
    enableTimeReasonabilityCheck: fc.boolean(),
    lagTime: seconds,
    leadTime: seconds,
    useLocalClockAsRealTime: fc.boolean(),
    useMillisecondResolution: fc.boolean(),
    requestNaNValueFilter: fc.boolean(),
    processingInterval: fc.integer(),
    startTimeConstraint: text,
    stopTimeConstraint: text,
    timeConstraintParameters: text,
    dataChannel: fc.record({ localPort: fc.integer({ min: 1, max: 65_535 }), interface: word }),
    bufferBlockRetransmissionTimeout: seconds,
    assemblyInfo: fc.record({ source: word, version: word, updatedOn: word }),
    extra: fc.dictionary(fc.stringMatching(/^x[a-z]{0,5}$/), text),
  }, { requiredKeys: [] });
  const encoding = fc.constantFrom<TextEncoding>("utf-8", "utf-16le", "utf-16be");
  fc.assert(fc.property(options, encoding, (options, encoding) => {
    const request = decodeSubscribe(encodeSubscribe(options as SubscriptionOptions, encoding), encoding);
    const { text, extra, ...settings } = request;
    const expected = { ...DEFAULTS, ...options };
    assertEquals(
      settings,
      Object.fromEntries(Object.keys(settings).map((key) => [key, Reflect.get(expected, key)])),
    );
    assertEquals(Object.fromEntries(extra), { ...options.extra });
    assertEquals(text, formatSubscription(options as SubscriptionOptions));
  }));
});
