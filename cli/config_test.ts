import { assertEquals, assertThrows } from "@std/assert";
import { type Command, defineCommand } from "./command.ts";
import { Config } from "./config.ts";
import { ExitCode, UsageError } from "./exit_codes.ts";
import { duration, flag, list, text, whole } from "./option.ts";
import { runWith } from "./testdata/world.ts";
import { YamlFile } from "./yaml.ts";

function command(name: string, most: number): Command {
  return defineCommand({
    name,
    summary: name,
    description: "",
    operands: { place: text({ summary: "where" }) },
    options: {
      someLimit: whole(0, most)({ summary: "a number", default: "1" }),
      loud: flag({ summary: "a flag" }),
      many: list({ summary: "a list" }),
      ...(name === "two" && { time: duration({ summary: "a time" }) }),
    },
    examples: [{ line: name, explanation: name }],
    async run(values, { output }): Promise<ExitCode> {
      await output.value(values);
      return ExitCode.Ok;
    },
  });
}

const commands = [command("one", 10), command("two", 100)];

function read(text: string): Record<string, unknown> {
  const config = new Config(YamlFile.parse("c.yaml", text), commands);
  const shown = commands.map((command) => {
    const { defaults, section } = config.for(command);
    return [
      command.name,
      Object.fromEntries([...defaults, ...section].map(([name, { texts }]) => [name, texts])),
    ];
  });
  return Object.fromEntries(shown);
}

Deno.test("sections for commands, and defaults for all that have such an option", () => {
  const text =
    "defaults:\n  some-limit: 5\n  time: 3s\none:\n  place: here\n  many: [a, 2]\ntwo:\n  some-limit: 50\n  loud: true\n";
  assertEquals(read(text), {
    one: { someLimit: ["5"], place: ["here"], many: ["a", "2"] },
    two: { someLimit: ["50"], time: ["3s"], loud: ["true"] },
  });
});

Deno.test("JSON is read, too; an empty file and an empty section say nothing", () => {
  assertEquals(read('{"one": {"some-limit": 7, "loud": false, "many": "x"}}'), {
    one: { someLimit: ["7"], loud: ["false"], many: ["x"] },
    two: {},
  });
  assertEquals(read("# nothing\n"), { one: {}, two: {} });
  assertEquals(read("one:\n"), { one: {}, two: {} });
});

Deno.test("a default has to make sense to one of the commands that have it", () => {
  assertEquals(read("defaults: {some-limit: 50}").two, { someLimit: ["50"] });
  assertThrows(() => read("defaults: {some-limit: 500}"), UsageError, "c.yaml:1:24: some-limit is");
});

Deno.test("what is wrong is told with its place", () => {
  const wrong: [string, string][] = [
    ["one:\n  some-limt: 1", 'c.yaml:2:3: one has no option "some-limt"; did you mean some-limit?'],
    ["one:\n  someLimit: 1", 'c.yaml:2:3: one has no option "someLimit"'],
    ["one:\n  time: 1s", 'c.yaml:2:3: one has no option "time"'],
    ["one:\n  help: true", 'c.yaml:2:3: one has no option "help"'],
    ["on:\n  loud: true", 'c.yaml:1:1: there is no command "on"; did you mean one?'],
    ["one:\n  some-limit: 11", 'c.yaml:2:15: some-limit is "11", a whole number from 0 to 10 expected'],
    ["one:\n  some-limit: [1]", "c.yaml:2:15: some-limit is a list, one value expected"],
    ["one:\n  some-limit: {a: 1}", "c.yaml:2:15: some-limit has to be a text or a number"],
    ["one:\n  some-limit: true", "c.yaml:2:15: some-limit has to be a text or a number"],
    ["one:\n  loud: very", "c.yaml:2:9: loud is true or false, nothing else expected"],
    ["one:\n  many:\n    - [a]", "c.yaml:3:7: many has to be a text or a number"],
    ["one: 5", "c.yaml:1:6: options of one expected"],
    ["- one", "c.yaml:1:1: a section for each command expected"],
    ["one: {loud: true", "c.yaml:1:17: "],
    ["one: {}\none: {}", "c.yaml:2:1: "],
    ["one: &x {many: a}\ntwo: *x", "c.yaml:2:6: references to other places are not supported"],
    ["{1: {}}", "c.yaml:1:2: a name expected"],
  ];
  for (const [text, message] of wrong) assertThrows(() => read(text), UsageError, message);
});

Deno.test("the command line comes before the file; $STTP_CONFIG names one, too", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, "one:\n  some-limit: 4\n  place: file\n  loud: true\n");
    const values = async (args: string[], env: Record<string, string> = {}): Promise<unknown[]> => {
      const { out } = await runWith(["one", ...args], commands, { env });
      const { someLimit, place, loud } = JSON.parse(out);
      return [someLimit, place, loud];
    };
    assertEquals(await values(["--config", path]), [4, "file", true]);
    assertEquals(await values([], { STTP_CONFIG: path }), [4, "file", true]);
    assertEquals(await values(["--config", path, "line", "--some-limit=2", "--no-loud"]), [2, "line", false]);
    assertEquals(await values([]), [1, undefined, false]);
    await Deno.writeTextFile(path, "two:\n  some-limit: x\n");
    const { code, err } = await runWith(["one", "--config", path], commands);
    assertEquals([code, err.split("\n")[0]], [
      2,
      `sttp: ${path}:2:15: some-limit is "x", a whole number from 0 to 100 expected`,
    ]);
  } finally {
    await Deno.remove(path);
  }
  const { code, err } = await runWith(["one", "--config", "/nowhere.yaml"], commands);
  assertEquals(code, 2);
  assertEquals(err.startsWith("sttp: /nowhere.yaml can't be read: "), true, err);
});
