import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { isInstalled, unless } from "../tests/support/programs.ts";
import { CertificateAuthority, createSelfSignedCertificate, createTestCertificates } from "./certificates.ts";

const hasOpenssl = await isInstalled("openssl");

Deno.test("test certificates: an authority that vouches for a server and a client", async () => {
  const { authority, server, client } = await createTestCertificates();
  const ca = new X509Certificate(authority.certificate);
  assert(ca.ca);
  assertEquals(ca.subject, "CN=STTP test authority");
  assert(ca.checkPrivateKey(createPrivateKey(authority.key)));
  for (const [name, { certificate, key }] of Object.entries({ server, client })) {
    const x509 = new X509Certificate(certificate);
    assertEquals([x509.subject, x509.issuer, x509.ca], [`CN=${name}`, ca.subject, false]);
    assert(x509.checkPrivateKey(createPrivateKey(key)));
    assert(x509.checkIssued(ca));
    assert(x509.verify(ca.publicKey));
    const days = (x509.validToDate.getTime() - x509.validFromDate.getTime()) / 86_400_000;
    assertEquals([days, x509.validFromDate.getTime() < Date.now()], [365, true]);
    assertEquals(["127.0.0.1", "::1"].map((address) => x509.checkIP(address)), ["127.0.0.1", "::1"]);
    assertEquals(x509.checkHost("localhost"), "localhost");
  }
  assertNotEquals(server.key, client.key);
  assertNotEquals(new X509Certificate(server.certificate).serialNumber, ca.serialNumber);
});

Deno.test("what a certificate says: name, hosts, time of validity before and after 2050", async () => {
  const authority = await CertificateAuthority.create({ name: "Straße" });
  const { certificate } = await authority.issue({
    name: "SHELBY «1»",
    hosts: ["pdc.example", "192.0.2.1", "2001:db8::7", "::"],
    validFrom: new Date("2020-02-03T04:05:06.789Z"),
    validTo: new Date("2060-02-03T04:05:06.789Z"),
  });
  const x509 = new X509Certificate(certificate);
  assertEquals(x509.subject, "CN=SHELBY «1»");
  assertEquals(x509.issuer, "CN=Straße");
  assertEquals(x509.validFromDate, new Date("2020-02-03T04:05:06Z"));
  assertEquals(x509.validToDate, new Date("2060-02-03T04:05:06Z"));
  const addresses = ["192.0.2.1", "2001:db8::7", "::", "::1"];
  assertEquals(addresses.map((address) => x509.checkIP(address)), [
    "192.0.2.1",
    "2001:db8::7",
    "::",
    undefined,
  ]);
  assertEquals(["pdc.example", "localhost"].map((host) => x509.checkHost(host)), ["pdc.example", undefined]);
});

Deno.test("a certificate that vouches for itself", async () => {
  const { certificate, key } = await createSelfSignedCertificate({ name: "alone" });
  const x509 = new X509Certificate(certificate);
  assertEquals([x509.subject, x509.issuer], ["CN=alone", "CN=alone"]);
  assert(x509.verify(x509.publicKey));
  assert(x509.checkPrivateKey(createPrivateKey(key)));
});

Deno.test("a certificate that nobody could use is not made", async () => {
  const authority = await CertificateAuthority.create();
  await assertRejects(() => authority.issue({ name: "" }), TypeError, "name");
  await assertRejects(() => CertificateAuthority.create({ name: "" }), TypeError, "name");
  const validTo = new Date("2001-01-01");
  await assertRejects(() => authority.issue({ name: "x", validTo }), RangeError, "2001");
  await assertRejects(() => createSelfSignedCertificate({ name: "x", validTo }), RangeError);
});

Deno.test({
  name: `openssl takes a certificate for its purpose, and no other${unless(hasOpenssl, "openssl")}`,
  ignore: !hasOpenssl,
  async fn(): Promise<void> {
    const folder = await Deno.makeTempDir();
    try {
      const authority = await CertificateAuthority.create();
      const write = (name: string, text: string): Promise<void> =>
        Deno.writeTextFile(`${folder}/${name}`, text);
      await write("ca.pem", authority.certificate);
      const verify = async (name: string, purpose: string): Promise<string> => {
        const { stdout, stderr } = await new Deno.Command("openssl", {
          args: ["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", purpose, `${name}.pem`],
          cwd: folder,
        }).output();
        return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      };
      for (const usage of ["server", "client", "both"] as const) {
        await write(`${usage}.pem`, (await authority.issue({ name: usage, usage })).certificate);
        for (const purpose of ["server", "client"]) {
          const expected = usage === "both" || usage === purpose ? /: OK/ : /unsuitable certificate purpose/;
          assertMatch(await verify(usage, `ssl${purpose}`), expected);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
