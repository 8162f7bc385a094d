import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { metadataOf } from "../tests/integration/support.ts";
import { withFolder } from "../tests/support/folder.ts";
import type { Command } from "./command.ts";
import { anyOf, nameOnLine } from "./given.ts";
import { bytes, listenAddress, type Option, type Place, spelled } from "./option.ts";
import { commands } from "./registry.ts";
import { runWith } from "./testdata/world.ts";

/** A value that an option can have. */
function valueFor({ placeholder, completion, read }: Option<unknown>): string {
  if (placeholder === undefined) return "true";
  const words = Array.isArray(completion) ? completion : [];
  const found = [...words, "7", "value", "value,time"].find((text) => {
    try {
      read([text]);
      return true;
    } catch {
      return false;
    }
  });
  assert(found !== undefined, placeholder);
  return found;
}

/** An operand or option as it is given on the line. */
function onLine({ operands, options }: Command, name: string): string {
  const option = operands[name] ?? options[name]!;
  if (Object.hasOwn(operands, name)) return valueFor(option);
  return option.placeholder === undefined ? `--${spelled(name)}` : `--${spelled(name)}=${valueFor(option)}`;
}

/** Every relation of every command: of which option, to which others. */
function relations(): { command: Command; name: string; others: readonly string[]; excludes: boolean }[] {
  return commands.flatMap((command) =>
    Object.entries({ ...command.operands, ...command.options }).flatMap(([name, { needs, excludes }]) => [
      ...needs.map((need) => ({ command, name, others: [need].flat(), excludes: false })),
      ...excludes.map((other) => ({ command, name, others: [other], excludes: true })),
    ])
  );
}

Deno.test("every option that needs another, or excludes another, says so on the line and in a file", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  let count = 0;
  for (const { command, name, others, excludes } of relations()) {
    count++;
    const { operands, options } = command;
    const declared = { ...operands, ...options };
    for (const other of others) {
      assert(Object.hasOwn(declared, other) && other !== name, `${command.name}: ${name}, ${other}`);
    }
    // Beside what else it needs, but not beside what this is about.
    const rest = needed(command, name, others).slice(1);
    const given = [name, ...excludes ? others : [], ...rest];
    const shown = (names: readonly string[]): string[] => names.map((name) => nameOnLine(name, operands));

    const line = given.map((name) => onLine(command, name));
    const { code, out, err } = await runWith([command.name, ...line], commands);
    assertEquals([code, out], [2, ""], `${command.name} ${line.join(" ")}\n${err}`);
    if (excludes) {
      assertStringIncludes(err, " exclude each other\n");
      for (const text of shown(given.slice(0, 2))) assertStringIncludes(err, text);
    } else {
      assertStringIncludes(err, `${shown([name])} needs ${anyOf(shown(others))}\n`);
    }

    const entries = given.map((name) => `  ${spelled(name)}: ${valueFor(declared[name]!)}\n`).join("");
    await Deno.writeTextFile(path, `${command.name}:\n${entries}`);
    const fromFile = await runWith([command.name, "--config", path], commands);
    assertEquals([fromFile.code, fromFile.out], [2, ""], entries + fromFile.err);
    const message = excludes
      ? new RegExp(`^sttp: ${path}:3:\\d+: .* exclude each other\n`)
      : new RegExp(`^sttp: ${path}:2:\\d+: ${spelled(name)} needs ${anyOf(others.map(spelled))}\n`);
    assert(message.test(fromFile.err), `${message}\n${fromFile.err}`);
  }
  await Deno.remove(path);
  assert(count > 80, `${count}`);
});

/** An option, what has to stand beside it, and beside that, but for some. */
function needed(command: Command, name: string, but: readonly string[], found: string[] = []): string[] {
  found.push(name);
  const { needs } = { ...command.operands, ...command.options }[name]!;
  for (const need of needs.map((need) => [need].flat())) {
    const first = need.find((other) => !but.includes(other));
    if (need.some((other) => but.includes(other)) || found.includes(first!)) continue;
    needed(command, first!, but, found);
  }
  return found;
}

