/** `sttp capture` and `sttp decode` as programs, with our publisher and subscriber. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CaptureWriter } from "../../cli/capture/format.ts";
import { readRecording } from "../../cli/capture/recording.ts";
import { Command, createTestCertificates, encodeCommand, Publisher, Subscriber, Ticks } from "../../mod.ts";
import {
  all,
  Meeting,
  metadataOf,
  numberOf,
  receive,
  roundOf,
  signalId,
  ticksOf,
  until,
  valueOf,
} from "../integration/support.ts";
import { withFolder } from "../support/folder.ts";
import { Sttp, sttp, sttpCommand } from "../support/sttp.ts";
import { noTerminal, Terminal } from "../support/terminal.ts";

/** What `sttp decode --json` says. */
interface Decoded {
  readonly code: number;
  readonly lines: readonly (Record<string, unknown> & { kind: string; name?: string })[];
}

async function decode(path: string, ...options: string[]): Promise<Decoded> {
  const { code, stdout } = await sttp(["decode", "--json", ...options, path]);
  return { code, lines: stdout.trimEnd().split("\n").map((line) => JSON.parse(line)) };
}

interface Line {
  readonly signalId: string;
  readonly time: string;
  readonly value: number;
  readonly flags: number;
}

/** The rounds of each signal, in their order; fails on a measurement that was not published so. */
function roundsOf({ lines }: Decoded): Map<number, number[]> {
  const rounds = new Map<number, number[]>();
  for (const { measurements } of lines) {
    for (const { signalId, time, value, flags } of (measurements ?? []) as Line[]) {
      const n = numberOf(signalId);
      const round = value - valueOf(n, 0);
      assertEquals(Ticks.parse(time), ticksOf(round));
      assertEquals(flags, n % 5 === 0 ? 0x8000_0001 : 0);
      if (!rounds.has(n)) rounds.set(n, []);
      rounds.get(n)!.push(round);
    }
  }
  return rounds;
}

/** The bytes of a publisher in a recording that is still being written. */
async function recordedBytes(path: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const event of readRecording((await Deno.open(path)).readable)) {
      if (event.kind === "bytes" && event.from === "publisher") bytes += event.bytes.length;
    }
  } catch {
    // It ends in the middle of a record.
  }
  return bytes;
}

Deno.test("capture subscribes and records; decode tells every measurement", () =>
  withFolder(async (folder) => {
    await using meeting = await Meeting.start(30);
    const { publisher } = meeting;
    const path = `${folder}/session.sttpcap`;
    await using capture = Sttp.start("capture", publisher.address, "--output", path);
    await until(() => publisher.stats().open[0]?.subscription?.confirmed ?? false);
    await meeting.publish(20);
    while (await recordedBytes(path) < publisher.stats().sent.bytes) {
      await new Promise((done) => setTimeout(done, 5));
    }
    const { code, stderr } = await capture.terminate();
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /1 connection, [\d,]+ bytes recorded in /);
    if (Deno.build.os !== "windows") assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);

    const decoded = await decode(path, "--values");
    assertEquals(decoded.code, 0);
    const rounds = roundsOf(decoded);
    assertEquals(rounds.size, 30);
    for (const list of rounds.values()) assertEquals(list, Array.from({ length: 20 }, (_, i) => i));
    const names = decoded.lines.map(({ name }) => name);
    for (const name of ["DefineOperationalModes", "MetadataRefresh", "Subscribe", "UpdateSignalIndexCache"]) {
      assert(names.includes(name), name);
    }
    assertEquals(decoded.lines[0]!.kind, "opened");
    assertEquals(decoded.lines.at(-2)?.["reason"], "the recording was ended");
    assertEquals(decoded.lines.at(-1)?.["problems"], 0);

    const text = await sttp(["decode", path, "--only", "subscribe", "--only", "Succeeded"]);
    assertEquals(text.code, 0);
    assertMatch(text.stdout, / > Subscribe {2}.*filterExpression=FILTER ActiveMeasurements WHERE True\n/);
    assertMatch(text.stdout, / < Succeeded \(Subscribe\) {2}"Client subscribed using TSSC/);
    assert(!text.stdout.includes("DataPacket"));
    assertMatch(text.stderr, /^1 connection, \d+ messages, 0 problems\n$/);
  }));

