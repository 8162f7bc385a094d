/**
 * Files of measurements, settings and certificates: what an operator hands over without having looked at it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { createAdmin } from "../../../admin/mod.ts";
import { certificateInfo, describeCertificate, readCertificates } from "../../../cli/certificate.ts";
import { Config } from "../../../cli/config.ts";
import { openWriter, readFile, readStream } from "../../../cli/data/files.ts";
import { RowReader } from "../../../cli/data/reader.ts";
import { SignalNames } from "../../../cli/data/signal_names.ts";
import { CommandError, UsageError } from "../../../cli/exit_codes.ts";
import { commands } from "../../../cli/registry.ts";
import { YamlFile } from "../../../cli/yaml.ts";
import { SqliteHistory } from "../../../history/mod.ts";
import { type AccessOptions, FileNotificationStore, Publisher } from "../../../publisher/mod.ts";
import { GapStore } from "../../../subscriber/gap_store.ts";
import { MeasurementBatch, SignalTable, SttpError, Ticks } from "../../../transport/mod.ts";
import { checkTlsOptions } from "../../../transport/tls_options.ts";
import { authorityCertificate, serverCertificate, serverKey } from "../tls_session.ts";
import { withValues } from "../der.ts";
import { changed, damaged, damagedText, rearranged, someChanges } from "../mutate.ts";
import { type FuzzTarget, target } from "../target.ts";

const ids = ["0d5a1c9e-6a3b-4f6e-9c52-000000000001", "0d5a1c9e-6a3b-4f6e-9c52-000000000002"] as const;
const signals = new SignalTable();
for (const id of ids) signals.add(id);
const names: ReadonlyMap<string, number> = new Map([...ids, "PPA:1"].map((name, i) => [name, i]));

/** A folder for the files of this process, and one path in it. */
const path = `${Deno.makeTempDirSync({ prefix: "sttp-fuzz-" })}/file`;
globalThis.addEventListener(
  "unload",
  () => Deno.removeSync(path.slice(0, -"/file".length), { recursive: true }),
);

