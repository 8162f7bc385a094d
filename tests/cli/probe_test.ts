/** `sttp probe` as a program, at publishers of several kinds. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ProbeReport } from "../../cli/probe/report.ts";
import type { Finding, Severity } from "../../cli/probe/verdict.ts";
import { CertificateAuthority, Publisher, Ticks } from "../../mod.ts";
import { Meeting, metadataOf, until } from "../integration/support.ts";
import { withFolder } from "../support/folder.ts";
import { sttp } from "../support/sttp.ts";

interface Probed extends ProbeReport {
  readonly severity: Severity;
  readonly findings: readonly Finding[];
}

async function probe(...args: string[]): Promise<{ code: number; report: Probed }> {
  const { code, stdout, stderr } = await sttp(["probe", "--json", ...args]);
  assert(stdout !== "", stderr);
  return { code, report: JSON.parse(stdout) };
}

/** Publishes present values until it is disposed of. */
function publishing(publisher: Publisher): Disposable {
  const timer = setInterval(() => {
    const ticks = Ticks.now();
    const measurements = publisher.filterMetadata("True").map(({ signalId }) => ({
      signalId,
      ticks,
      value: 1,
      flags: 0,
    }));
    publisher.publishMeasurements(measurements);
  }, 20);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

Deno.test("a publisher that is well: versions, encodings, forms, metadata, figures", async () => {
  await using meeting = await Meeting.start(20);
  using _publishing = publishing(meeting.publisher);
  const { code, report } = await probe(
    meeting.publisher.address,
    "--duration",
    "200ms",
    "--critical-age",
    "1h",
  );
  assertEquals([code, report.severity, report.findings, report.problem], [0, "ok", [], null]);
  assertEquals(report.versions.map(({ version, answer }) => [version, answer]), [
    [3, "accepted"],
    [2, "accepted"],
    [1, "accepted"],
  ]);
  for (const { answer, text } of report.encodings) {
    assertEquals(answer, "accepted");
    assertMatch(text, /^Operational modes of STTP version 3/);
  }
  assertEquals(report.encodings.map(({ encoding }) => encoding), ["utf-8", "utf-16le", "utf-16be"]);
  const { metadata, subscription, data } = report.session!;
  assert("tables" in metadata);
  assertEquals([metadata.gzip, metadata.tables], [true, { DeviceDetail: 2, MeasurementDetail: 20 }]);
  assertEquals([subscription?.signals, subscription?.unauthorized], [20, 0]);
  assertEquals([data.format, data.signals, data.dropped], ["TSSC", 20, {}]);
  assert(data.ageMilliseconds !== null && data.firstMilliseconds !== null);
  assertEquals([report.compact, report.udp], [{ works: true, problem: null }, {
    works: true,
    problem: null,
  }]);

  const { code: textCode, stdout } = await sttp([
    "probe",
    meeting.publisher.address,
    "--quick",
    "--duration",
    "1s",
  ]);
  assertEquals(textCode, 0);
  assertMatch(
    stdout,
    /^STTP OK - 127\.0\.0\.1:\d+ is well \| connect=[\d.]+ms .*rate=[\d.]+ age=[\d.]+ms signals=20\n/,
  );
  assertMatch(stdout, /\nMetadata {5}[\d,]+ bytes, gzipped/);
});

Deno.test("a publisher that sends nothing is a warning, and critical where data must come", async () => {
  await using meeting = await Meeting.start(10);
  const quiet = [meeting.publisher.address, "--quick", "--wait", "100ms"];
  const warned = await probe(...quiet);
  assertEquals([warned.code, warned.report.findings.map(({ message }) => message)], [1, [
    "no data in 0.1 s",
  ]]);
  assertEquals((await probe(...quiet, "--critical-age", "1s")).code, 2);
  const nothing = await probe(...quiet, "--filter", "FILTER ActiveMeasurements WHERE False");
  assertEquals([nothing.code, nothing.report.findings[0]?.message], [1, "it grants no signals"]);
  const refused = await probe(...quiet, "--filter", "FILTER WHERE");
  assertEquals([refused.code, refused.report.session], [2, null]);
  assertMatch(refused.report.problem!, /refused to subscribe/);
});

Deno.test("certificates: trusted, about to expire, not trusted", () =>
  withFolder(async (folder) => {
    const authority = await CertificateAuthority.create();
    const validTo = new Date(Date.now() + 5.5 * 86_400_000);
    const server = await authority.issue({ name: "west", validTo });
    await Deno.writeTextFile(`${folder}/ca.pem`, authority.certificate);
    await Deno.writeTextFile(`${folder}/other.pem`, (await CertificateAuthority.create()).certificate);
    await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", tls: server });
    publisher.defineMetadata(metadataOf(10));
    await publisher.start();
    using _publishing = publishing(publisher);

    const arguments_ = [`localhost:${publisher.port}`, "--quick", "--duration", "200ms"];
    const soon = await probe(...arguments_, "--ca", `${folder}/ca.pem`);
    assertEquals([soon.code, soon.report.findings.map(({ message }) => message)], [1, [
      "its certificate expires in 5 days",
    ]]);
    const { certificate, trusted } = soon.report.tls!;
    assertEquals([trusted, certificate?.subject, certificate?.hosts[0]], [true, "CN=west", "localhost"]);
    assert(soon.report.session!.data.ageMilliseconds !== null);
    assertEquals((await probe(...arguments_, "--ca", `${folder}/ca.pem`, "--warning-days", "2")).code, 0);

    const foreign = await probe(...arguments_, "--ca", `${folder}/other.pem`);
    assertEquals([foreign.code, foreign.report.tls?.trusted, foreign.report.session], [2, false, null]);
    assertEquals(foreign.report.tls?.certificate?.subject, "CN=west");
    assertMatch(foreign.report.findings[0]!.message, /comes from no trusted authority/);
    assertEquals(foreign.report.findings.map(({ severity }) => severity), ["critical", "warning"]);
  }));

Deno.test("nobody, somebody who says nothing, and somebody who speaks something else are critical", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  let greeting = "";
  const open: Deno.Conn[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      if (greeting !== "") await connection.write(new TextEncoder().encode(greeting)).catch(() => {});
    }
  })();
  try {
    const silent = await probe(address, "--timeout", "200ms");
    assertEquals([silent.code, silent.report.versions.map(({ answer }) => answer)], [2, [
      "silent",
      "silent",
      "silent",
    ]]);
    greeting = "HTTP/1.1 400 Bad Request\r\n\r\n";
    const web = await probe(address);
    assertEquals([web.code, web.report.versions[0]?.answer], [2, "failed"]);
  } finally {
    listener.close();
    await serving;
    for (const connection of open) connection.close();
  }
  const nobody = await probe(address);
  assertEquals([nobody.code, nobody.report.versions], [2, []]);
  assertMatch(nobody.report.problem!, /no connection to/);
});

Deno.test("a publisher that goes while it is looked at is critical", async () => {
  await using meeting = await Meeting.start(10);
  const { publisher } = meeting;
  const probing = probe(publisher.address, "--quick", "--wait", "1h");
  await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
  await publisher.stop({ drain: 0 });
  const { code, report } = await probing;
  assertEquals([code, report.session], [2, null]);
  assertMatch(report.problem!, /closed the connection|connection lost|connection to/i);
});
