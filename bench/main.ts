/**
 * The benchmarks: `deno task bench [--peers] [--only NAME,…] [--quick] [--json FILE]`. See README.md beside this file.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ensureGo, ensurePython } from "../tests/interop/partners.ts";
import { codecs } from "./codecs.ts";
import { filterExpressions } from "./filter.ts";
import { assess } from "./goals.ts";
import { describeMachine } from "./harness/machine.ts";
import { type Findings, print, type Section, type Table } from "./harness/report.ts";
import { metadata } from "./metadata.ts";
import { admin } from "./scenarios/admin.ts";
import { fanOut, filters } from "./scenarios/fan_out.ts";
import { idleSessions } from "./scenarios/idle_sessions.ts";
import { latency } from "./scenarios/latency.ts";
import { size } from "./scenarios/size.ts";
import { slowSubscriber } from "./scenarios/slow_subscriber.ts";
import { stream } from "./scenarios/stream.ts";

const SECTIONS: readonly Section[] = [
  codecs,
  metadata,
  filterExpressions,
  stream,
  fanOut,
  filters,
  latency,
  slowSubscriber,
  size,
  idleSessions,
  admin,
];

/** What the command line says. */
interface Options {
  readonly peers: boolean;
  readonly only: readonly string[];
  readonly quick: boolean;
  readonly json?: string | undefined;
}

const USAGE = "usage: deno task bench [--peers] [--only NAME,...] [--quick] [--json FILE]";

function refuse(problem: string): never {
  console.error(`${problem}\n${USAGE}`);
  Deno.exit(2);
}

function options(): Options {
  try {
    const { values: { help, ...values } } = parseArgs({
      options: {
        help: { type: "boolean", short: "h", default: false },
        peers: { type: "boolean", default: false },
        only: { type: "string", multiple: true, default: [] },
        quick: { type: "boolean", default: false },
        json: { type: "string" },
      },
    });
    if (help) {
      console.log(
        `${USAGE}\n\n${SECTIONS.map(({ name, title }) => `${name.padEnd(10)}${title}`).join("\n")}`,
      );
      Deno.exit(0);
    }
    return values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

const values = options();
const names = values.only.flatMap((list) => list.split(/[\s,]+/)).filter((name) => name !== "");
for (const name of names) {
  if (!SECTIONS.some((section) => section.name === name)) {
    refuse(`no benchmark is called ${name}; there are ${SECTIONS.map(({ name }) => name).join(", ")}`);
  }
}
if (values.json !== undefined) {
  // Better now than after a quarter of an hour.
  await Deno.open(values.json, { create: true, append: true }).then(
    (file) => file.close(),
    (error) => refuse(`--json ${values.json}: ${error.message}`),
  );
}

const machine = await describeMachine();
console.log(Object.values(machine).join("\n"));
const skipped: string[] = [];
let python: string | undefined;
if (values.peers) {
  for (const peer of [await ensurePython(), await ensureGo()]) {
    if (peer.state === "missing") {
      skipped.push(peer.name);
      console.log(`SKIPPED ${peer.name}: ${peer.reason.split("\n")[0]}`);
    } else if (peer.name === "sttpapi") {
      python = peer.command;
    } else {
      skipped.push(peer.name);
      console.log(`SKIPPED ${peer.name}: it could be installed, but there is no benchmark of it`);
    }
  }
}

const found: Record<string, Findings & { title: string; seconds: number }> = {};
for (const { name, title, run } of SECTIONS) {
  if (names.length > 0 && !names.includes(name)) continue;
  console.log(`\n== ${title} (${name})`);
  const start = performance.now();
  const findings = await run({ quick: values.quick, python });
  const seconds = Math.round((performance.now() - start) / 1000);
  found[name] = { title, seconds, ...findings };
  print(findings);
  // After each, so that a fault in the next does not cost what is there.
  await save();
}

const goals = judged();
if (goals !== undefined && goals.rows.length > 0) {
  console.log("\n== Goals");
  print({ tables: [goals], figures: {} });
}

/** A quick run shows that everything works; its figures are no ground for judging. */
function judged(): Table | undefined {
  if (values.quick) return undefined;
  return assess(Object.assign({}, ...Object.values(found).map(({ figures }) => figures)), names.length === 0);
}

async function save(): Promise<void> {
  if (values.json === undefined) return;
  const { quick } = values;
  const goals = judged();
  const results = {
    date: new Date().toISOString(),
    machine,
    quick,
    only: names,
    skipped,
    sections: found,
    ...goals && { goals },
  };
  await Deno.writeTextFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
}
