import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { CertificateAuthority, createTestCertificates } from "./certificates.ts";
import { certificateFingerprint, checkTlsOptions, type TlsOptions, TlsProvider } from "./tls_options.ts";

const { authority, server, client } = await createTestCertificates();
const other = await CertificateAuthority.create({ name: "another" });

Deno.test("without options: nothing to show, the system's authorities, TLS 1.3", () => {
  assertEquals(checkTlsOptions({}), {
    own: undefined,
    ca: undefined,
    trusted: undefined,
    serverName: undefined,
    minVersion: "TLSv1.3",
  });
});

Deno.test("all options", () => {
  const settings = checkTlsOptions({
    ...server,
    ca: [authority.certificate, other.certificate],
    trustedCertificates: [client.certificate],
    serverName: "pdc.example",
    minVersion: "1.2",
  });
  assertEquals(settings.own?.certificate, server.certificate);
  assertEquals(settings.own?.key.replaceAll("\n", ""), server.key.replaceAll("\n", ""));
  assertEquals(settings.ca?.length, 2);
  assertEquals([...settings.trusted!], [certificateFingerprint(client.certificate)]);
  assertEquals([settings.serverName, settings.minVersion], ["pdc.example", "TLSv1.2"]);
});

Deno.test("one text may hold several authorities, and a certificate those behind it", () => {
  const text = `Some words\n${authority.certificate}\n${other.certificate}`;
  assertEquals(checkTlsOptions({ ca: text }).ca?.length, 2);
  assertEquals(checkTlsOptions({ ca: [text, text] }).ca?.length, 4);
  const chain = server.certificate + authority.certificate;
  assertEquals(checkTlsOptions({ ...server, certificate: chain }).own?.certificate, chain);
});

Deno.test("a trusted certificate is a text or a fingerprint in any form", () => {
  const x509 = new X509Certificate(client.certificate);
  const fingerprint = certificateFingerprint(client.certificate);
  assertEquals(fingerprint.length, 64);
  const forms = [fingerprint, fingerprint.toUpperCase(), x509.fingerprint256, ` ${fingerprint}\n`];
  for (const form of [...forms, client.certificate]) {
    assertEquals([...checkTlsOptions({ trustedCertificates: [form] }).trusted!], [fingerprint]);
  }
  assertEquals(checkTlsOptions({ trustedCertificates: [] }).trusted, new Set());
});

Deno.test("a key with a password", () => {
  const encrypted = createPrivateKey(server.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "secret",
  }) as string;
  const options = { certificate: server.certificate, key: encrypted };
  const { own } = checkTlsOptions({ ...options, passphrase: "secret" });
  assertEquals(own?.key.replaceAll("\n", ""), server.key.replaceAll("\n", ""));
  assertThrows(() => checkTlsOptions(options), TypeError, "passphrase");
  assertThrows(() => checkTlsOptions({ ...options, passphrase: "wrong" }), TypeError, "passphrase");
});

Deno.test("what is said of a key that can't be used tells nothing of it, nor of its passphrase", () => {
  const passphrase = "correct horse battery staple";
  const encrypted = createPrivateKey(server.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase,
  }) as string;
  const wrong: TlsOptions[] = [
    { ...server, key: encrypted, passphrase: passphrase.toUpperCase() },
    { ...server, key: encrypted },
    { ...server, key: server.key.replace("-----END", "END") },
    { ...server, key: server.key.replace(/\n.../, "\n!!!") },
    { ...server, key: client.key, passphrase },
    { ...server, certificate: server.key },
    { ca: server.key },
    { trustedCertificates: [server.key] },
  ];
  for (const options of wrong) {
    // With its stack and what caused it.
    const told = Deno.inspect(assertThrows(() => checkTlsOptions(options), TypeError));
    assertEquals(new RegExp(passphrase, "i").test(told), false, told);
    for (const key of [server.key, client.key, encrypted]) {
      for (const line of key.split("\n").slice(1, -2)) assertEquals(told.includes(line), false, told);
    }
  }
});

Deno.test("what can't be used is refused before anybody connects", () => {
  const wrong: [unknown, string][] = [
    [null, "must be an object"],
    ["tls", "must be an object"],
    [{ cert: server.certificate }, 'no option "cert"'],
    [{ certificate: 7 }, "must be a string"],
    [{ certificate: server.certificate }, "certificate is there alone"],
    [{ key: server.key }, "key is there alone"],
    [{ ...server, certificate: "text" }, "certificate is not a certificate in PEM"],
    [{ ...server, certificate: server.key }, "certificate is not"],
    [{ ...server, certificate: server.certificate.replace(/[A-Z]{3}/, "!!!") }, "certificate is not"],
    [{ ...server, key: "text" }, "key is not a private key"],
    [{ ...server, key: server.certificate }, "key is not a private key"],
    [{ ...server, key: client.key }, "key is not the key of certificate"],
    [{ ca: "" }, "ca is not a certificate"],
    [{ ca: [] }, "ca is empty"],
    [{ ca: [authority.certificate, "text"] }, "ca is not"],
    [{ ca: [7] }, '"ca" must be a list of texts'],
    [{ ca: {} }, '"ca" must be a list of texts'],
    [{ trustedCertificates: client.certificate }, '"trustedCertificates" must be a list'],
    [{ trustedCertificates: ["00ff"] }, "trustedCertificates has neither"],
    [{ trustedCertificates: [client.certificate + server.certificate] }, "several"],
    [{ minVersion: "1.1" }, "minVersion"],
    [{ minVersion: "TLSv1.3" }, "minVersion"],
    [{ serverName: 1 }, "serverName"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => checkTlsOptions(options as TlsOptions), TypeError, message);
  }
  assertThrows(() => certificateFingerprint("text"), TypeError);
});

Deno.test("settings are made once for options that stay the same", async () => {
  const provider = new TlsProvider({ ...server });
  assertStrictEquals(await provider.settings(), await provider.settings());
  assertThrows(() => new TlsProvider({ ...server, key: client.key }), TypeError);
});

Deno.test("a function is asked each time, and may fail", async () => {
  let options: TlsOptions = { ...server };
  let asked = 0;
  const provider = new TlsProvider(() => {
    asked++;
    return Promise.resolve({ ...options });
  });
  assertEquals(asked, 0);
  const first = await provider.settings();
  assertStrictEquals(await provider.settings(), first);
  options = { ...client };
  assertEquals((await provider.settings()).own?.certificate, client.certificate);
  options = { ...client, ca: "nothing" };
  await assertRejects(() => provider.settings(), TypeError, "ca");
  assertEquals(asked, 4);
  const failing = new TlsProvider(() => {
    throw new Deno.errors.NotFound("no such file");
  });
  await assertRejects(() => failing.settings(), Deno.errors.NotFound);
});
