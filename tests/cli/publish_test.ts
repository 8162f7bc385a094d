/** `sttp publish` in a process of its own, with subscribers here. */
import {
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteHistory } from "../../history/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { type Measurement, MeasurementBatch, SttpError } from "../../transport/mod.ts";
import { Program } from "../interop/program.ts";
import { withFolder } from "../support/folder.ts";
import { Sttp, sttp, sttpCommand } from "../support/sttp.ts";
import { testCertificates } from "../support/tls.ts";
import {
  all,
  Meeting,
  metadataOf,
  numberOf,
  roundOf,
  signalId,
  ticksOf,
  until,
  valueOf,
} from "../integration/support.ts";

const size = 20;
const local = ["--host", "127.0.0.1", "--port", "0"];

/** Runs a test with a folder that has the metadata of twenty signals. */
function withMetadata(test: (folder: string, metadata: string) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const path = `${folder}/metadata.xml`;
    await Deno.writeTextFile(path, metadataOf(size).toXml());
    await test(folder, path);
  });
}

/** Where a publisher listens that was started with `local`. */
async function addressOf(running: Sttp): Promise<string> {
  const [, address] = await running.says(/publisher\.started address=(\S+)/);
  return address!;
}

/** Measurements as lines of NDJSON. */
function ndjson(count: number): string {
  const lines = Array.from(
    { length: count },
    (_, n) =>
      JSON.stringify({
        signalId: signalId(n % size),
        time: String(ticksOf(n)),
        value: valueOf(n % size, n),
        flags: n,
      }),
  );
  return `${lines.join("\n")}\n`;
}

/** All that a subscriber receives until the publisher goes. */
async function receiveAll(address: string, options: SubscriberOptions = {}): Promise<Measurement[]> {
  await using subscriber = new Subscriber({ filter: all, reconnect: false, ...options });
  await subscriber.connect(address);
  return await Array.fromAsync(subscriber.measurements());
}

Deno.test("sttp publish: a synthetic grid, until SIGTERM", async () => {
  await using running = Sttp.start("publish", ...local, "--grid", "2", "--rate", "100", "--json");
  const [, address] = await running.says(/"publisher\.started","address":"(.*?)"/);
  await using subscriber = new Subscriber({ filter: all });
  await subscriber.connect(address!);
  assertEquals(subscriber.metadata?.table("DeviceDetail")?.rowCount, 2);
  let count = 0;
  for await (const batch of subscriber.batches()) if ((count += batch.length) >= 100) break;
  const { code, stdout, stderr } = await running.terminate();
  assertEquals([code, stdout], [0, ""], stderr);
  const { result } = JSON.parse(stderr.trim().split("\n").findLast((line) => line.includes('"result"'))!);
  assertEquals([result.published % 20, result.dropped, result.unknown], [0, 0, 0]);
});

Deno.test("sttp publish --data: a file as fast as subscribers take it, complete", () =>
  withMetadata(async (folder, metadata) => {
    const path = `${folder}/data.ndjson`;
    await Deno.writeTextFile(path, ndjson(50_000));
    const args = ["-m", metadata, "--data", path, "--speed", "max", "--subscribers", "2"];
    await using running = Sttp.start("publish", ...local, ...args);
    const address = await addressOf(running);
    const [one, two] = await Promise.all([
      receiveAll(address),
      receiveAll(address, { compressPayload: false }),
    ]);
    assertEquals((await running.ended).code, 0, running.stderr);
    assertEquals(one.length, 50_000);
    one.forEach(({ signalId, ticks, value, flags }, n) => {
      assertEquals([numberOf(signalId), ticks, value, flags], [
        n % size,
        ticksOf(n),
        valueOf(n % size, n),
        n,
      ]);
    });
    // The compact form has not all flags.
    two.forEach(({ flags: _, ...measurement }, n) => assertObjectMatch(one[n]!, measurement));
    assertEquals(two.length, one.length);
    assertMatch(
      running.stderr,
      /^50,000 published {2}[\d,]+\/s {2}0 connected {2}100,000 sent {2}0 dropped\n/m,
    );
  }));

