import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { SttpError } from "../mod.ts";
import { type Command, type Context, defineCommand } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { choice, duration, file, flag, list, text, whole } from "./option.ts";
import type { Sink } from "./output.ts";
import { commands } from "./registry.ts";
import { reportFault, run } from "./run.ts";
import { runWith } from "./testdata/world.ts";

/** Tells what it was given, or throws what it is told to. */
function echo(fail?: (context: Context) => unknown): Command {
  return defineCommand({
    name: "echo",
    summary: "Say what was given",
    description: "One paragraph.\n\nAnother one.",
    operands: {
      first: text({ summary: "the first", required: true }),
      others: list({ summary: "the others" }),
    },
    options: {
      someName: text({ summary: "a name", short: "s" }),
      limit: whole(0, 10)({ summary: "a number", default: "3" }),
      loud: flag({ summary: "a flag", short: "l" }),
      colour: choice("red", "green")({ summary: "a choice" }),
      time: duration({ summary: "a time" }),
      path: file({ summary: "a file" }),
      many: list({ summary: "a list" }),
    },
    examples: [{ line: "echo hello", explanation: "An example" }],
    async run(values, context): Promise<ExitCode> {
      if (fail !== undefined) throw fail(context);
      await context.output.value(values);
      return ExitCode.Ok;
    },
  });
}

const both = (...args: string[]) => runWith(["echo", ...args], [echo()]);

Deno.test("options and operands, in every spelling", async () => {
  const { code, out } = await both(
    "a",
    "-s",
    "x",
    "--limit=7",
    "-l",
    "--colour",
    "green",
    "--time=1.5m",
    "--many=1",
    "b",
    "--many",
    "2",
    "--",
    "--c",
  );
  assertEquals(code, 0);
  const { json, config, help, ...values } = JSON.parse(out);
  assertEquals([json, config, help], [false, undefined, false]);
  assertEquals(values, {
    first: "a",
    others: ["b", "--c"],
    someName: "x",
    limit: 7,
    loud: true,
    colour: "green",
    time: 90_000,
    many: ["1", "2"],
  });
});

Deno.test("what is not given has its default; a flag can be taken back", async () => {
  const { out } = await both("a", "-l", "--no-loud", "--some-name=2");
  const { limit, loud, someName, many, others } = JSON.parse(out);
  assertEquals([limit, loud, someName, many, others], [3, false, "2", [], []]);
});

Deno.test("wrong arguments are told, with exit code 2", async () => {
  const wrong: [string[], string][] = [
    [[], "FIRST is missing: the first"],
    [["a", "--limit", "11"], '--limit is "11", a whole number from 0 to 10 expected'],
    [["a", "--limit", "x"], '--limit is "x", a whole number from 0 to 10 expected'],
    [["a", "--colour", "blue"], '--colour is "blue", one of red, green expected'],
    [["a", "--time", "soon"], '--time is "soon", a time such as 250ms, 30s, 5m or 1h expected'],
    [["a", "--time", "36501d"], '--time is "36501d", a time from 0 to 36500d expected'],
    [["a", "--path="], "--path is empty"],
    [["a", "-s", "x", "--some-name=y"], "--some-name is given twice"],
    [["a", "--limt", "1"], "there is no option --limt; did you mean --limit?"],
    [["a", "--zzz"], "there is no option --zzz\n"],
    [["a", "-z"], "there is no option -z\n"],
    [["a", "--no-limit"], "there is no option --no-limit"],
    [["a", "--loud=yes"], "--loud takes no value"],
    [["a", "--some-name"], "--some-name needs a value"],
    [["a", "--some-name", "--loud"], "for one that begins with a hyphen write --some-name=--loud"],
  ];
  for (const [args, message] of wrong) {
    const { code, out, err } = await both(...args);
    assertEquals([code, out], [2, ""], err);
    assertStringIncludes(err, message);
    assertStringIncludes(err, 'Try "sttp echo --help".');
  }
  const { code, err } = await runWith(["ecko"], [echo()]);
  assertEquals(code, 2);
  assertEquals(err, 'sttp: there is no command "ecko"; did you mean echo?\nTry "sttp --help".\n');
});

