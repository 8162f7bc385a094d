import { assertEquals } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { withValues } from "./der.ts";
import { serverCertificate } from "./tls_session.ts";

const der = new Uint8Array(new X509Certificate(serverCertificate).raw);

Deno.test("DER: the same values make the same bytes", () => {
  assertEquals(withValues(der, (value) => value), der);
});

Deno.test("DER: a longer value leaves the rest as it was", () => {
  const serials: number[] = [];
  for (const length of [1, 100, 200, 1000]) {
    const changed = withValues(der, (value, n) => n === 1 ? new Uint8Array(length).fill(0x17) : value);
    const { serialNumber, subject } = new X509Certificate(changed);
    serials.push(serialNumber.length / 2);
    assertEquals(subject, "CN=server");
  }
  assertEquals(serials, [1, 100, 200, 1000]);
});