Deno.test("sttp publish --stdin: CSV with tags; unknown signals are counted", () =>
  withMetadata(async (_, metadata) => {
    const args = ["--stdin", "--format", "csv", "-m", metadata, "--subscribers", "1"];
    await using running = Sttp.start("publish", ...local, ...args);
    const receiving = receiveAll(await addressOf(running));
    await running.input(
      "time,pointTag,value\n2024-03-01T12:30:00Z,DEVICE0:3,1.5\n2024-03-01T12:30:01Z,X,2\n2024-03-01T12:30:02Z,DEVICE1:11,3",
    );
    const received = await receiving;
    assertEquals(received.map(({ signalId, value }) => [numberOf(signalId), value]), [[3, 1.5], [11, 3]]);
    assertEquals((await running.ended).code, 0);
    assertStringIncludes(running.stderr, "1 of unknown signals");
  }));

Deno.test("sttp publish --stdin: what came before a wrong line is published", () =>
  withMetadata(async (_, metadata) => {
    await using running = Sttp.start("publish", ...local, "--stdin", "-m", metadata, "--subscribers", "1");
    const receiving = receiveAll(await addressOf(running));
    await running.input(`${ndjson(3)}{"signalId":5}\n`);
    assertEquals((await receiving).length, 3);
    const { code, stderr } = await running.ended;
    assertEquals(code, 5, stderr);
    assertMatch(stderr, /sttp: standard input, line 4: no signalId, key or pointTag\n$/);
  }));

Deno.test({
  name: "a pipeline of sttp subscribe and sttp publish carries every value",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withMetadata(async (_, metadata) => {
      await using meeting = await Meeting.start(size);
      const quoted = (...args: string[]): string => sttpCommand(...args).map((arg) => `'${arg}'`).join(" ");
      const upstream = quoted("subscribe", meeting.publisher.address, "-o", "ndjson", "--once");
      const downstream = quoted("publish", ...local, "--stdin", "-m", metadata, "--subscribers", "1");
      await using pipeline = Program.start("sh", ["-c", `${upstream} | ${downstream}`]);
      const [, address] = await pipeline.line(/publisher\.started address=(\S+)/);
      // The publisher reads its input when this one has subscribed.
      const receiving = receiveAll(address!);
      await until(() => meeting.publisher.stats().open[0]?.subscription?.confirmed === true);

      const { signals } = meeting.publisher;
      const sent = new MeasurementBatch();
      const odd = [
        NaN,
        Infinity,
        -Infinity,
        -0,
        1.401298464324817e-45,
        3.4028234663852886e38,
        Math.fround(0.1),
      ];
      odd.forEach((value, i) => sent.add(signals.add(signalId(i)), ticksOf(i), value, 2 ** 31 + i));
      for (let round = 0; round < 100; round++) sent.append(roundOf(meeting.publisher, size, round));
      meeting.publisher.publish(sent);
      await meeting.publisher.stop({ drain: 60_000 });

      const received = await receiving;
      const expected = Array.from({ length: sent.length }, (_, i): Measurement => ({
        signalId: signals.idOf(sent.signals[i]!),
        ticks: sent.ticks[i]!,
        value: sent.values[i]!,
        flags: sent.flags[i]!,
      }));
      assertEquals(received, expected);
      assertEquals(await pipeline.quit(), 0, pipeline.log);
    }),
});

Deno.test("sttp publish --history: what was published can be asked for, also after a restart", () =>
  withMetadata(async (folder, metadata) => {
    const args = ["publish", ...local, "-m", metadata, "--history", `${folder}/history.db`];
    const path = `${folder}/data.ndjson`;
    await Deno.writeTextFile(path, ndjson(200));
    const recorded = await sttp([...args, "--data", path, "--speed", "max"]);
    assertEquals(recorded.code, 0, recorded.stderr);

    await using running = Sttp.start(...args, "--stdin", "--stay");
    await using subscriber = new Subscriber({ address: await addressOf(running) });
    const past: number[] = [];
    for await (const batch of subscriber.history({ start: ticksOf(0), stop: ticksOf(1000), filter: all })) {
      past.push(...batch.values.subarray(0, batch.length));
    }
    assertEquals(past, Array.from({ length: 200 }, (_, n) => valueOf(n % size, n)));
    assertEquals((await running.terminate()).code, 0);
  }));

