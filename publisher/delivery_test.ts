import { assertEquals, assertNotEquals } from "@std/assert";
import { encryptedLength } from "../transport/cipher.ts";
import { DefaultOperationalModes } from "../transport/wire/operational_modes.ts";
import { decodeSubscribe, encodeSubscribe, type SubscriptionOptions } from "../transport/wire/subscribe.ts";
import { type Delivery, deliveryKey, deliveryOf, type NaNValueFilter } from "./delivery.ts";

function deliver(
  options: SubscriptionOptions,
  tssc: boolean,
  nanValueFilter: NaNValueFilter = "allow",
): Delivery {
  const request = decodeSubscribe(encodeSubscribe(options, "utf-8"), "utf-8");
  return deliveryOf(request, { ...DefaultOperationalModes, tssc }, nanValueFilter);
}

Deno.test("TSSC needs both of its bits", () => {
  const request = decodeSubscribe(encodeSubscribe({}, "utf-8"), "utf-8");
  const both = deliveryOf(request, DefaultOperationalModes, "allow");
  const noKind = deliveryOf(request, { ...DefaultOperationalModes, tssc: false }, "allow");
  const noPayload = deliveryOf(request, { ...DefaultOperationalModes, compressPayloadData: false }, "allow");
  assertEquals([both.tssc, noKind.tssc, noPayload.tssc], [true, false, false]);
});

Deno.test("settings that make no difference do not keep subscriptions apart", () => {
  const plain = deliveryKey(deliver({}, true));
  for (
    const options of [
      { includeTime: false },
      { useMillisecondResolution: true },
      { lagTime: 3, leadTime: 4, enableTimeReasonabilityCheck: true },
      { publishInterval: 7 },
      { useLocalClockAsRealTime: true },
      { assemblyInfo: { source: "x", version: "1", updatedOn: "" } },
    ] satisfies SubscriptionOptions[]
  ) {
    assertEquals(deliveryKey(deliver(options, true)), plain, JSON.stringify(options));
  }
  const throttled = deliveryKey(deliver({ throttled: true }, true));
  assertEquals(deliveryKey(deliver({ throttled: true, lagTime: 3 }, true)), throttled);
});

Deno.test("settings that make a difference do", () => {
  const plain = deliveryKey(deliver({}, false));
  for (
    const options of [
      { includeTime: false },
      { useMillisecondResolution: true },
      { useLocalClockAsRealTime: true },
      { throttled: true },
      { requestNaNValueFilter: true },
      { assemblyInfo: { source: "STTP Python Library", version: "0.7.6", updatedOn: "2026-05-30" } },
    ] satisfies SubscriptionOptions[]
  ) {
    assertNotEquals(deliveryKey(deliver(options, false)), plain, JSON.stringify(options));
  }
  const checked = { throttled: true, enableTimeReasonabilityCheck: true };
  assertNotEquals(
    deliveryKey(deliver(checked, true)),
    deliveryKey(deliver({ ...checked, lagTime: 3 }, true)),
  );
});

Deno.test("the publisher may forbid or force the NaN filter", () => {
  const asked = { requestNaNValueFilter: true };
  assertEquals(deliver(asked, true, "allow").withoutNaN, true);
  assertEquals(deliver({}, true, "allow").withoutNaN, false);
  assertEquals(deliver(asked, true, "forbid").withoutNaN, false);
  assertEquals(deliver({}, true, "force").withoutNaN, true);
});

Deno.test("throttle intervals are seconds, within what a timer should do", () => {
  const interval = (publishInterval: number) =>
    deliver({ throttled: true, publishInterval }, true).throttle?.interval;
  assertEquals([interval(2.5), interval(0.000001), interval(1e9)], [2500, 10, 86_400_000]);
});

Deno.test("over UDP packets are compact and fit the datagram, encrypted ones too", () => {
  const request = decodeSubscribe(encodeSubscribe({}, "utf-8"), "utf-8");
  for (const length of [512, 1400, 1401, 9000, 32_768]) {
    const { tssc, packetLimit } = deliveryOf(request, DefaultOperationalModes, "allow", length);
    assertEquals(tssc, false);
    // A response's header and the packet's flags stay outside what is encrypted.
    assertEquals(6 + 1 + encryptedLength(packetLimit - 1) <= length, true, `${packetLimit} in ${length}`);
    assertEquals(6 + 1 + encryptedLength(packetLimit) > length, true, `${packetLimit} in ${length}`);
  }
});

Deno.test("over UDP and TCP the same compact packets go out, unless a size was asked for", () => {
  const overTcp = deliver({}, false);
  const request = decodeSubscribe(encodeSubscribe({}, "utf-8"), "utf-8");
  const key = (length: number): string =>
    deliveryKey(deliveryOf(request, DefaultOperationalModes, "allow", length));
  assertEquals(key(32_768), deliveryKey(overTcp));
  assertNotEquals(key(1400), deliveryKey(overTcp));
});