/** A file of what was damaged. */
function written(bytes: Uint8Array | string): string {
  for (const end of ["", "-wal", "-shm", "-journal", ".new"]) {
    try {
      Deno.removeSync(path + end);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  Deno.writeFileSync(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  return path;
}

/** Some measurements, with all kinds of numbers. */
function sample(): MeasurementBatch {
  const batch = new MeasurementBatch();
  const ticks = Ticks.parse("2024-03-01T12:30:00.0333333Z");
  for (let i = 0; i < 40; i++) {
    const value = [59.98, NaN, -Infinity, 1 / 3][i % 4]!;
    batch.add(i % 2, ticks + BigInt(i * 333_333), value, i % 3);
  }
  return batch;
}

/** A file of measurements that is good, by the line, and what may come between. */
interface TextFile {
  readonly lines: readonly string[];
  readonly others: readonly string[];
}

const csv: TextFile = {
  lines: [
    "signalId,time,value,flags\r\n",
    `${ids[0]},2024-03-01T12:30:00.0333333Z,59.98,0\r\n`,
    `"${ids[1]}","2024-03-01 12:30:00",NaN,4294967295\n`,
    "\n",
    `PPA:1,638448858000333333,1e3,\n`,
  ],
  others: ["pointTag", "key", "ticks", ",", '"', '""', "\r", "\n", "\ufeff", "nonsense", "1,2,3\n"],
};
const ndjson: TextFile = {
  lines: [
    `{"signalId":"${ids[0]}","time":"2024-03-01T12:30:00.0333333Z","value":59.98,"flags":0}\n`,
    `{"key":"PPA:1","ticks":"638448858000333333","value":null}\r\n`,
    "\n",
    `{"signalId":"${ids[1]}","time":"2024-03-01 12:30:00","value":"Infinity","flags":"7"}`,
  ],
  others: ["{", "}", "[", ":", ",", "null", "1e400", '"value"', '"__proto__":1,', "\n", "\\u0000", "5"],
};

/** What was read, and how it ended. */
async function outcome(
  batches: AsyncIterable<MeasurementBatch>,
): Promise<{ rows: string[]; error?: CommandError }> {
  const rows: string[] = [];
  try {
    for await (const batch of batches) {
      for (let i = 0; i < batch.length; i++) {
        assert(batch.signals[i]! < 3, "a measurement of no signal");
        rows.push(`${batch.signals[i]} ${batch.ticks[i]} ${batch.values[i]} ${batch.flags[i]}`);
      }
    }
  } catch (error) {
    if (error instanceof CommandError) return { rows, error };
    throw error;
  }
  return { rows };
}

function rowReader(): RowReader {
  return new RowReader("a file", (name) => names.get(name));
}

function textTarget(format: "csv" | "ndjson", { lines, others }: TextFile): FuzzTarget {
  return target(format, 150, () =>
    fc.record({
      text: fc.oneof(rearranged(lines, [...lines, ...others]), damagedText([lines.join("")])),
      sizes: fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
    }), async ({ text, sizes }) => {
    const bytes = new TextEncoder().encode(text);
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let from = 0; from < bytes.length; from += pieces.at(-1)!.length) {
      pieces.push(bytes.slice(from, from + sizes[pieces.length % sizes.length]!));
    }
    const read = (chunks: Uint8Array<ArrayBuffer>[]): ReturnType<typeof outcome> =>
      outcome(readStream(ReadableStream.from(chunks), format, rowReader()));
    const whole = await read([bytes]);
    // However it comes, it is the same file.
    const inPieces = await read(pieces);
    assertEquals(inPieces.rows, whole.rows);
    assertEquals(inPieces.error?.message, whole.error?.message);
    if (whole.error !== undefined) throw whole.error;
  }, [CommandError]);
}

const parquet = target("parquet", 60, () => damaged(parquetFiles()), async (file) => {
  const { error } = await outcome(readFile(written(file), "parquet", rowReader()));
  if (error !== undefined) throw error;
}, [CommandError]);

/** One of ours, and those of another program that can be read. */
function parquetFiles(): Uint8Array[] {
  const folder = new URL("../../../cli/testdata/parquet/", import.meta.url);
  const names = [...Deno.readDirSync(folder)]
    .map(({ name }) => name)
    .filter((name) => name.endsWith(".parquet") && !name.startsWith("refused"));
  return [parquetFile, ...names.sort().map((name) => Deno.readFileSync(new URL(name, folder)))];
}

const parquetFile = await writeParquet();

async function writeParquet(): Promise<Uint8Array> {
  const writer = await openWriter(path, "parquet", undefined, new SignalNames(signals, () => undefined));
  await writer.write(sample());
  await writer.finish();
  return Deno.readFileSync(path);
}

/** A file of history as a crash, or somebody's editor, may leave it. */
const history = target("history-file", 40, () => damaged([historyFile()]), async (file) => {
  await using history = SqliteHistory.open(written(file));
  history.record(sample(), signals);
  history.flush();
  history.stats();
  const range = history.range();
  if (range === undefined) return;
  let count = 0;
  const request = {
    signals,
    handles: Int32Array.of(0, 1),
    start: range.first,
    stop: range.last,
    parameters: "",
  };
  for await (const batch of history.read(request)) count += batch.length;
  assert(count <= 200, "more than there is");
});

function historyFile(): Uint8Array {
  const history = SqliteHistory.open(written(""));
  history.record(sample(), signals);
  history.close();
  return Deno.readFileSync(path);
}

const notifications = target(
  "notifications-file",
  100,
  () =>
    damagedText([
      JSON.stringify([{
        subscriber: "client:a@127.0.0.1",
        lastSeen: 1,
        pending: [{ hash: 7, text: "Trip" }],
      }]),
    ]),
  async (text) => {
    const store = new FileNotificationStore(written(text));
    const publisher = new Publisher({ listen: false, notifications: { store } });
    try {
      await publisher.start();
      publisher.notify("All is well");
    } finally {
      await publisher.stop();
    }
  },
);

const gaps = target("gaps-file", 100, () => {
  const times = { [ids[0]]: "638448858000333333" };
  const gap = { filter: "PPA:1", stop: null, from: "638448858000333333", last: times, first: times };
  return damagedText([JSON.stringify({ gaps: [gap, { ...gap, stop: "638448858000333339" }] })]);
}, (text) => {
  const store = new GapStore(written(text), (error) => {
    throw error;
  });
  for (const gap of store.gaps) store.replace(gap, undefined);
});

const settings = [
  "defaults:\n",
  "  ca: /etc/sttp/ca.pem\n",
  "subscribe:\n",
  "  address: historian.example:7165\n",
  "  filter: FILTER ActiveMeasurements WHERE SignalType = 'FREQ'\n",
  "  duration: 1h\n",
  "publish:\n",
  "  grid: 20\n",
  "  connect: [control.example:7175, '[::1]:1']\n",
];
const yamlPieces = [
  ...settings,
  ..."&a|*a|!!binary x|<<: *a|? a\n|: b\n|- |{|}|[|]|,|'|\"|#|\t|\n|%YAML 1.1\n|---\n|...\n|__proto__:\n|null\n|~\n"
    .split("|"),
];

const configurations = target(
  "configuration",
  150,
  () => fc.oneof(rearranged(settings, yamlPieces), damagedText([settings.join("")])),
  (text) => {
    const config = new Config(YamlFile.parse("sttp.yaml", text), commands);
    for (const command of commands) config.for(command);
  },
  [UsageError],
);

const rights = [
  "allow: [{ addresses: [10.0.0.0/8, '2001:db8::/32'] }, { certificates: [historian] }]\n",
  "deny: [{ addresses: [203.0.113.7] }]\n",
  "maxConnectionsPerAddress: 20\n",
  "signals:\n",
  "  - allow: FILTER ActiveMeasurements WHERE SignalType = 'FREQ'\n",
  "  - who: { certificates: [historian] }\n",
  "    deny: ['0d5a1c9e-6a3b-4f6e-9c52-000000000001']\n",
  "unauthorized: named\n",
];

const access = target(
  "access-file",
  100,
  () => fc.oneof(rearranged(rights, yamlPieces), damagedText([rights.join("")])),
  (text) => {
    const access = YamlFile.parse("access.yaml", text).toJs() as AccessOptions;
    const publisher = new Publisher({ listen: false, access });
    JSON.stringify(publisher.stats());
  },
  [UsageError, TypeError, RangeError, SttpError],
);

const credentialList = [
  "- name: ops\n",
  "  role: operator\n",
  "  secret: a-long-random-text\n",
  "- {name: x}\n",
];
const credentials = target(
  "credentials-file",
  100,
  () => fc.oneof(rearranged(credentialList, yamlPieces), damagedText([credentialList.slice(0, 3).join("")])),
  (text) => {
    // What is no list of objects, the command refuses itself.
    const list = YamlFile.parse("credentials.yaml", text).toJs();
    const isEntry = (entry: unknown): boolean => typeof entry === "object" && entry !== null;
    if (!Array.isArray(list) || !list.every(isEntry)) throw new UsageError("a list expected");
    createAdmin(new Publisher({ listen: false }), { credentials: list });
  },
  [UsageError, TypeError, RangeError],
);

/** Certificates with values that make no sense, or whose DER is damaged, and texts of them. */
const certificates = target("certificates", 100, () => {
  const server = new Uint8Array(new X509Certificate(serverCertificate).raw);
  const authority = new Uint8Array(new X509Certificate(authorityCertificate).raw);
  // The server's has 28 values.
  const changes = fc.array(fc.tuple(fc.nat(27), someChanges), { maxLength: 3 }).map((list) => new Map(list));
  const withOthers = fc.tuple(fc.constantFrom(server, server, authority), changes).map(([der, changes]) =>
    withValues(der, (value, n) => changed(value, changes.get(n) ?? []))
  );
  const pem = fc.oneof(
    { weight: 4, arbitrary: withOthers.map(pemOf) },
    { weight: 2, arbitrary: damaged([server, authority]).map(pemOf) },
    { weight: 1, arbitrary: damagedText([serverCertificate, authorityCertificate + serverCertificate]) },
  );
  const key = fc.oneof(
    { weight: 3, arbitrary: fc.constant(serverKey) },
    { weight: 1, arbitrary: damagedText([serverKey]) },
  );
  return fc.record({ pem, key });
}, ({ pem, key }) => {
  const found = readCertificates(pem, "own.pem");
  for (const certificate of found) describeCertificate(certificateInfo(certificate, 0));
  checkTlsOptions({ ca: pem, trustedCertificates: [String(found[0])] });
  checkTlsOptions({ certificate: pem, key });
}, [CommandError, TypeError]);

function pemOf(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toBase64()}\n-----END CERTIFICATE-----\n`;
}

/** All targets of files. */
export const fileTargets: readonly FuzzTarget[] = [
  textTarget("csv", csv),
  textTarget("ndjson", ndjson),
  parquet,
  history,
  notifications,
  gaps,
  configurations,
  access,
  credentials,
  certificates,
];
