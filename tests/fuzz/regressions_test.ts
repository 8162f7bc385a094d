/**
 * What fuzzing has found, each as the smallest input that showed it, and what it must give.
 *
 * @module
 */
import { assertEquals, assertLess, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { readRecording } from "../../cli/capture/recording.ts";
import { certificateInfo, readCertificates } from "../../cli/certificate.ts";
import { readFile, readStream } from "../../cli/data/files.ts";
import { RowReader } from "../../cli/data/reader.ts";
import { CommandError } from "../../cli/exit_codes.ts";
import { SqliteHistory } from "../../history/mod.ts";
import { Publisher } from "../../publisher/mod.ts";
import {
  createChannelPair,
  ManualClock,
  MeasurementBatch,
  SignalTable,
  SttpError,
  TlsError,
} from "../../transport/mod.ts";
import { secureChannel } from "../../transport/tls_channel.ts";
import { checkTlsOptions } from "../../transport/tls_options.ts";
import { filePath } from "../interop/partners.ts";
import { withFolder } from "../support/folder.ts";
import { clientFlight, serverCertificate, serverKey } from "./tls_session.ts";

const signals = new SignalTable();
signals.add("0d5a1c9e-6a3b-4f6e-9c52-000000000001");

/** Measurements in three seconds, so in three blocks. */
function threeSeconds(): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (let i = 0n; i < 3n; i++) batch.add(0, 638_000_000_000_000_000n + i * 10_000_000n, 1);
  return batch;
}

async function writeHistory(path: string): Promise<void> {
  await using history = SqliteHistory.open(path);
  history.record(threeSeconds(), signals);
}

/** Where tables and indexes begin, in pages counted from 1. */
function pagesOf(path: string, ...names: readonly string[]): number[] {
  using database = new DatabaseSync(path);
  const find = database.prepare("SELECT rootpage FROM sqlite_master WHERE name = ?");
  return names.map((name) => Number(find.get(name)!.rootpage));
}

async function readAll(history: SqliteHistory): Promise<number> {
  const request = { signals, handles: Int32Array.of(0), start: 0n, stop: 1n << 60n, parameters: "" };
  let count = 0;
  for await (const batch of history.read(request)) count += batch.length;
  return count;
}

Deno.test("history: pages of the file that are overwritten are a problem told, not an exception of the publisher", () =>
  withFolder(async (folder) => {
    const path = `${folder}/history`;
    await writeHistory(path);
    // The signals can still be read, so that it opens.
    const bytes = Deno.readFileSync(path);
    for (const page of pagesOf(path, "blocks", "blocks_by_second")) {
      bytes.fill(0xff, 4096 * (page - 1), 4096 * page);
    }
    Deno.writeFileSync(path, bytes);
    await using history = SqliteHistory.open(path);
    const publisher = new Publisher({ listen: false, history });
    assertMatch(publisher.stats().history?.problem ?? "", /malformed/);
    assertEquals(assertThrows(() => history.range(), SttpError).code, "InvalidState");
    assertEquals((await assertRejects(() => readAll(history), SttpError)).code, "InvalidState");
    history.record(threeSeconds(), signals);
    history.flush();
    assertEquals(history.stats().lost, 3);
  }));

Deno.test("history: a block that is a text is a damaged block, and the others are read", () =>
  withFolder(async (folder) => {
    const path = `${folder}/history`;
    await writeHistory(path);
    {
      using database = new DatabaseSync(path);
      database.exec("UPDATE blocks SET data = 'not bytes' WHERE id = 2");
    }
    await using history = SqliteHistory.open(path);
    assertEquals(await readAll(history), 2);
    assertEquals(history.stats().damagedBlocks, 1);
  }));

Deno.test("history: a block whose second is a text is a damaged block, and reading comes to its end", () =>
  withFolder(async (folder) => {
    const path = `${folder}/history`;
    await writeHistory(path);
    {
      using database = new DatabaseSync(path);
      database.exec("UPDATE blocks SET second = 'none' WHERE id = 2");
    }
    await using history = SqliteHistory.open(path);
    assertEquals(await readAll(history), 2);
    assertEquals(history.stats().damagedBlocks, 1);
  }));

