import { assertEquals, assertStringIncludes } from "@std/assert";
import { commands } from "./registry.ts";
import { runWith } from "./testdata/world.ts";

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
    [["subscribe", "--listen", "1", "--start", "*-1h"], "--listen and --start exclude each other"],
    [["subscribe", "--certificate", "x.pem"], "--certificate and --key belong together"],
    [["subscribe", "--ca", "/nowhere/ca.pem"], "/nowhere/ca.pem can't be read"],
    [["subscribe", "--trust", "abc"], "abc can't be read"],
    [["subscribe", "--admin-actions"], "--admin-credentials and --admin-actions need --admin"],
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
      "Parquet can't be read from standard input",
    ],
    [[...publishing, "--connect-only"], "--connect-only needs --connect"],
    [[...publishing, "--speed", "0"], '--speed is "0", a number over 0 or max expected'],
    [[...publishing, "--history", ":memory:", "--history-size", "1"], "maxBytes"],
    [[...publishing, "--node-id", "x"], 'nodeId "x" is not a GUID'],
    [[...publishing, "--tls"], "TLS needs --certificate and --key"],
    [
      ["metadata", "x.xml", "--tree", "--table", "A"],
      "--table, --tree, --save and --diff exclude each other",
    ],
    [["metadata", "no/such/file.xml"], '"no/such/file.xml" is neither a file nor an address'],
  ];
  for (const [args, message] of wrong) {
    const { code, out, err } = await runWith(args, commands);
    assertEquals([code, out], [2, ""], err);
    assertStringIncludes(err, message);
  }
});
