/** The page that says which test proves which part of the protocol names tests that there are, and leaves no code out. */
import { assert, assertEquals } from "@std/assert";
import {
  BufferBlockFlags,
  Command,
  DataPacketFlags,
  decodeSubscribe,
  DefaultOperationalModes,
  encodeSubscribe,
  formatSubscription,
  parseConnectionString,
  Response,
} from "../transport/mod.ts";
import { CompactStateFlags } from "../transport/wire/state_flags.ts";

const root = new URL("../", import.meta.url);
const page = await Deno.readTextFile(new URL("docs/protocol-coverage.md", root));

interface Row {
  readonly section: string;
  /** What is proven, with the names of codes and keys in backticks. */
  readonly part: string;
  /** What is on either side: tests, or a dash. */
  readonly cells: readonly string[];
}

/** The rows of all tables; the columns "Part" and "On the wire" say what is proven, the others by which tests. */
function rowsOf(text: string): Row[] {
  const rows: Row[] = [];
  let section = "";
  let described = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("## ")) section = line.slice(3);
    if (!line.startsWith("|") || /^\|[\s|-]+$/.test(line)) continue;
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    if (cells[0] === "Part") described = cells[1] === "On the wire" ? 2 : 1;
    else rows.push({ section, part: cells[0]!, cells: cells.slice(described) });
  }
  return rows;
}

const rows = rowsOf(page);

/** What a cell names: a file, and a part of a test's name. */
function referencesIn(cell: string): { file: string; name: string }[] {
  const reference = /^`([^`]+_test\.ts)`: "([^"]+)"$/;
  return cell.split("; `").map((text, i) => {
    const match = reference.exec(i === 0 ? text : `\`${text}`);
    assert(match !== null, `\`path/to/some_test.ts\`: "part of a name" expected, not ${text}`);
    return { file: match[1]!, name: match[2]! };
  });
}

const names = new Map<string, Promise<string[]>>();

/** The names of a file's tests and steps, in the pieces that stand in the source. */
function testNamesIn(file: string): Promise<string[]> {
  let found = names.get(file);
  if (found === undefined) names.set(file, found = readTestNames(file));
  return found;
}

async function readTestNames(file: string): Promise<string[]> {
  const source = await Deno.readTextFile(new URL(file, root));
  const named = /(?:Deno\.test\(|\.step\(|\bname(?: =|:))\s*(?:"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g;
  return [...source.matchAll(named)].flatMap(([, plain, template]) =>
    plain !== undefined ? [plain] : template!.split(/\$\{[^}]*\}/)
  );
}

Deno.test("protocol coverage: every test that is named exists, once", async () => {
  const wrong: string[] = [];
  for (const { section, part, cells } of rows) {
    for (const cell of cells) {
      if (cell === "-") continue;
      for (const { file, name } of referencesIn(cell)) {
        const found = await testNamesIn(file).catch(() => undefined);
        const count = found?.filter((candidate) => candidate.includes(name)).length;
        if (count === 1) continue;
        const what = count === undefined ? "no such file" : `${count} tests have that in their names`;
        wrong.push(`${section}, ${part}: ${file}, "${name}": ${what}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("protocol coverage: every row has a test", () => {
  for (const { part, cells } of rows) {
    assert(cells.every((cell) => cell !== ""), `${part}: an empty cell; a dash is meant`);
    assert(cells.some((cell) => cell !== "-"), `${part}: no test`);
  }
  assert(rows.length > 100);
});

Deno.test("protocol coverage: every code, flag, mode and key has a row", () => {
  const subscription = formatSubscription({
    filterExpression: "PPA:1",
    startTimeConstraint: "*-1h",
    stopTimeConstraint: "*",
    timeConstraintParameters: "tier=2",
    dataChannel: { localPort: 9191, interface: "0.0.0.0" },
    bufferBlockRetransmissionTimeout: 5,
    assemblyInfo: { source: "x", version: "1", updatedOn: "2024-01-01" },
  });
  const settings = parseConnectionString(subscription);
  const read = decodeSubscribe(encodeSubscribe({}, "utf-8"), "utf-8");
  const { flags: _flags, extra: _extra, text: _text, ...known } = read;
  const tables: Readonly<Record<string, readonly string[]>> = {
    "Commands": Object.keys(Command),
    "Responses": Object.keys(Response),
    "Operational modes": Object.keys(DefaultOperationalModes),
    "Data packets": Object.keys(DataPacketFlags),
    "Buffer blocks": Object.keys(BufferBlockFlags),
    "Compact measurements": Object.keys(CompactStateFlags),
    "Keys of the connection string": [
      ...subscription.match(/(?<=^|;)[^=;{}]+(?==)/g)!,
      ...settings.keys(),
      ...parseConnectionString(settings.get("datachannel")!).keys(),
      ...parseConnectionString(settings.get("assemblyinfo")!).keys(),
      ...Object.keys(known),
      "inputMeasurementKeys",
      "port",
    ],
  };
  for (const [section, codes] of Object.entries(tables)) {
    const parts = rows.filter((row) => row.section === section).map(({ part }) => part.toLowerCase()).join();
    for (const code of codes) {
      assert(parts.includes(`\`${code.toLowerCase()}\``), `${section}: no row for \`${code}\``);
    }
  }
});
