/** `sttp subscribe` and `sttp metadata` in processes of their own, with a publisher here. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { MemoryHistory } from "../../history/mod.ts";
import { DataSet } from "../../metadata/mod.ts";
import { Publisher } from "../../publisher/mod.ts";
import { Ticks } from "../../transport/mod.ts";
import { withFolder } from "../support/folder.ts";
import { Sttp, sttp } from "../support/sttp.ts";
import { testCertificates } from "../support/tls.ts";
import { Meeting, metadataOf, signalId, ticksOf, until, valueOf } from "../integration/support.ts";

const size = 20;

/** Waits for a child's subscription to be in force, so that nothing is published past it. */
async function subscribed({ publisher }: Meeting, running: Sttp): Promise<void> {
  const confirmed = until(() =>
    publisher.stats().open.some(({ subscription }) => subscription?.confirmed === true)
  );
  const ended = running.ended.then(({ stderr }) => {
    throw new Error(`ended without a subscription: ${stderr}`);
  });
  await Promise.race([confirmed, ended]);
}

interface Line {
  readonly signalId: string;
  readonly time: string;
  readonly value: number;
  readonly flags: number;
}

/** What rounds of a `Meeting` are in NDJSON, in any order. */
function linesOf(rounds: number): Line[] {
  const lines: Line[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < size; n++) {
      lines.push({
        signalId: signalId(n),
        time: Ticks.format(ticksOf(round)),
        value: valueOf(n, round),
        flags: n % 5 === 0 ? 0x8000_0001 : 0,
      });
    }
  }
  return sorted(lines);
}

function sorted(lines: Line[]): Line[] {
  return lines.sort((a, b) => a.value - b.value || a.time.localeCompare(b.time));
}

Deno.test("sttp subscribe: every measurement as NDJSON, until SIGTERM", async () => {
  await using meeting = await Meeting.start(size);
  await using running = Sttp.start("subscribe", meeting.publisher.address);
  await subscribed(meeting, running);
  await meeting.publish(50);
  await until(() => running.stdout.split("\n").length > 50 * size);
  const { code, stdout, stderr } = await running.terminate();
  assertEquals(code, 0, stderr);
  assertEquals(sorted(stdout.trim().split("\n").map((line) => JSON.parse(line))), linesOf(50));
  assertMatch(stderr, /^1,000 measurements of 20 signals in .* s \(.*\/s\), .* bytes each, lost 0\n$/);
});

Deno.test("sttp subscribe: ends after so many measurements; a filter; columns; --json tells the result", async () => {
  await using meeting = await Meeting.start(size);
  const filter = "FILTER ActiveMeasurements WHERE SignalType = 'FREQ' ORDER BY PointTag";
  const columns = "pointTag,signalType,unit,value,ticks";
  await using running = Sttp.start(
    ...[
      "subscribe",
      meeting.publisher.address,
      "-f",
      filter,
      "-o",
      "csv",
      "--columns",
      columns,
      "-n",
      "7",
      "--json",
    ],
  );
  await subscribed(meeting, running);
  // Two rounds of five signals.
  await meeting.publish(2);
  const { code, stdout, stderr } = await running.ended;
  assertEquals(code, 0, stderr);
  const [heading, ...lines] = stdout.trim().split("\n");
  assertEquals(heading, columns);
  assertEquals(lines.length, 7);
  for (const line of lines) {
    assertMatch(line, /^DEVICE[01]:\d+,FREQ,Hz,\d+,\d{18}$/);
    const [tag, , , value] = line.split(",");
    assertEquals(Math.floor(Number(value) / 100), Number(tag!.split(":")[1]));
  }
  const { result } = JSON.parse(stderr);
  assertEquals([result.measurements, result.lost], [7, 0]);
});

Deno.test("sttp subscribe: nobody there, and who refuses", async () => {
  // An address of its own: a port that is free again could become another test's.
  const taken = Deno.listen({ hostname: "127.0.0.78", port: 0 });
  const nobody = `127.0.0.78:${(taken.addr as Deno.NetAddr).port}`;
  taken.close();
  const unreachable = await sttp(["subscribe", nobody]);
  assertEquals([unreachable.code, unreachable.stdout], [7, ""]);
  assertMatch(unreachable.stderr, /^sttp: no connection to .* \(ConnectFailed\)\n$/);

  await using meeting = await Meeting.start(1, { maxConnections: 0 });
  const refused = await sttp(["subscribe", meeting.publisher.address, "--json"]);
  assertEquals(refused.code, 4, refused.stderr);
  assertEquals(JSON.parse(refused.stderr).error.code, "Refused");

  await using other = await Meeting.start(1);
  const filter = await sttp(["subscribe", other.publisher.address, "-f", "FILTER nothing"]);
  assertEquals([filter.code, filter.stdout], [4, ""]);
  assertMatch(filter.stderr, /there is no table nothing/);
});

