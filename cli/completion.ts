/**
 * Scripts that complete commands, options and their values in a shell.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { spelledOptions } from "./help.ts";
import type { Completion, Option } from "./option.ts";
import { PROGRAM } from "./version.ts";

/** The shells that there are scripts for. */
export const shells = ["bash", "zsh", "fish"] as const;
/** One of them. */
export type Shell = typeof shells[number];

/** The script for a shell. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/** The value that an operand or option is completed with. */
interface Completable {
  readonly completion: Completion | undefined;
}

/** The operand that a shell knows something about: whichever comes first. */
function completedOperand({ operands }: Command): Completable | undefined {
  return Object.values(operands).find(({ completion }) => completion !== undefined);
}

/** Quoted for any of the shells. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

// ---- bash ----

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = spelledOptions(command);
    const values = options.filter(([, { placeholder }]) => placeholder !== undefined).map(([name, option]) =>
      `        ${[`--${name}`, ...shortOf(option)].join("|")}) ${bashValues(option)}; return ;;`
    );
    const words = options.flatMap(([name, option]) => [`--${name}`, ...shortOf(option)]);
    const operand = completedOperand(command);
    return [
      `    ${command.name})`,
      `      case $previous in`,
      ...values,
      `      esac`,
      `      if [[ $current == -* ]]; then COMPREPLY=($(compgen -W ${quote(words.join(" "))} -- "$current"))`,
      `      else ${operand === undefined ? "COMPREPLY=()" : bashValues(operand)}; fi ;;`,
    ].join("\n");
  });
  const names = commands.map(({ name }) => name).join(" ");
  return `# Completes ${PROGRAM} in bash.
_${PROGRAM}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W ${quote(`${names} help --help --version`)} -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
    help) COMPREPLY=($(compgen -W ${quote(names)} -- "$current")) ;;
${cases.join("\n")}
  esac
}
complete -F _${PROGRAM} ${PROGRAM}`;
}

function bashValues({ completion }: Completable): string {
  if (completion === undefined) return "COMPREPLY=()";
  if (completion === "file" || completion === "directory") {
    // Names with spaces stay whole, and get their backslashes.
    return `compopt -o filenames; mapfile -t COMPREPLY < <(compgen -${
      completion === "file" ? "f" : "d"
    } -- "$current")`;
  }
  return `COMPREPLY=($(compgen -W ${quote(completion.join(" "))} -- "$current"))`;
}

function shortOf({ short }: Option<unknown>): string[] {
  return short === undefined ? [] : [`-${short}`];
}

// ---- zsh ----

function zsh(commands: readonly Command[]): string {
  const describe = ({ name, summary }: Command): string => quote(`${name}:${summary}`);
  const cases = commands.map((command) => {
    const options = spelledOptions(command).flatMap(([name, option]) =>
      [`--${name}`, ...shortOf(option)].map((spelling) => zshOption(spelling, option))
    );
    const operands = Object.entries(command.operands).map(([name, operand]) =>
      quote(`${operand.multiple ? "*" : ""}:${zshText(name)}:${zshValues(operand)}`)
    );
    return `    (${command.name}) _arguments ${[...options, ...operands].join(" \\\n      ")} ;;`;
  });
  return `#compdef ${PROGRAM}
_${PROGRAM}() {
  local -a commands=(${commands.map(describe).join(" \\\n    ")})
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local command=$words[2]
  words=("\${(@)words[2,-1]}")
  ((CURRENT--))
  case $command in
    (help) _describe command commands ;;
${cases.join("\n")}
  esac
}
# Found in $fpath, this file is the function; sourced, it defines it.
if [[ $funcstack[1] == _${PROGRAM} ]]; then _${PROGRAM} "$@"; else compdef _${PROGRAM} ${PROGRAM}; fi`;
}

function zshOption(spelling: string, option: Option<unknown>): string {
  const repeated = option.multiple ? "*" : "";
  const summary = `[${zshText(option.summary)}]`;
  if (option.placeholder === undefined) return quote(`${repeated}${spelling}${summary}`);
  return quote(`${repeated}${spelling}${summary}:${zshText(option.placeholder)}:${zshValues(option)}`);
}

function zshValues({ completion }: Completable): string {
  if (completion === undefined) return "";
  if (completion === "file") return "_files";
  if (completion === "directory") return "_files -/";
  return `(${completion.join(" ")})`;
}

function zshText(text: string): string {
  return text.replace(/[:[\]\\]/g, "\\$&");
}

// ---- fish ----

function fish(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const lines = [
    `# Completes ${PROGRAM} in fish.`,
    `complete -c ${PROGRAM} -f`,
    ...commands.map(({ name, summary }) =>
      `complete -c ${PROGRAM} -n __fish_use_subcommand -a ${name} -d ${fishQuote(summary)}`
    ),
    `complete -c ${PROGRAM} -n '__fish_seen_subcommand_from help' -a '${names}'`,
  ];
  for (const command of commands) {
    const start = `complete -c ${PROGRAM} -n '__fish_seen_subcommand_from ${command.name}'`;
    for (const [name, option] of spelledOptions(command)) {
      const short = option.short === undefined ? "" : ` -s ${option.short}`;
      const value = option.placeholder === undefined ? "" : ` -r${fishValues(option)}`;
      lines.push(`${start} -l ${name}${short}${value} -d ${fishQuote(option.summary)}`);
    }
    const operand = completedOperand(command);
    if (operand !== undefined) lines.push(`${start}${fishValues(operand)}`);
  }
  return lines.join("\n");
}

function fishValues({ completion }: Completable): string {
  if (completion === undefined) return "";
  if (completion === "file") return " -F";
  if (completion === "directory") return " -a '(__fish_complete_directories)'";
  return ` -a ${fishQuote(completion.join(" "))}`;
}

/** Quoted for fish, whose single quotes know backslashes. */
function fishQuote(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
