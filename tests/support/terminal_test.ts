import { assertEquals, assertStringIncludes } from "@std/assert";
import { noTerminal, Terminal } from "./terminal.ts";

const program = `
  console.log(JSON.stringify([Deno.stdin.isTerminal(), Deno.stdout.isTerminal(), Deno.consoleSize()]));
  Deno.addSignalListener("SIGINT", () => Deno.exit(3));
  Deno.addSignalListener("SIGTERM", () => Deno.exit(4));
  console.log("\\x1b[1mready\\x1b[0m");
  for await (const bytes of Deno.stdin.readable) {
    const line = new TextDecoder().decode(bytes).trim();
    if (line === "end") Deno.exit(5);
    console.log("got " + line);
  }
`;

function run(): Terminal {
  return Terminal.run([Deno.execPath(), "eval", program], { rows: 11, columns: 66 });
}

Deno.test({
  name: `a program at a terminal: its size, colours, lines typed, its exit code${noTerminal}`,
  ignore: noTerminal !== "",
  fn: async () => {
    await using terminal = run();
    await terminal.shows(/ready/);
    assertStringIncludes(terminal.plain, '[true,true,{"columns":66,"rows":11}]');
    assertStringIncludes(terminal.text, "\x1b[1mready\x1b[0m");
    await terminal.type("hello\n");
    await terminal.shows(/got hello/);
    await terminal.type("end\n");
    assertEquals(await terminal.ended, 5);
  },
});

Deno.test({
  name: `a program at a terminal: Ctrl-C and SIGTERM${noTerminal}`,
  ignore: noTerminal !== "",
  fn: async () => {
    await using interrupted = run();
    await interrupted.shows(/ready/);
    await interrupted.type("\x03");
    assertEquals(await interrupted.ended, 3);
    await using terminated = run();
    await terminated.shows(/ready/);
    terminated.terminate();
    assertEquals(await terminated.ended, 4);
  },
});