Deno.test("times that no timer takes, and limits of no time at all, are told", async () => {
  const wrong: [string[], string][] = [
    [["metadata", "x", "--timeout", "30d"], '--timeout is "30d", a time from 1ms to 24d expected'],
    [["subscribe", "x", "--timeout", "0"], '--timeout is "0", a time from 1ms to 24d expected'],
    [["subscribe", "x", "--throttle", "30d"], '--throttle is "30d", a time from 0 to 24d expected'],
    [["probe", "x", "--timeout", "0.5ms"], '--timeout is "0.5ms", a time from 1ms to 24d expected'],
    [["probe", "x", "--wait", "30d"], '--wait is "30d", a time from 0 to 24d expected'],
    [["probe", "x", "-d", "25d"], '--duration is "25d", a time from 0 to 24d expected'],
    [["bench", "x", "-d", "25d"], '--duration is "25d", a time from 0 to 24d expected'],
    [["publish", "--drain", "30d"], '--drain is "30d", a time from 0 to 24d expected'],
    ...["subscribe", "relay"].map((command): [string[], string] => [
      [command, "x", "--progress", "30d"],
      '--progress is "30d", a time from 0 to 24d expected',
    ]),
    [["publish", "--progress", "30d"], '--progress is "30d", a time from 0 to 24d expected'],
    [
      ["capture", "x", "-o", "y", "--progress", "30d"],
      '--progress is "30d", a time from 0 to 24d expected',
    ],
  ];
  for (const [args, message] of wrong) {
    const { code, out, err } = await runWith(args, commands);
    assertEquals([code, out], [2, ""], err);
    assertStringIncludes(err, message);
  }
});

Deno.test("more operands than there are places for", async () => {
  const { code, err } = await runWith(["filter", "True", "a.xml", "b.xml"], commands);
  assertEquals(code, 2);
  assertStringIncludes(err, 'unexpected argument "b.xml"');
});

Deno.test("help has everything that is declared, and fits the terminal", async () => {
  const { code, out, err } = await runWith(["echo", "--help"], [echo()], { columns: 60 });
  assertEquals([code, err], [0, ""]);
  for (
    const text of [
      "Usage: sttp echo [OPTIONS] FIRST [OTHERS...]",
      "One paragraph.\n\nAnother one.",
      "  sttp echo hello",
    ]
  ) {
    assertStringIncludes(out, text);
  }
  for (
    const label of [
      "-s, --some-name TEXT",
      "--limit N",
      "-l, --loud ",
      "--colour red|green",
      "--time TIME",
      "--path FILE",
    ]
  ) {
    assertStringIncludes(out, `  ${label}`);
  }
  assertMatch(out, /a number \(3\)/);
  assertMatch(out, /a list; may be given\s+several times/);
  assert(out.split("\n").every((line) => line.length <= 60), out);
  assertEquals((await runWith(["help", "echo"], [echo()], { columns: 60 })).out, out);
});

Deno.test("without a command, all of them are listed", async () => {
  const { code, out } = await runWith([], commands);
  assertEquals(code, 2);
  for (const { name, summary } of commands) {
    assertMatch(out, new RegExp(`^  ${name} +${summary.slice(0, 20)}`, "m"));
  }
  for (const args of [["--help"], ["-h"], ["help"]]) {
    assertEquals(await runWith(args, commands), { code: 0, out, err: "" });
  }
  assertMatch((await runWith(["--version"], commands)).out, /^sttp \d+\.\d+\.\d+\n$/);
});

Deno.test("every command has help without a line that is too long, but for examples", async () => {
  for (const command of commands) {
    const { code, out } = await runWith([command.name, "--help"], commands);
    assertEquals(code, 0);
    for (const line of out.split("\n")) assert(line.length <= 80 || line.startsWith("  sttp "), line);
    assert(command.examples.length > 0);
  }
});