Deno.test("sttp publish --history: what can't be recorded is told by log, progress, result and exit code", () =>
  withMetadata(async (folder, metadata) => {
    const path = `${folder}/history.db`;
    await SqliteHistory.open(path).close();
    const database = new DatabaseSync(path);
    database.exec(
      "CREATE TRIGGER full BEFORE INSERT ON blocks BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    );
    database.close();
    const args = ["--stdin", "-m", metadata, "--history", path, "--json"];
    const { code, stderr } = await sttp(["publish", ...local, ...args], ndjson(40));
    assertEquals(code, 1, stderr);
    const lines = stderr.trim().split("\n").map((line) => JSON.parse(line));
    const told = lines.filter(({ event }) => event === "history.notRecording");
    assertEquals(told.map(({ level, path, message }) => [level, path, message]), [[
      "error",
      path,
      "disk is full",
    ]]);
    assertEquals(lines.at(-2).result.unrecorded, 40);
    const message = `40 measurements could not be recorded in ${path}: disk is full`;
    assertEquals(lines.at(-1).error, { exitCode: 1, message, unrecorded: 40 });
    // Also when it is told to end.
    await using running = Sttp.start("publish", ...local, "--history", path, "--grid", "1");
    await running.says(/history\.notRecording/);
    const ended = await running.terminate();
    assertEquals(ended.code, 1, ended.stderr);
    assertMatch(
      ended.stderr,
      /[\d,]+ not recorded\nsttp: [\d,]+ measurements? could not be recorded in \S+: disk is full\n$/,
    );
  }));

Deno.test("sttp publish --access: rights from a file; SIGHUP reads it and the metadata again", () =>
  withMetadata(async (folder, metadata) => {
    const path = `${folder}/access.yaml`;
    await Deno.writeTextFile(
      path,
      "signals:\n  - allow: FILTER ActiveMeasurements WHERE SignalType = 'FREQ'\n",
    );
    await using running = Sttp.start(
      "publish",
      ...local,
      "-m",
      metadata,
      "--stdin",
      "--stay",
      "--access",
      path,
    );
    await using subscriber = new Subscriber({ filter: all });
    await subscriber.connect(await addressOf(running));
    assertEquals([subscriber.stats().signals, subscriber.unauthorized.length], [5, 15]);
    if (Deno.build.os === "windows") return;
    await Deno.writeTextFile(metadata, metadataOf(2 * size).toXml());
    running.kill("SIGHUP");
    await running.says(/INFO +cli\.reloaded/);
    await until(() => subscriber.stats().signals === 10);
    await Deno.writeTextFile(path, "deny: [{addresses: nothing}]");
    running.kill("SIGHUP");
    await running.says(/ERROR +cli\.reloadFailed/);
    assertEquals((await running.terminate()).code, 0);

    const wrong = await sttp(["publish", ...local, "--grid", "1", "--access", path]);
    assertEquals(wrong.code, 2, wrong.stderr);
    await Deno.writeTextFile(path, "signals: [{deny: Devce = 'X'}]");
    const unfit = await sttp(["publish", ...local, "--grid", "1", "--access", path]);
    assertEquals(unfit.code, 2, unfit.stderr);
    assertStringIncludes(unfit.stderr, `sttp: ${path}:1:18: signals[0].deny: `);
    await Deno.writeTextFile(path, "deny: [{addresses: [127.0.0.0/8]}]");
    await using closed = Sttp.start("publish", ...local, "--grid", "1", "--access", path);
    const address = await addressOf(closed);
    const error = await assertRejects(() => new Subscriber().connect(address), SttpError);
    assertEquals(error.code, "Refused");
  }));

Deno.test("sttp publish --connect: to a subscriber that listens", async () => {
  await using subscriber = new Subscriber({ filter: all });
  const { port } = await subscriber.listen({ port: 0, hostname: "127.0.0.1" });
  await using running = Sttp.start(
    "publish",
    "--grid",
    "1",
    "--connect",
    `127.0.0.1:${port}`,
    "--connect-only",
  );
  assertEquals((await subscriber.measurements().next()).done, false);
  assertEquals((await running.terminate()).code, 0, running.stderr);
  assertMatch(running.stderr, /publisher\.started address=null/);
});

Deno.test("sttp publish --admin shows itself; elsewhere than on this machine only with credentials", () =>
  withFolder(async (folder) => {
    const path = `${folder}/credentials.yaml`;
    await Deno.writeTextFile(path, "- {name: ann, role: reader, secret: a-secret-of-ann}\n");
    const args = ["publish", ...local, "--grid", "1", "--admin", "0"];
    await using running = Sttp.start(...args, "--admin-credentials", path);
    const [, url] = await running.says(/^The admin is at (.*)$/m);
    const headers = { authorization: "Bearer a-secret-of-ann" };
    const response = await fetch(new URL("api/v1/status", url), { headers });
    const { systems } = await response.json();
    assertEquals(systems[0].system, "publisher");
    const stranger = await fetch(new URL("api/v1/status", url));
    assertEquals(stranger.status, 401);
    await stranger.body?.cancel();
    assertEquals((await running.terminate()).code, 0);

    const open = await sttp([...args, "--admin-host", "0.0.0.0"]);
    assertEquals(open.code, 2);
    assertMatch(open.stderr, /can't listen on 0\.0\.0\.0 without credentials/);
    await Deno.writeTextFile(path, "- {name: ann, role: king, secret: a-secret-of-ann}\n");
    const wrong = await sttp([...args, "--admin-credentials", path]);
    assertEquals(wrong.code, 2);
    assertMatch(wrong.stderr, /the role of "ann" has to be reader or operator/);
  }));

Deno.test({
  name: "sttp publish: more connections than it may have open files end nothing, and it serves again",
  ignore: Deno.build.os === "windows", // which has no such limit
}, async () => {
  const args = ["publish", ...local, "--grid", "1", "--admin", "0"];
  await using running = Sttp.startAfter("ulimit -n 64", ...args);
  const [, url] = await running.says(/^The admin is at (.*)$/m);
  const address = await addressOf(running);
  for (const [event, host] of [["publisher", address], ["admin", new URL(url!).host]] as const) {
    const [hostname, port] = host.split(":");
    const connections: Deno.Conn[] = [];
    try {
      while (connections.length < 100) {
        connections.push(await Deno.connect({ hostname: hostname!, port: Number(port) }));
      }
    } catch {
      // Where nobody can be taken in, nobody may be listening for a while.
    }
    await running.says(new RegExp(`${event}\\.acceptFailed .*Too many open files`));
    for (const connection of connections) connection.close();
    await until(async () => {
      const answer = await fetch(new URL("healthz", url)).catch(() => undefined);
      return await answer?.text() === "ok\n";
    });
    await using subscriber = new Subscriber({ filter: all, reconnect: false });
    await subscriber.connect(address);
    assertEquals((await subscriber.measurements().next()).done, false);
  }
  assertEquals((await running.terminate()).code, 0, running.stderr);
});

Deno.test({
  name: "sttp: what can't be read is told by its name, where the system does not say it",
  ignore: Deno.build.os === "windows", // whose folders can't be opened
}, () =>
  withMetadata(async (folder, metadata) => {
    for (
      const args of [
        ["publish", ...local, "-m", folder, "--stdin"],
        ["publish", ...local, "-m", metadata, "--data", folder, "--format", "csv"],
        ["decode", folder],
      ]
    ) {
      const { code, stderr } = await sttp(args);
      assertEquals(code, 1, stderr);
      assertStringIncludes(stderr, `sttp: ${folder} can't be read: Is a directory`);
    }
    const { code, stderr } = await sttp(["decode", `${folder}/nothing`]);
    assertEquals(code, 1, stderr);
    assertMatch(stderr, /^sttp: No such file or directory \(os error 2\): open '.*\/nothing'$/m);
  }));

Deno.test("sttp publish: the port is taken; TLS; --duration", () =>
  withFolder(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const failed = await sttp(["publish", "--host", "127.0.0.1", "--port", String(port)]);
    assertEquals(failed.code, 1, failed.stderr);
    assertMatch(failed.stderr, /^sttp: can.t listen on 127\.0\.0\.1:\d+: /);

    const { ca, server } = await testCertificates();
    await Deno.writeTextFile(`${folder}/own.pem`, server.certificate);
    await Deno.writeTextFile(`${folder}/own.key`, server.key);
    const tls = ["--certificate", `${folder}/own.pem`, "--key", `${folder}/own.key`];
    await using running = Sttp.start("publish", ...local, "--grid", "1", ...tls, "--duration", "5s");
    await using subscriber = new Subscriber({ filter: all, tls: { ca }, reconnect: false });
    await subscriber.connect(await addressOf(running));
    assertEquals((await Array.fromAsync(subscriber.measurements())).length > 0, true);
    assertEquals((await running.ended).code, 0, running.stderr);
  }));
