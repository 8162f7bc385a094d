import { assertEquals, assertThrows } from "@std/assert";
import { checkUdpOptions, type PublisherUdpOptions } from "./udp_options.ts";

Deno.test("defaults of UDP; datagrams leave from where the publisher listens", () => {
  assertEquals(checkUdpOptions(undefined, "192.0.2.1"), {
    hostname: "192.0.2.1",
    port: 0,
    maxDatagramLength: 32_768,
    encrypt: false,
    keyRotationInterval: 60_000,
    queueLimit: 4_194_304,
  });
  assertEquals(checkUdpOptions({}, "localhost")?.hostname, "0.0.0.0");
  assertEquals(checkUdpOptions({ hostname: "::1" }, "0.0.0.0")?.hostname, "::1");
  assertEquals(checkUdpOptions(false, "0.0.0.0"), undefined);
});

Deno.test("options of UDP that make no sense are refused by name", () => {
  const wrong: [PublisherUdpOptions, RegExp][] = [
    [{ port: 65_536 }, /udp\.port/],
    [{ port: 1.5 }, /udp\.port/],
    [{ maxDatagramLength: 511 }, /udp\.maxDatagramLength/],
    [{ maxDatagramLength: 32_769 }, /udp\.maxDatagramLength/],
    [{ keyRotationInterval: 999 }, /udp\.keyRotationInterval/],
    [{ queueLimit: 32_767 }, /udp\.queueLimit/],
  ];
  for (const [options, message] of wrong) {
    const error = assertThrows(() => checkUdpOptions(options, "0.0.0.0"), RangeError);
    assertEquals(message.test(error.message), true, error.message);
  }
  for (const options of [{ hostname: "example.org" }, { encrypt: "yes" }, { encrypted: true }, 7]) {
    assertThrows(() => checkUdpOptions(options as PublisherUdpOptions, "0.0.0.0"), TypeError);
  }
});
