import { assert, assertEquals, assertThrows } from "@std/assert";
import { AddressRanges } from "./address_ranges.ts";

function inRange(range: string, host: string): boolean {
  return new AddressRanges([range]).has(host);
}

Deno.test("addresses, in whatever spelling", () => {
  assert(inRange("192.0.2.7", "192.0.2.7"));
  assert(!inRange("192.0.2.7", "192.0.2.8"));
  assert(inRange("192.0.2.7", "::ffff:192.0.2.7"));
  assert(inRange("::ffff:c000:207", "192.0.2.7"));
  assert(inRange("2001:db8::1", "2001:0DB8:0:0::0001"));
  assert(inRange("fe80::1", "fe80::1%eth0"));
  assert(!inRange("2001:db8::1", "2001:db8::2"));
});

Deno.test("ranges, on and off the edges of bytes", () => {
  assert(inRange("10.0.0.0/8", "10.255.255.255"));
  assert(!inRange("10.0.0.0/8", "11.0.0.0"));
  assert(inRange("172.16.0.0/12", "172.31.255.255"));
  assert(!inRange("172.16.0.0/12", "172.32.0.0"));
  assert(inRange("192.0.2.6/31", "192.0.2.7"));
  assert(inRange("192.0.2.7/32", "192.0.2.7"));
  assert(inRange("10.1.2.3/8", "10.9.9.9"), "the bits behind the prefix do not count");
  assert(inRange("2001:db8::/32", "2001:db8:ffff::1"));
  assert(!inRange("2001:db8::/33", "2001:db8:8000::"));
  assert(inRange("2001:db8::/33", "2001:db8:7fff::"));
  assert(inRange("2001:db8::1/128", "2001:db8::1"));
});

Deno.test("a range without bits is all of its family, and no more", () => {
  assert(inRange("0.0.0.0/0", "203.0.113.9"));
  assert(inRange("0.0.0.0/0", "::ffff:203.0.113.9"));
  assert(!inRange("0.0.0.0/0", "::1"));
  assert(inRange("::/0", "::1"));
  assert(!inRange("::/0", "203.0.113.9"), "IPv4 has a range of its own");
  assert(inRange("::ffff:0:0/96", "203.0.113.9"));
  assert(inRange("::ffff:10.0.0.0/104", "10.200.0.1"));
});

Deno.test("what is no address is in no range", () => {
  const everything = new AddressRanges(["0.0.0.0/0", "::/0"]);
  for (
    const host of ["memory", "localhost", "", "10.0.0", "10.0.0.256", "1:2:3", "::1::", "10.0.0.1.example"]
  ) {
    assertEquals(everything.has(host), false, host);
  }
});

Deno.test("what is no range is refused", () => {
  const wrong = [
    "",
    "localhost",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0.0/",
    "::ffff:10.0.0.0/64",
  ];
  for (const text of wrong) assertThrows(() => new AddressRanges([text]), TypeError, `"${text}"`);
});