Deno.test("colours are for terminals, and only if wanted", async () => {
  const help = (isTerminal: boolean, colours: boolean) =>
    runWith(["--help"], commands, { isTerminal, colours }).then(({ out }) => out.includes("\x1b["));
  assertEquals(await help(true, true), true);
  assertEquals(await help(true, false), false);
  assertEquals(await help(false, true), false);
});

Deno.test("errors have exit codes, and no stack unless they are ours", async () => {
  const cases: [unknown, number, string][] = [
    [new SttpError("ConnectFailed", "nobody there"), 7, "sttp: nobody there (ConnectFailed)\n"],
    [new SttpError("ConnectionLost", "gone"), 7, "sttp: gone (ConnectionLost)\n"],
    [new SttpError("Refused", "not\x1b[2Jyou"), 4, "sttp: not [2Jyou (Refused)\n"],
    [new SttpError("InvalidMetadata", "no"), 5, "sttp: no (InvalidMetadata)\n"],
    [new SttpError("InvalidState", "no"), 1, "sttp: no (InvalidState)\n"],
    [new Deno.errors.NotFound("no file"), 1, "sttp: no file\n"],
    [new Deno.errors.BrokenPipe("closed"), 0, ""],
    [new Error("No space left on device (os error 28)"), 1, "sttp: No space left on device (os error 28)\n"],
    [Object.assign(new Error("full"), { code: "EDQUOT" }), 1, "sttp: full\n"],
  ];
  for (const [error, expected, message] of cases) {
    const { code, err } = await runWith(["echo", "a"], [echo(() => error)]);
    assertEquals([code, err], [expected, message]);
  }
  const { code, err } = await runWith(["echo", "a"], [echo(() => new Error("oh"))]);
  assertEquals(code, 3);
  assertMatch(err, /^sttp: a fault of the program: Error: oh\n {4}at /);
  const json = await runWith(["echo", "a", "--json"], [echo(() => new TypeError("oh"))]);
  const { exitCode, message, stack } = JSON.parse(json.err).error;
  assertEquals([json.code, exitCode, message], [3, 3, "oh"]);
  assertMatch(stack, /^TypeError: oh\n {4}at /);
});

/** A stream that is no terminal. */
function sinkTo(write: Sink["write"]): Sink {
  return { isTerminal: false, size: () => ({ columns: 80, rows: 24 }), write };
}

Deno.test("what no command waits for is told as a fault, whatever it is", async () => {
  let text = "";
  const sink = sinkTo((bytes) => Promise.resolve(void (text += new TextDecoder().decode(bytes))));
  const streams = { out: sink, err: sink, colours: false };
  assertEquals(await reportFault(new SttpError("Refused", "no"), ["echo"], streams), 3);
  assertMatch(text, /^sttp: a fault of the program: .*no\n {4}at /);
  text = "";
  assertEquals(await reportFault("odd", ["echo", "--json"], streams), 3);
  assertEquals(JSON.parse(text).error.message, "odd");
  text = "";
  assertEquals([await reportFault(new Deno.errors.BrokenPipe("closed"), [], streams), text], [0, ""]);
});

Deno.test("where nobody reads errors, the exit code tells", async () => {
  const gone = sinkTo(() => Promise.reject(new Deno.errors.BrokenPipe("closed")));
  const world = { input: ReadableStream.from([]), out: gone, err: gone, colours: false };
  const { signal } = new AbortController();
  const code = await run(["echo", "--what"], [echo()], { ...world, signal, env: () => undefined });
  assertEquals(code, 2);
});

Deno.test("with --json errors are JSON", async () => {
  const failing = await runWith(["echo", "a", "--json"], [echo(() => new SttpError("Refused", "no"))]);
  assertEquals(JSON.parse(failing.err), { error: { exitCode: 4, code: "Refused", message: "no" } });
  const wrong = await runWith(["echo", "--json", "--what"], [echo()]);
  assertEquals(JSON.parse(wrong.err).error.exitCode, 2);
});