Deno.test("history: a time after the year 9999 in the file is told as its number", () =>
  withFolder(async (folder) => {
    const path = `${folder}/history`;
    await writeHistory(path);
    {
      using database = new DatabaseSync(path);
      database.exec("UPDATE blocks SET second = second + 1000, last = 4173518180549394850 WHERE id = 2");
    }
    await using history = SqliteHistory.open(path);
    assertEquals(history.stats().last, "4173518180549394850 ticks");
  }));

Deno.test("CSV: what the parser complains of is told with the line of the file, however it is cut", async () => {
  const text = "pointTag,time,value\r\nA,2024-03-01,1\n\nA,2024-03-01,1,too many\n";
  for (const size of [1, 7, text.length]) {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const bytes = new TextEncoder().encode(text);
    for (let from = 0; from < bytes.length; from += size) pieces.push(bytes.slice(from, from + size));
    const error = await assertRejects(async () => {
      for await (const _ of readStream(ReadableStream.from(pieces), "csv", new RowReader("a file", () => 0)));
    }, CommandError);
    assertMatch(error.message, /on line 4$/);
  }
});

Deno.test("parquet: a page whose header is damaged is refused, not read without end", async () => {
  const path = filePath(new URL("testdata/damaged_page_header.parquet", import.meta.url));
  const error = await assertRejects(async () => {
    for await (const _ of readFile(path, "parquet", new RowReader("a file", () => 0)));
  }, CommandError);
  assertMatch(error.message, /^a file: column time: a page of 40 values, undefined rows/);
});

/** The server's certificate with a change to its DER, as PEM. */
function altered(find: readonly number[], put: readonly number[]): string {
  const der = new Uint8Array(new X509Certificate(serverCertificate).raw);
  const at = der.findIndex((_, i) => find.every((byte, n) => der[i + n] === byte));
  der.set(put, at);
  return `-----BEGIN CERTIFICATE-----\n${der.toBase64()}\n-----END CERTIFICATE-----\n`;
}

Deno.test("recordings: a pcapng file that ends before its order of bytes is told is cut short", async () => {
  for (const length of [8, 9, 11]) {
    const file = Uint8Array.of(10, 13, 13, 10, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c).slice(0, length);
    await assertRejects(
      () => Array.fromAsync(readRecording(ReadableStream.from([file]))),
      CommandError,
      "the file ends at offset 8, in the middle of a record",
    );
  }
});

Deno.test("certificates: a name that is not UTF-8 is refused by who takes it, with a reason", () => {
  // OID 2.5.4.3, a UTF8String of 19 bytes: the issuer's common name.
  const pem = altered([0x55, 4, 3, 0x0c, 0x13], [0x55, 4, 3, 0x0c, 0x13, 0xff]);
  const [certificate] = readCertificates(pem, "own.pem");
  assertMatch(assertThrows(() => certificateInfo(certificate!), CommandError).message, /can't be read/);
  const subject = altered([0x55, 4, 3, 0x0c, 6], [0x55, 4, 3, 0x0c, 6, 0xff]);
  const error = assertThrows(() => checkTlsOptions({ certificate: subject, key: serverKey }), TypeError);
  assertEquals(error.message, "tls: certificate is not a certificate in PEM");
});

Deno.test("certificates: a key that is no point of its curve is of an unknown kind", () => {
  // A BIT STRING of 66 bytes whose point is not compressed.
  const [certificate] = readCertificates(altered([3, 0x42, 0, 4], [3, 0x42, 0, 5]), "own.pem");
  assertEquals(certificateInfo(certificate!, 0).key, "of an unknown kind");
});

Deno.test("TLS: handshakes that break off leave no buffers behind", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const settings = checkTlsOptions({ certificate: serverCertificate, key: serverKey });
  const options = { side: "server", settings, timeout: 1_000, clock: new ManualClock() } as const;
  /** Bytes outside of the heap after so many of them, without garbage. */
  const held = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) {
      const [near, far] = createChannelPair();
      const handshake = secureChannel(near, options);
      await far.write(clientFlight.subarray(0, i % 250));
      far.close();
      await assertRejects(() => handshake, TlsError);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
    collect();
    return Deno.memoryUsage().external;
  };
  const before = await held(20);
  // One of them had over 100 KiB: those of its channel and of what reads from it.
  assertLess(await held(200), before + 200 * 20_000);
});
