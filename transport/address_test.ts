import { assertEquals, assertThrows } from "@std/assert";
import { canonicalHost, formatHostPort, parseHostPort, parseTarget } from "./address.ts";

Deno.test("host and port are taken apart", () => {
  const addresses: [string, string, number][] = [
    ["localhost:7175", "localhost", 7175],
    [" localhost:7175 ", "localhost", 7175],
    ["192.0.2.1:0", "192.0.2.1", 0],
    ["grid-1.example.org:65535", "grid-1.example.org", 65535],
    ["[::1]:7165", "::1", 7165],
    ["[fe80::1%eth0]:7165", "fe80::1%eth0", 7165],
    [":7165", "localhost", 7165],
  ];
  for (const [text, hostname, port] of addresses) {
    assertEquals(parseHostPort(text), { hostname, port });
    assertEquals(parseHostPort(text, 1), { hostname, port });
  }
});

Deno.test("without a port the default is taken", () => {
  const addresses: [string, string][] = [
    ["localhost", "localhost"],
    ["192.0.2.1", "192.0.2.1"],
    ["[::1]", "::1"],
    ["::1", "::1"],
    ["::", "::"],
    ["2001:db8::7", "2001:db8::7"],
  ];
  for (const [text, hostname] of addresses) {
    assertEquals(parseHostPort(text, 7165), { hostname, port: 7165 });
    assertThrows(() => parseHostPort(text), TypeError, "names no port");
  }
});

Deno.test("what is not an address is refused", () => {
  const texts = [
    "",
    " ",
    ":",
    "host:",
    "host:x",
    "host:-1",
    "host:1:2",
    "a b:1",
    "[::1",
    "::1]:5",
    "[]:5",
    "[x]:5",
  ];
  for (const text of texts) assertThrows(() => parseHostPort(text, 7165), TypeError);
  assertThrows(() => parseHostPort("host:65536"), TypeError, "65535");
  assertThrows(() => parseHostPort("host:123456"), TypeError);
  assertThrows(() => parseHostPort("host", 65536), TypeError, "65535");
});

Deno.test("host and port are put together so that they can be taken apart", () => {
  assertEquals(formatHostPort("localhost", 7165), "localhost:7165");
  assertEquals(formatHostPort("::1", 7165), "[::1]:7165");
  assertEquals(parseHostPort(formatHostPort("2001:db8::7", 1)), { hostname: "2001:db8::7", port: 1 });
});

Deno.test("one spelling for each host", () => {
  for (
    const [host, expected] of [
      ["192.0.2.1", "192.0.2.1"],
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["::FFFF:c000:201", "192.0.2.1"],
      ["[::1]", "::1"],
      ["0:0:0:0:0:0:0:1", "::1"],
      ["2001:DB8::0:1", "2001:db8::1"],
      ["fe80::1%eth0", "fe80::1"],
      ["Example.Org", "example.org"],
      ["no:address", "no:address"],
    ] as const
  ) {
    assertEquals(canonicalHost(host), expected, host);
  }
});

Deno.test("nobody can be connected to at port 0", () => {
  assertEquals(parseTarget("localhost", 7165), { hostname: "localhost", port: 7165 });
  assertThrows(() => parseTarget("localhost:0", 7165), RangeError, "port 0");
});
