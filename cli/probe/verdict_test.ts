import { assertEquals } from "@std/assert";
import type { CertificateInfo } from "../certificate.ts";
import type { DataReport, ProbeReport, SessionReport } from "./report.ts";
import { judge, type Thresholds } from "./verdict.ts";

const none: Thresholds = {
  warningAge: undefined,
  criticalAge: undefined,
  warningRate: undefined,
  criticalRate: undefined,
  warningDays: 14,
  criticalDays: 3,
};

const data: DataReport = {
  format: "TSSC",
  firstMilliseconds: 1,
  seconds: 3,
  measurements: 300,
  signals: 10,
  rate: 100,
  bytesPerSecond: 300,
  ageMilliseconds: 5000,
  leastDelayMilliseconds: 1,
  dropped: {},
};

const session: SessionReport = {
  connectMilliseconds: 1,
  modesMilliseconds: 1,
  metadata: { bytes: 10, gzip: true, milliseconds: 1, tables: {} },
  subscription: { text: "", milliseconds: 1, signals: 10, unauthorized: 0, gzip: true },
  data,
};

const report: ProbeReport = {
  address: "somewhere:7165",
  tls: null,
  versions: [],
  encodings: [],
  session,
  compact: null,
  udp: null,
  problem: null,
};

function tls(daysLeft: number, more: Partial<NonNullable<ProbeReport["tls"]>> = {}): ProbeReport["tls"] {
  const certificate: CertificateInfo = {
    subject: "CN=x",
    issuer: "CN=y",
    hosts: [],
    validFrom: "",
    validTo: "",
    daysLeft,
    valid: daysLeft >= 0,
    authority: false,
    selfSigned: false,
    key: "",
    fingerprint: "",
  };
  return { certificate, trusted: true, problem: null, protocol: null, ...more };
}

const noData: DataReport = { ...data, measurements: 0, rate: 0, ageMilliseconds: null };

const cases: [string, Partial<ProbeReport>, Partial<Thresholds>, string, string[]][] = [
  ["all is well", {}, {}, "ok", []],
  [
    "at the threshold",
    {},
    { warningAge: 5000, criticalAge: 5000, warningRate: 100, criticalRate: 100 },
    "ok",
    [],
  ],
  ["old", {}, { warningAge: 4999 }, "warning", ["data is 5.0 s behind the clock"]],
  ["too old", {}, { warningAge: 10, criticalAge: 4999 }, "critical", ["data is 5.0 s behind the clock"]],
  ["slow", {}, { warningRate: 101 }, "warning", ["100 measurements a second"]],
  ["too slow", {}, { warningRate: 200, criticalRate: 101 }, "critical", ["100 measurements a second"]],
  ["no data", { session: { ...session, data: noData } }, {}, "warning", ["no data in 3.0 s"]],
  ["no data where it must be", { session: { ...session, data: noData } }, { criticalAge: 1 }, "critical", [
    "no data in 3.0 s",
  ]],
  [
    "no signals",
    { session: { ...session, subscription: { ...session.subscription!, signals: 0 } } },
    {},
    "warning",
    [
      "it grants no signals",
    ],
  ],
  ["no metadata", { session: { ...session, metadata: { problem: "refused" } } }, {}, "warning", [
    "no metadata: refused",
  ]],
  [
    "nonsense",
    { session: { ...session, data: { ...data, dropped: { malformedPacket: 2 } } } },
    {},
    "warning",
    [
      "something could not be used: malformedPacket, 2 times",
    ],
  ],
  ["not there", { session: null, problem: "no connection" }, {}, "critical", ["no connection"]],
  ["valid for long", { tls: tls(14) }, {}, "ok", []],
  ["not valid for long", { tls: tls(13) }, {}, "warning", ["its certificate expires in 13 days"]],
  ["hardly valid", { tls: tls(2) }, {}, "critical", ["its certificate expires in 2 days"]],
  [
    "not trusted: said once",
    { session: null, problem: "it expired", tls: tls(-1, { trusted: false, problem: "it expired" }) },
    {},
    "critical",
    ["it expired"],
  ],
  ["the worst first", { tls: tls(2) }, { warningAge: 1 }, "critical", [
    "its certificate expires in 2 days",
    "data is 5.0 s behind the clock",
  ]],
];

for (const [name, changes, thresholds, severity, messages] of cases) {
  Deno.test(`verdict: ${name}`, () => {
    const verdict = judge({ ...report, ...changes }, { ...none, ...thresholds });
    assertEquals([verdict.severity, verdict.findings.map(({ message }) => message)], [severity, messages]);
  });
}
