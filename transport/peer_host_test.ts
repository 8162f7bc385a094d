import { assertEquals } from "@std/assert";
import { hostOf, networkOf } from "./peer_host.ts";

Deno.test("hosts have one spelling, and of IPv6 a network is one", () => {
  assertEquals(hostOf("[2001:DB8:0::1]:7165"), "2001:db8::1");
  assertEquals(hostOf("[::ffff:192.0.2.1]:7165"), "192.0.2.1");
  assertEquals(hostOf("what is no address"), "what is no address");
  const network = networkOf("2001:db8:1:2::1");
  assertEquals(network, networkOf("2001:db8:1:2:3:4:5:6"));
  assertEquals(network === networkOf("2001:db8:1:3::1"), false);
  for (const other of ["192.0.2.1", "localhost", "what is no address"]) assertEquals(networkOf(other), other);
});