Deno.test("sttp subscribe --once: the connection is lost; a file that was there is complete up to then", () =>
  withFolder(async (folder) => {
    await using meeting = await Meeting.start(size);
    const path = `${folder}/data.csv`;
    await using running = Sttp.start("subscribe", meeting.publisher.address, "--once", "-o", path);
    await subscribed(meeting, running);
    await meeting.publish(10);
    await meeting.publisher.stop();
    const { code, stderr } = await running.ended;
    assertEquals(code, 7, stderr);
    assertMatch(stderr, /sttp: .* \(ConnectionLost\)\n$/);
    assertEquals((await Deno.readTextFile(path)).trim().split("\n").length, 1 + 10 * size);
  }));

Deno.test("sttp subscribe --once --wait: waits for the publisher, and ends when it goes", async () => {
  // An address of its own, so that the port does not become another test's meanwhile.
  const hostname = Deno.build.os === "linux" ? "127.0.0.79" : "127.0.0.1";
  const taken = Deno.listen({ hostname, port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  taken.close();
  const args = ["subscribe", `${hostname}:${port}`, "--once", "--wait", "--log-level", "info"];
  await using running = Sttp.start(...args);
  await running.says(/subscriber\.reconnecting/);
  await using meeting = await Meeting.start(size, { hostname, port });
  await subscribed(meeting, running);
  await meeting.publish(1);
  await until(() => running.stdout.split("\n").length > size);
  await meeting.publisher.stop();
  const { code, stdout, stderr } = await running.ended;
  assertEquals(code, 7, stderr);
  assertMatch(stderr, /sttp: .* \(ConnectionLost\)\n$/);
  assertEquals(sorted(stdout.trim().split("\n").map((line) => JSON.parse(line))), linesOf(1));
});

Deno.test("sttp subscribe --once --listen: one publisher, and no other after it", async () => {
  await using running = Sttp.start("subscribe", "--listen", "127.0.0.1:0", "--once");
  const [, port] = await running.says(/^Listening on 127\.0\.0\.1:(\d+)\n/m);
  await using meeting = await Meeting.start(size, { listen: false });
  await using _link = meeting.publisher.connect(`127.0.0.1:${port}`);
  await subscribed(meeting, running);
  await meeting.publish(1);
  await until(() => running.stdout.split("\n").length > size);
  await meeting.publisher.stop();
  assertEquals((await running.ended).code, 7, running.stderr);
});

Deno.test("sttp subscribe: comes back after a lost connection, and says so", async () => {
  await using meeting = await Meeting.start(size);
  await using running = Sttp.start("subscribe", meeting.publisher.address, "--log-level", "info");
  await subscribed(meeting, running);
  await meeting.publish(1);
  await until(() => running.stdout.split("\n").length > size);
  meeting.publisher.disconnect(1);
  await running.says(/INFO +subscriber\.reconnecting/);
  await until(() =>
    meeting.publisher.stats().open.some(({ id, subscription }) => id > 1 && subscription?.confirmed)
  );
  await meeting.publish(1);
  await until(() => running.stdout.split("\n").length > 2 * size);
  const { code, stdout } = await running.terminate("SIGINT");
  assertEquals(code, 0);
  assertEquals(sorted(stdout.trim().split("\n").map((line) => JSON.parse(line))), linesOf(2));
});

Deno.test("sttp subscribe: files of every format", () =>
  withFolder(async (folder) => {
    await using meeting = await Meeting.start(size);
    const paths = ["data.ndjson", "data.parquet", "data.db"].map((name) => `${folder}/${name}`);
    const all = paths.map((path) =>
      Sttp.start("subscribe", meeting.publisher.address, "-o", path, "-n", String(10 * size), "--quiet")
    );
    try {
      const isReady = () =>
        meeting.publisher.stats().open.filter(({ subscription }) => subscription?.confirmed);
      await until(() => isReady().length === all.length);
      await meeting.publish(10);
      for (const running of all) {
        assertEquals(await running.ended, { code: 0, stdout: "", stderr: "" });
      }
    } finally {
      for (const running of all) await running[Symbol.asyncDispose]();
    }
    const [ndjson, parquet, sqlite] = paths as [string, string, string];
    const lines = (await Deno.readTextFile(ndjson)).trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(sorted(lines), linesOf(10));
    const bytes = await Deno.readFile(parquet);
    assertEquals(new TextDecoder().decode(bytes.slice(-4)), "PAR1");
    const database = new DatabaseSync(sqlite);
    const rows = database.prepare("SELECT signalId, time, value, flags FROM readable").all();
    assertEquals(
      sorted(rows.map((row) => ({ ...row }) as unknown as Line)),
      linesOf(10).map((line) => ({
        ...line,
        time: line.time.replace(/(\.\d*)?Z/, (_, f = ".") => `${f.padEnd(8, "0")}Z`),
      })),
    );
    database.close();
  }));

Deno.test({
  name: "sttp subscribe: SIGHUP is an end in order; the file is complete",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withFolder(async (folder) => {
      await using meeting = await Meeting.start(size);
      const path = `${folder}/data.parquet`;
      await using running = Sttp.start(
        "subscribe",
        meeting.publisher.address,
        "-o",
        path,
        "--progress",
        "50ms",
      );
      await subscribed(meeting, running);
      await meeting.publish(1);
      await running.says(/^20 measurements/m);
      const { code, stderr } = await running.terminate("SIGHUP");
      assertEquals(code, 0, stderr);
      assertEquals(new TextDecoder().decode((await Deno.readFile(path)).slice(-4)), "PAR1");
    }),
});

Deno.test("sttp subscribe --start: measurements of the past", async () => {
  const history = new MemoryHistory();
  await using meeting = await Meeting.start(size, { history });
  await meeting.publish(5);
  const args = ["--start", Ticks.format(ticksOf(1)), "--stop", Ticks.format(ticksOf(3))];
  const { code, stdout, stderr } = await sttp(["subscribe", meeting.publisher.address, ...args]);
  assertEquals(code, 0, stderr);
  const expected = linesOf(4).filter(({ time }) => time !== Ticks.format(ticksOf(0)));
  assertEquals(sorted(stdout.trim().split("\n").map((line) => JSON.parse(line))), expected);
  await history.close();
});

Deno.test("sttp subscribe --listen: the publisher connects", async () => {
  await using running = Sttp.start("subscribe", "--listen", "0", "-n", String(size));
  const [, port] = await running.says(/^Listening on .*:(\d+)\n/m);
  await using meeting = await Meeting.start(size, { listen: false });
  await using _link = meeting.publisher.connect(`127.0.0.1:${port}`);
  await subscribed(meeting, running);
  await meeting.publish(1);
  const { code, stdout, stderr } = await running.ended;
  assertEquals(code, 0, stderr);
  assertEquals(sorted(stdout.trim().split("\n").map((line) => JSON.parse(line))), linesOf(1));
});

Deno.test("sttp subscribe --json: every line on standard error is JSON", async () => {
  const args = ["subscribe", "--listen", "0", "--admin", "0", "--log-level", "info", "--json"];
  await using running = Sttp.start(...args);
  await running.says(/subscriber\.listening[^]*"listening"|"listening"[^]*subscriber\.listening/);
  const { code, stdout, stderr } = await running.terminate();
  assertEquals([code, stdout], [0, ""], stderr);
  const lines = stderr.trim().split("\n").map((line) => JSON.parse(line));
  assertMatch(lines.find(({ admin }) => admin !== undefined).admin, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  assertMatch(lines.find(({ listening }) => listening !== undefined).listening, /:\d+$/);
  assertEquals(lines.at(-1).result.measurements, 0);
});

Deno.test("sttp with TLS: certificates from files, and a publisher that is not trusted", () =>
  withFolder(async (folder) => {
    const { ca, server, client, otherAuthority } = await testCertificates();
    const path = (name: string): string => `${folder}/${name}`;
    await Deno.writeTextFile(path("ca.pem"), ca);
    await Deno.writeTextFile(path("other.pem"), otherAuthority.certificate);
    await Deno.writeTextFile(path("own.pem"), client.certificate);
    await Deno.writeTextFile(path("own.key"), client.key);
    const tls = { certificate: server.certificate, key: server.key, ca };
    await using meeting = await Meeting.start(size, { tls });
    const own = ["--certificate", path("own.pem"), "--key", path("own.key")];
    await using running = Sttp.start(
      ...["subscribe", meeting.publisher.address, "--ca", path("ca.pem"), ...own, "-n", String(size)],
    );
    await subscribed(meeting, running);
    await meeting.publish(1);
    const { code, stdout, stderr } = await running.ended;
    assertEquals(code, 0, stderr);
    assertEquals(stdout.trim().split("\n").length, size);
    const wrong = await sttp(["subscribe", meeting.publisher.address, "--ca", path("other.pem"), ...own]);
    assertEquals([wrong.code, wrong.stdout], [7, ""], wrong.stderr);
    assertMatch(wrong.stderr, /\(HandshakeFailed\)\n$/);
  }));

Deno.test("sttp metadata: shown, saved, compared, of a publisher and of a file", () =>
  withFolder(async (folder) => {
    await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
    publisher.defineMetadata(metadataOf(size));
    await publisher.start();
    const { address } = publisher;
    const path = `${folder}/metadata.xml`;
    const saved = await sttp(["metadata", address, "--save", path]);
    assertEquals([saved.code, saved.stderr], [0, `22 rows of 2 tables written to ${path}\n`]);
    assertEquals(
      (await DataSet.fromXml(await Deno.readTextFile(path))).table("MeasurementDetail")?.rowCount,
      size,
    );
    assertEquals([...Deno.readDirSync(folder)].length, 1);

    const shown = await sttp(["metadata", path]);
    assertMatch(shown.stdout, /^MeasurementDetail +20 +DeviceAcronym, ID/m);
    const tree = await sttp(["metadata", address, "--tree"]);
    assertMatch(tree.stdout, /^DEVICE0 {2}Device 0\n\u251c\u2500 DEVICE0:0 {2}FREQ {2}\(Hz\)/);
    assertEquals(tree.stdout.trim().split("\n").length, 22);
    const filter = "FILTER MeasurementDetail WHERE SignalAcronym = 'STAT'";
    const table = await sttp([
      "metadata",
      address,
      "--table",
      "MeasurementDetail",
      "--metadata-filter",
      filter,
      "--json",
    ]);
    assertEquals(JSON.parse(table.stdout).count, size / 4);

    assertEquals((await sttp(["metadata", path, "--diff", address])).stdout, "No difference.\n");
    publisher.defineMetadata(metadataOf(size, 1));
    const changed = await sttp(["metadata", path, "--diff", address]);
    assertEquals(changed.code, 6, changed.stderr);
    assertStringIncludes(changed.stdout, `  - DEVICE0:0  ${signalId(0)}\n`);
    assertStringIncludes(changed.stdout, `  + DEVICE2:20  ${signalId(20)}\n`);

    assertEquals((await sttp(["metadata", "-"], await Deno.readTextFile(path))).stdout, shown.stdout);
    const broken = await sttp(["metadata", "-"], "<Grid><oops");
    assertEquals([broken.code, broken.stdout], [5, ""]);
    assertMatch(broken.stderr, /\(InvalidMetadata\)\n$/);
    assert(
      (await sttp(["metadata", `${folder}/none.xml`])).stderr.includes("is neither a file nor an address"),
    );
  }));

Deno.test("sttp filter: what a publisher's metadata comes to, and the place of a mistake", async () => {
  await using meeting = await Meeting.start(size);
  const { address } = meeting.publisher;
  const found = await sttp(["filter", "SignalType = 'FREQ'", address, "--columns", "PointTag"]);
  assertEquals([found.code, found.stderr], [0, "5 selected\n"]);
  assertEquals(found.stdout, "PointTag\nDEVICE0:0\nDEVICE0:4\nDEVICE0:8\nDEVICE1:12\nDEVICE1:16\n");
  const wrong = await sttp(["filter", "SignalType = 'FREQ' AND\nDevce = 'X'", address]);
  assertEquals([wrong.code, wrong.stdout], [5, ""]);
  assertEquals(
    wrong.stderr,
    'sttp: ActiveMeasurements has no column Devce (at "Devce", line 2, column 1); did you mean Device?\n' +
      "  Devce = 'X'\n  ^\n",
  );
  const json = await sttp(["filter", "Device LIKE", "--json"]);
  assertEquals([json.code, json.stdout], [5, ""]);
  const { exitCode, code, kind, message, offset, column } = JSON.parse(json.stderr).error;
  assertEquals([exitCode, code, kind, offset, column], [5, "InvalidFilter", "syntax", 11, 12]);
  assert(!message.includes("\n"));
});
