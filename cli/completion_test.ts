import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { isInstalled, unless } from "../tests/support/programs.ts";
import { completionScript, shells } from "./completion.ts";
import { spelledOptions } from "./help.ts";
import { commands } from "./registry.ts";
import { runWith } from "./testdata/world.ts";

const installed = Object.fromEntries(
  await Promise.all(shells.map(async (shell) => [shell, await isInstalled(shell, "--version")] as const)),
);

for (const shell of shells) {
  Deno.test(`completion for ${shell} has every command and option`, () => {
    const script = completionScript(shell, commands);
    for (const command of commands) {
      assertStringIncludes(script, command.name);
      for (const [name] of spelledOptions(command)) {
        assertStringIncludes(script, shell === "fish" ? `-l ${name} ` : `--${name}`);
      }
    }
  });

  Deno.test({
    name: `completion for ${shell} is a script of that shell${unless(installed[shell]!, shell)}`,
    ignore: !installed[shell],
    fn: async () => {
      const path = await Deno.makeTempFile();
      await Deno.writeTextFile(path, completionScript(shell, commands));
      const { success, stderr } = await new Deno.Command(shell, { args: ["-n", path] }).output();
      assert(success, new TextDecoder().decode(stderr));
      await Deno.remove(path);
    },
  });
}

Deno.test("with --json a script is a text in JSON", async () => {
  const { code, out } = await runWith(["completions", "zsh", "--json"], commands);
  assertEquals([code, JSON.parse(out)], [0, { shell: "zsh", script: completionScript("zsh", commands) }]);
});

/** What bash proposes for the last of these words. */
async function proposed(folder: string, ...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const program = `compopt() { :; }\n${completionScript("bash", commands)}
    COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _sttp; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await new Deno.Command("bash", { args: ["-c", program], cwd: folder }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "").sort();
}

Deno.test({
  name: `bash completes commands, options, choices and files${unless(installed.bash!, "bash")}`,
  ignore: !installed.bash,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    await Deno.writeTextFile(`${folder}/meta data.xml`, "");
    assertEquals(await proposed(folder, "sttp", "comp"), ["completions"]);
    assertEquals(await proposed(folder, "sttp", "help", "fil"), ["filter"]);
    assertEquals(await proposed(folder, "sttp", "subscribe", "--pro"), ["--progress", "--protocol"]);
    assertEquals(await proposed(folder, "sttp", "subscribe", "--protocol", ""), ["1", "2", "3"]);
    assertEquals(await proposed(folder, "sttp", "completions", ""), [...shells].sort());
    assertEquals(await proposed(folder, "sttp", "publish", "--metadata", "me"), ["meta data.xml"]);
    assertEquals(await proposed(folder, "sttp", "filter", "m"), ["meta data.xml"]);
    assertEquals(await proposed(folder, "sttp", "subscribe", "--count", ""), []);
    await Deno.remove(folder, { recursive: true });
  },
});
