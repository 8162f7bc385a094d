/** What gives way where options go together or not by their values, or by where standard output goes. */
import { assertEquals, assertThrows } from "@std/assert";
import { readArguments } from "./arguments.ts";
import { commonOptions } from "./command.ts";
import { Config } from "./config.ts";
import { UsageError } from "./exit_codes.ts";
import { settle, Settlement } from "./given.ts";
import { commands } from "./registry.ts";
import { YamlFile } from "./yaml.ts";

/** What is in force of a command line and a configuration file, as `name=text`. */
function inForce(words: string, file: object, isTerminal = false): string {
  const [name, ...args] = words.split(" ");
  const command = commands.find((command) => command.name === name)!;
  const options = { ...command.options, ...commonOptions };
  const config = new Config(YamlFile.parse("c.yaml", JSON.stringify(file)), commands).for(command);
  const line = readArguments(args, command.operands, options);
  const given = settle(command.operands, options, { line, ...config });
  command.settle?.(new Settlement(given), { isTerminal });
  return [...given].map(([name, { texts }]) => `${name}=${texts}`).sort().join(" ");
}

Deno.test("a format for another file gives way to the name of the file that was said before it", () => {
  const csv = { format: "csv" };
  const cases: [string, object, string][] = [
    ["subscribe -o keep.sqlite", { subscribe: csv }, "output=keep.sqlite"],
    ["subscribe -o keep.sqlite", { defaults: csv }, "output=keep.sqlite"],
    ["subscribe", { subscribe: { output: "keep.db" }, defaults: csv }, "output=keep.db"],
    // A name that tells none; what was said beside the name, or before it.
    ["subscribe -o data.txt", { subscribe: csv }, "format=csv output=data.txt"],
    ["subscribe -o data.txt --format csv", {}, "format=csv output=data.txt"],
    ["subscribe", { subscribe: { ...csv, output: "x.log" } }, "format=csv output=x.log"],
    ["subscribe --format csv", { subscribe: { output: "x.ndjson" } }, "format=csv output=x.ndjson"],
    ["subscribe -o ndjson", { subscribe: { ...csv, output: "x.foo" } }, "output=ndjson"],
    ["subscribe --format csv", { subscribe: { output: "ndjson" } }, "format=csv"],
    [
      "publish --data rt.ndjson",
      { publish: { ...csv, data: "a.csv", metadata: "m.xml" } },
      "data=rt.ndjson metadata=m.xml",
    ],
    [
      "publish --stdin",
      { publish: { data: "a.x", metadata: "m.xml", format: "parquet" } },
      "metadata=m.xml stdin=true",
    ],
    ["publish --data rt.csv -m m.xml", { defaults: { format: "sqlite" } }, "data=rt.csv metadata=m.xml"],
  ];
  for (const [words, file, expected] of cases) assertEquals(inForce(words, file), expected, words);
});

Deno.test("columns and tables of a configuration file are for where they apply", () => {
  const columns = { columns: "value" };
  const cases: [string, object, boolean, string][] = [
    ["subscribe -o d1.sqlite", { subscribe: { output: "x.csv", ...columns } }, false, "output=d1.sqlite"],
    ["subscribe", { subscribe: columns }, true, ""],
    ["subscribe", { subscribe: columns }, false, "columns=value"],
    ["subscribe", { defaults: { ...columns, format: "csv" } }, true, ""],
    ["subscribe", { subscribe: { ...columns, format: "csv" } }, true, "columns=value format=csv"],
    ["subscribe --json", { subscribe: { output: "table" } }, true, "json=true"],
    ["subscribe --format csv", { subscribe: { output: "table" } }, true, "format=csv"],
    ["subscribe", { subscribe: { output: "table" } }, true, "output=table"],
    ["subscribe", { subscribe: { output: "table" } }, false, ""],
    ["subscribe -o table", { subscribe: { json: true, format: "csv" } }, true, "output=table"],
    ["decode --only Subscribe x", { decode: { values: true } }, false, "file=x only=Subscribe"],
    ["decode --values x", { decode: { only: "Subscribe" } }, false, "file=x values=true"],
  ];
  for (const [words, file, isTerminal, expected] of cases) {
    assertEquals(inForce(words, file, isTerminal), expected, words);
  }
});

Deno.test("what was typed, or stands together in a section, is told", () => {
  const cases: [string, object, string][] = [
    ["subscribe -o table", {}, "--output table needs a terminal"],
    ["subscribe -o csv --format ndjson", {}, "--output csv and --format ndjson exclude each other"],
    [
      "subscribe --columns value",
      { subscribe: { output: "x.db" } },
      "--columns is for CSV, NDJSON and Parquet",
    ],
    [
      "subscribe",
      { subscribe: { output: "x.db", columns: "value" } },
      "c.yaml:1:41: columns is for CSV, NDJSON and Parquet",
    ],
    [
      "publish",
      { publish: { stdin: true, metadata: "m.xml", format: "parquet" } },
      "c.yaml:1:54: format parquet can't be read from standard input",
    ],
  ];
  for (const [words, file, message] of cases) {
    assertEquals(assertThrows(() => inForce(words, file), UsageError).message, message);
  }
});
