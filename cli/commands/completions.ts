/**
 * `sttp completions`.
 *
 * @module
 */
import { type Command, defineCommand } from "../command.ts";
import { completionScript, shells } from "../completion.ts";
import { ExitCode } from "../exit_codes.ts";
import { choice } from "../option.ts";

/** Makes the command: it has to know the others. */
export function completions(commands: () => readonly Command[]): Command {
  return defineCommand({
    name: "completions",
    summary: "Write the script that completes commands and options in a shell",
    description: "",
    operands: {
      shell: choice(...shells)({ summary: `which shell: ${shells.join(", ")}`, required: true }),
    },
    options: {},
    examples: [
      {
        line: "completions bash > /etc/bash_completion.d/sttp",
        explanation: "Bash, for everybody on the machine",
      },
      { line: "completions zsh > ~/.zfunc/_sttp", explanation: "Zsh, with ~/.zfunc in $fpath" },
      { line: "completions fish > ~/.config/fish/completions/sttp.fish", explanation: "Fish" },
    ],
    async run({ shell }, { output }): Promise<ExitCode> {
      const script = completionScript(shell, commands());
      if (output.json) await output.value({ shell, script });
      else await output.line(script);
      return ExitCode.Ok;
    },
  });
}