Deno.test("decode tells what is left over of connections that ended, and bytes that come long after that", () =>
  withFolder(async (folder) => {
    const path = `${folder}/many.sttpcap`;
    {
      using file = await Deno.create(path);
      const writer = new CaptureWriter(async (bytes) => {
        for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      }, {});
      const unsubscribe = encodeCommand(Command.Unsubscribe);
      const said = (connection: number, bytes: Uint8Array): Promise<void> =>
        writer.add(connection, 0n, { kind: "bytes", from: "subscriber", bytes });
      const end = (connection: number): Promise<void> =>
        writer.add(connection, 0n, { kind: "ended", reason: "closed" });
      // The first one's message ends after it has ended.
      await said(1, unsubscribe.subarray(0, 3));
      await end(1);
      await said(1, unsubscribe.subarray(3));
      // The second one's does not end.
      await said(2, unsubscribe.subarray(0, 3));
      await end(2);
      for (let connection = 3; connection <= 18; connection++) {
        await said(connection, unsubscribe);
        await end(connection);
      }
      await said(1, unsubscribe);
      await said(2, unsubscribe);
    }
    const { code, lines } = await decode(path);
    assertEquals(code, 5);
    const about = (kind: string): unknown[] => lines.filter((line) => line.kind === kind);
    assertEquals(about("incomplete"), [
      { kind: "incomplete", connection: 2, from: "subscriber", offset: 0, bytes: 3 },
    ]);
    assertEquals(about("late"), [{ kind: "late", bytes: 10 }]);
    assertEquals(about("summary"), [{ kind: "summary", connections: 18, messages: 17, problems: 1 }]);
  }));

Deno.test("capture stands between subscribers and a publisher, with TLS on both sides, and loses nothing", () =>
  withFolder(async (folder) => {
    const { authority, server } = await createTestCertificates();
    const ca = authority.certificate;
    for (const [name, text] of Object.entries({ ca, certificate: server.certificate, key: server.key })) {
      await Deno.writeTextFile(`${folder}/${name}.pem`, text);
    }
    await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", tls: server });
    publisher.defineMetadata(metadataOf(10));
    await publisher.start();
    const path = `${folder}/session.sttpcap.gz`;
    await using capture = Sttp.start(
      ...["capture", `localhost:${publisher.port}`, "-o", path, "--listen", "127.0.0.1:0"],
      ...["--ca", `${folder}/ca.pem`],
      ...["--listen-certificate", `${folder}/certificate.pem`, "--listen-key", `${folder}/key.pem`],
    );
    const [, address] = await capture.says(/waiting for subscribers on (\S+)/);
    await using one = new Subscriber({ filter: all, tls: { ca } });
    await using other = new Subscriber({ filter: signalId(3), tls: { ca }, compressPayload: false });
    await Promise.all([one.connect(address), other.connect(address)]);
    await until(() => publisher.stats().open.every(({ subscription }) => subscription?.confirmed));
    for (let round = 0; round < 10; round++) publisher.publish(roundOf(publisher, 10, round));
    const [byOne, byOther] = await Promise.all([receive(one, 100), receive(other, 10)]);
    assertEquals([byOne.count, byOther.count], [100, 10]);
    const { code, stderr } = await capture.terminate();
    assertEquals(code, 0, stderr);

    const decoded = await decode(path, "--values");
    assertEquals(decoded.code, 0);
    const rounds = roundsOf(decoded);
    for (const n of byOne.signals()) assertEquals(rounds.get(n)!.length, n === 3 ? 20 : 10);
    assertEquals(decoded.lines.at(-1), {
      kind: "summary",
      connections: 2,
      messages: decoded.lines.filter(({ kind }) => kind === "message").length,
      problems: 0,
    });
    const formats = decoded.lines.filter(({ name }) => name === "DataPacket").map((line) => line["format"]);
    assertEquals(new Set(formats), new Set(["TSSC", "compact"]));
  }));

