import { assert, assertEquals } from "@std/assert";
import { type AdminCredential, createAdmin } from "../admin/mod.ts";
import { type AccessOptions, Publisher } from "../mod.ts";
import { readArguments, readValues } from "./arguments.ts";
import { commonOptions } from "./command.ts";
import { Config } from "./config.ts";
import { ExitCode } from "./exit_codes.ts";
import { settle } from "./given.ts";
import { spelledOptions } from "./help.ts";
import { reference, REFERENCE_HEADING } from "./reference.ts";
import { commands } from "./registry.ts";
import { YamlFile } from "./yaml.ts";

const text = await Deno.readTextFile(new URL("../docs/cli.md", import.meta.url));
const [guide, rest] = text.split(`${REFERENCE_HEADING}\n`);

/** The blocks of code of a language. */
function blocks(language: string): string[] {
  return [...guide!.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))].map((match) => match[1]!);
}

Deno.test("docs/cli.md: the reference is what --help tells; deno task docs:cli writes it", () => {
  assertEquals(`${REFERENCE_HEADING}\n${rest}`, reference(commands));
});

/** Takes the words of a line of shell apart. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3]!);
}

/** The calls of `sttp` in a line of shell. */
function calls(line: string): string[][] {
  return line.split(" | ").map((part) => words(part.replace(/ > .*/, ""))).filter(([first]) =>
    first === "sttp"
  );
}

/** Fails when a call has options that are not declared, or values that make no sense. */
function check([, name, ...args]: string[]): void {
  const command = commands.find((command) => command.name === name);
  if (command === undefined) return assert(name!.startsWith("-"), `there is no command ${name}`);
  const options = { ...command.options, ...commonOptions };
  const line = readArguments(args, command.operands, options);
  if (line.has("help")) return;
  const given = settle(command.operands, options, { line, section: new Map(), defaults: new Map() });
  readValues(command.operands, options, given);
}

Deno.test("docs/cli.md: every call of sttp in it is one that can be made", () => {
  const found = blocks("sh").flatMap((block) => block.trim().split("\n")).flatMap(calls);
  assert(found.length > 15);
  for (const call of found) check(call);
});

Deno.test("every example of --help is a call that can be made", () => {
  for (const { examples } of commands) {
    for (const { line } of examples) calls(`sttp ${line}`).forEach(check);
  }
});

Deno.test("docs/cli.md: every command is in the guide, and options that it names exist", () => {
  for (const { name } of commands) assert(guide!.includes(`sttp ${name}`), name);
  const known = new Set(commands.flatMap((command) => spelledOptions(command).map(([name]) => `--${name}`)));
  for (const [option] of guide!.replaceAll(/```[^]*?```/g, "").matchAll(/--[a-z][a-z-]*/g)) {
    assert(known.has(option) || ["--version", "--no-name"].includes(option), option);
  }
});

Deno.test("docs/cli.md: the configuration file is one, the exit codes are those that there are", () => {
  const [config] = blocks("yaml").filter((block) => block.startsWith("defaults:"));
  new Config(YamlFile.parse("sttp.yaml", config!), commands);
  const codes = [...guide!.matchAll(/^\| (\d+) +\|/gm)].map((match) => Number(match[1]));
  assertEquals(codes, Object.values(ExitCode));
});

Deno.test("docs/cli.md: access rights and credentials are such", () => {
  const [access] = blocks("yaml").filter((block) => block.startsWith("allow:"));
  new Publisher({ listen: false, access: YamlFile.parse("access.yaml", access!).toJs() as AccessOptions });
  const [list] = blocks("yaml").filter((block) => block.startsWith("- {"));
  const credentials = YamlFile.parse("credentials.yaml", list!).toJs() as AdminCredential[];
  createAdmin(new Publisher({ listen: false }), { credentials, actions: true });
});
