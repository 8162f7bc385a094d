/** `sttp certificates` as a program. */
import { assertEquals, assertMatch } from "@std/assert";
import { Publisher, Subscriber, type TlsOptions } from "../../mod.ts";
import { withFolder } from "../support/folder.ts";
import { sttp } from "../support/sttp.ts";

Deno.test("certificates are made for two peers that trust each other, are shown, and are never written over", () =>
  withFolder(async (folder) => {
    const made = await sttp(["certificates", "--make", folder, "--days", "30", "--json"]);
    assertEquals(made.code, 0, made.stderr);
    const files = made.stdout.trimEnd().split("\n").map((line) =>
      JSON.parse(line).file.slice(folder.length + 1)
    );
    assertEquals(files, [
      "ca.pem",
      "ca.key",
      "publisher.pem",
      "publisher.key",
      "subscriber.pem",
      "subscriber.key",
    ]);
    if (Deno.build.os !== "windows") {
      assertEquals((await Deno.stat(`${folder}/publisher.key`)).mode! & 0o777, 0o600);
    }
    const read = (name: string): Promise<string> => Deno.readTextFile(`${folder}/${name}`);
    const tlsOf = async (name: string): Promise<TlsOptions> => ({
      certificate: await read(`${name}.pem`),
      key: await read(`${name}.key`),
      ca: await read("ca.pem"),
    });
    await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", tls: await tlsOf("publisher") });
    await publisher.start();
    await using subscriber = new Subscriber({ tls: await tlsOf("subscriber") });
    await subscriber.connect(publisher.address);
    assertEquals(publisher.stats().open[0]?.certificate?.name, "subscriber");

    const shown = await sttp(["certificates", "--json", `${folder}/publisher.pem`, `${folder}/ca.pem`]);
    const [own, ca] = shown.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals([own.subject, own.issuer, own.hosts, own.valid, own.authority, own.selfSigned, own.key], [
      "CN=publisher",
      "CN=STTP test authority",
      ["localhost", "127.0.0.1", "::1"],
      true,
      false,
      false,
      "ec prime256v1",
    ]);
    assertEquals([ca.authority, ca.selfSigned, own.daysLeft], [true, true, 29]);
    const text = await sttp(["certificates", `${folder}/ca.pem`]);
    assertMatch(text.stdout, /subject {6}CN=STTP test authority\n {2}issuer {7}itself\n/);

    const key = await read("ca.key");
    const again = await sttp(["certificates", "--make", folder]);
    assertEquals(again.code, 1);
    assertMatch(again.stderr, /exists/i);
    assertEquals(await read("ca.key"), key);
  }));

Deno.test("wrong certificates and wrong names are told", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/x.pem`,
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    const cases: [string[], number, RegExp][] = [
      [["certificates"], 2, /either files to show or --make/],
      [["certificates", `${folder}/x.pem`], 5, /x\.pem is not a certificate in PEM/],
      [["certificates", `${folder}/none.pem`], 1, /No such file|cannot find/],
      [["certificates", "--make", folder, "--name", "../evil"], 2, /--name is "\.\.\/evil"/],
      [["certificates", "--make", folder, "--name", "ca"], 2, /and not ca/],
      [["certificates", "--make", `${folder}/made`, "--host", "a:b:c:zz"], 2, /--host/],
    ];
    for (const [args, code, expected] of cases) {
      const finished = await sttp(args);
      assertEquals(finished.code, code, finished.stderr);
      assertMatch(finished.stderr, expected);
    }
  }));