Deno.test("TLS that goes through capture as it is shows as TLS", () =>
  withFolder(async (folder) => {
    const { authority, server } = await createTestCertificates();
    await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", tls: server });
    await publisher.start();
    const path = `${folder}/session.sttpcap`;
    await using capture = Sttp.start("capture", publisher.address, "-o", path, "--listen", "127.0.0.1:0");
    const [, address] = await capture.says(/waiting for subscribers on (\S+)/);
    await using subscriber = new Subscriber({ tls: { ca: authority.certificate } });
    await subscriber.connect(address);
    await subscriber.disconnect();
    await capture.says(/has ended/);
    await capture.terminate();
    const { code, stdout } = await sttp(["decode", path]);
    assertEquals(code, 0);
    assertMatch(stdout, / > \? {2}TLS: what is said can't be seen\n/);
    assertMatch(stdout, / < \? {2}TLS: what is said can't be seen\n/);
    assertMatch(stdout, /bytes of the publisher from 0 on could not be read/);
  }));

Deno.test("a recording ends where its limit is, and what is in it can be read", () =>
  withFolder(async (folder) => {
    await using meeting = await Meeting.start(10);
    const path = `${folder}/session.sttpcap`;
    await using capture = Sttp.start("capture", meeting.publisher.address, "-o", path, "--limit", "8k");
    await until(() => meeting.publisher.stats().open[0]?.subscription?.confirmed ?? false);
    while (meeting.publisher.stats().open.length > 0) await meeting.publish(1);
    const { code, stderr } = await capture.ended;
    assertEquals(code, 0, stderr);
    const { size } = await Deno.stat(path);
    assert(size > 4_000 && size < 9_000, `${size} bytes`);
    const { code: read, lines } = await decode(path);
    assertEquals([read, lines.at(-1)?.["problems"]], [0, 0]);
  }));

Deno.test("capture and decode say what is wrong, with their exit codes", () =>
  withFolder(async (folder) => {
    const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = closed.addr;
    closed.close();
    const path = `${folder}/session.sttpcap`;
    const cases: [string[], number, RegExp][] = [
      [["capture", `127.0.0.1:${port}`, "-o", path], 7, /no connection to 127\.0\.0\.1/],
      [["capture", `127.0.0.1:${port}`], 2, /--output/],
      [
        ["capture", "localhost", "-o", path, "--listen-key", "x"],
        2,
        /--listen-key needs --listen-certificate/,
      ],
      [["capture", "localhost", "-o", `${folder}/none/x`], 1, /No such file/],
      [["capture", "localhost", "-o", `${folder}/text`], 1, /is there already; --overwrite/],
      [["decode", `${folder}/none`], 1, /No such file/],
      [["decode", `${folder}/text`, "--only", "Subscrbe"], 2, /did you mean Subscribe\?/],
      [["decode", `${folder}/text`], 5, /no recording of an STTP session/],
    ];
    await Deno.writeTextFile(`${folder}/text`, "hello, this is a text");
    for (const [args, code, expected] of cases) {
      const finished = await sttp(args);
      assertEquals(finished.code, code, finished.stderr);
      assertMatch(finished.stderr, expected);
    }
    // A file in which there is nothing is not left behind.
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["text"]);
    if (Deno.build.os === "linux") {
      await using meeting = await Meeting.start(10);
      const [deno, run, ...rest] = sttpCommand("capture", meeting.publisher.address, "-o", "/dev/full");
      // Devices take all permissions.
      const args = [run!, "-A", ...rest.filter((arg) => !arg.startsWith("--allow-"))];
      const { code, stderr } = await new Deno.Command(deno, { args, stdin: "null" }).output();
      assertEquals(code, 1);
      assertMatch(new TextDecoder().decode(stderr), /\/dev\/full can't be written: No space left/);
    }
  }));

Deno.test({
  name: `decode has colours at a terminal, and nowhere else${noTerminal}`,
  ignore: noTerminal !== "",
  fn: async () => {
    const url = new URL("../fixtures/captures/gosub-cpppub-tssc.session.gz", import.meta.url);
    const args = ["decode", decodeURIComponent(url.pathname), "--only", "Subscribe"];
    await using terminal = Terminal.run(sttpCommand(...args));
    assertEquals(await terminal.ended, 0);
    const { stdout } = await sttp(args);
    assert(terminal.text.includes("\x1b[36m>\x1b[0m \x1b[1mSubscribe\x1b[0m"), terminal.text);
    assert(!stdout.includes("\x1b") && terminal.plain.replaceAll("\r", "").includes(stdout));
  },
});