Deno.test("options that contradict each other or can't be used are told before anything is done", async () => {
  const publishing = ["publish", "--port", "0", "--host", "127.0.0.1"];
  const wrong: [string[], string][] = [
    [["subscribe", "-o", "table"], "--output table needs a terminal"],
    [["subscribe", "-o", "data.txt"], '"data.txt": its name tells no format'],
    [["subscribe", "-o", "parquet"], "parquet can't be written to standard output"],
    [["subscribe", "-o", "x.sqlite", "--columns", "value"], "--columns is for CSV, NDJSON and Parquet"],
    [["subscribe", "--columns", "what"], '--columns has "what", some of signalId, time'],
    [["filter", "True", "x.xml", "--columns", ","], '--columns has "", some of names expected'],
    [["subscribe", "--stop", "2024-01-01"], "--stop needs --start"],
    [["subscribe", "west.example", "--listen", "1"], "ADDRESS and --listen exclude each other"],
    [["subscribe", "--listen", "1", "--ca", "x.pem"], "TLS needs --certificate and --key"],
    [["subscribe", "-o", "csv", "--format", "ndjson"], "--output csv and --format ndjson exclude each other"],
    [["subscribe", "-o", "table", "--format", "csv"], "--output table and --format csv exclude each other"],
    [["subscribe", "-o", "table", "--json"], "--output table and --json exclude each other"],
    [["subscribe", "--certificate", "x.pem"], "--certificate needs --key"],
    [["subscribe", "--ca", "/dev/null"], "/dev/null: ca is not a certificate in PEM"],
    [["subscribe", "--filter="], "--filter is empty"],
    [["subscribe", "--metadata-filter="], "--metadata-filter is empty"],
    [["subscribe", "-n", "1", "-n", "2"], "--count is given twice"],
    [["subscribe", "--ca", "/nowhere/ca.pem"], "/nowhere/ca.pem can't be read"],
    [["subscribe", "--trust", "abc"], "abc can't be read"],
    [["subscribe", "--admin-actions"], "--admin-actions needs --admin"],
    [[...publishing, "--admin-actions"], "--admin-actions needs --admin"],
    [["relay", "x", "--admin", "0", "--admin-host", "0.0.0.0", "--port", "0"], "without credentials"],
    [[...publishing, "--admin", "0", "--admin-host", "0.0.0.0"], "without credentials"],
    [[...publishing, "--connect", "nowhere:0"], "nobody can be connected to at port 0"],
    [[...publishing, "--connect", "x", "--connect", "a b"], '--connect is "a b", an address'],
    [
      ["subscribe", "not an address"],
      'ADDRESS is "not an address", an address such as localhost:7165 expected',
    ],
    [[...publishing, "--grid", "2", "--stdin"], "--grid and --stdin exclude each other"],
    [[...publishing, "--stdin"], "--stdin needs --metadata"],
    [[...publishing, "--data", "x.csv"], "--data needs --metadata"],
    [[...publishing, "--metadata", "x.xml"], "--metadata needs --data or --stdin"],
    [
      [...publishing, "--stdin", "-m", "x.xml", "--format", "parquet"],
      "--format parquet can't be read from standard input",
    ],
    [["publish", "--connect-only"], "--connect-only needs --connect"],
    [
      [...publishing, "-m", "x.xml", "--data", "x.csv", "--speed", "0"],
      '--speed is "0", a number over 0 or max expected',
    ],
    [[...publishing, "--history", ":memory:", "--history-size", "1"], "maxBytes"],
    [[...publishing, "--node-id", "x"], 'nodeId "x" is not a GUID'],
    [[...publishing, "--tls"], "TLS needs --certificate and --key"],
    [["metadata", "x.xml", "--tree", "--table", "A"], "--tree and --table exclude each other"],
    [["decode", "--values", "--only", "subscribe", "x"], "--values is for messages of the name DataPacket"],
    [["decode", "--only", "Subscrib", "x"], '--only has "Subscrib", the name of a message expected; did you'],
    [["metadata", "no/such/file.xml"], '"no/such/file.xml" is neither a file nor an address'],
  ];
  for (const [args, message] of wrong) {
    const { code, out, err } = await runWith(args, commands);
    assertEquals([code, out], [2, ""], err);
    assertStringIncludes(err, message);
  }
});

Deno.test("defaults for all commands that are of no use to one are no errors", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  const defaults = {
    "history-size": "1G",
    "admin-host": "0.0.0.0",
    "udp-port": 7,
    columns: "value",
    limit: 5,
  };
  await Deno.writeTextFile(path, JSON.stringify({ defaults }));
  const { code, out, err } = await runWith(["filter", "True", "--json", "--config", path], commands);
  assertEquals([code, JSON.parse(out), err], [0, { expression: "True" }, ""]);
  await Deno.remove(path);
});

Deno.test("what a configuration file says of publishers is no error where metadata is from a file", () =>
  withFolder(async (folder) => {
    const [path, config] = [`${folder}/metadata.xml`, `${folder}/sttp.yaml`];
    await Deno.writeTextFile(path, metadataOf(4).toXml());
    const section = { ca: "/nowhere/ca.pem", timeout: "5s" };
    const defaults = { filter: "FILTER ActiveMeasurements WHERE True" };
    await Deno.writeTextFile(config, JSON.stringify({ metadata: section, filter: section, defaults }));
    for (const args of [["metadata", path], ["filter", "True", path]]) {
      const { code, err } = await runWith([...args, "--json", "--config", config], commands);
      assertEquals([code, err], [0, ""]);
      const typed = await runWith([...args, "--timeout", "5s"], commands);
      assertEquals(typed.code, 2);
      assertStringIncludes(typed.err, "--timeout is for publishers, and no metadata is from one");
    }
  }));

Deno.test("where to listen, and sizes in either case", () => {
  const places: [string, Place][] = [
    ["7175", { hostname: "0.0.0.0", port: 7175 }],
    [":0", { hostname: "0.0.0.0", port: 0 }],
    ["127.0.0.1:7175", { hostname: "127.0.0.1", port: 7175 }],
    ["[::1]:7175", { hostname: "::1", port: 7175 }],
    ["::1", { hostname: "::1", port: undefined }],
    ["west.example", { hostname: "west.example", port: undefined }],
  ];
  const listen = listenAddress({ summary: "where" });
  for (const [text, place] of places) assertEquals(listen.read([text]), place);
  for (const text of ["70000", "a b", ":", ""]) assertThrows(() => listen.read([text]), TypeError);
  const limit = bytes({ summary: "how much" });
  assertEquals(["100K", "100k", "2m", "1G", "7"].map((text) => limit.read([text])), [
    102_400,
    102_400,
    2_097_152,
    1_073_741_824,
    7,
  ]);
});

Deno.test("a capture that is told to end before it has begun ends", () =>
  withFolder(async (folder) => {
    const args = ["capture", "127.0.0.1:1", "--output", `${folder}/session.sttpcap`];
    for (const more of [[], ["--listen", "127.0.0.1:0"]]) {
      const signal = AbortSignal.abort();
      const { code, err } = await runWith([...args, ...more, "--overwrite"], commands, { signal });
      assertEquals(code, 0, err);
      assertStringIncludes(err, "0 connections");
    }
  }));
