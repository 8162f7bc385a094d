/** What `sttp` may do. */
import { assertEquals, assertMatch } from "@std/assert";
import { sttpCommand } from "../support/sttp.ts";

/** Runs before the program, and tells at its end whether it may start others. */
const spy = `const { exit, permissions } = Deno;
  Deno.exit = (code) => {
    console.error(permissions.querySync({ name: "run" }).state);
    exit(code);
  };`;

Deno.test("no command but bench may start programs, though the compiled program may", async () => {
  const outcomes = ["metadata", "bench", "--version"].map(async (command) => {
    const [deno, run, ...rest] = sttpCommand(command, "--no-such-option");
    const args = [run!, `--preload=data:text/javascript,${encodeURIComponent(spy)}`, ...rest];
    const { stdout, stderr } = await new Deno.Command(deno, { args, stdin: "null" }).output();
    const [told, said] = [stderr, stdout].map((bytes) => new TextDecoder().decode(bytes).trim());
    assertMatch(`${said}${told}`, command === "--version" ? /^sttp \d/ : /no-such-option/);
    return told!.split("\n").at(-1);
  });
  assertEquals(await Promise.all(outcomes), ["prompt", "granted", "prompt"]);
});
