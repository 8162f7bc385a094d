/**
 * The command lines of the tasks that run tests.
 *
 * @module
 */

/** What to say instead of doing it, and with which exit code. */
export interface Answer {
  readonly exitCode: 0 | 2;
  readonly text: string;
}

/**
 * Reads options, by `parseArgs()` of node:util and further checks.
 *
 * @param usage Told with what is wrong.
 * @param read Throws a `TypeError` that says what is wrong, as `parseArgs()` does.
 */
export function answering<Options>(usage: string, read: () => Options | Answer): Options | Answer {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { exitCode: 2, text: `${error.message}\n\n${usage}` };
  }
}

/** The options, if there are any; else says what there is to say, and ends the process. */
export function optionsOrExit<Options extends object>(read: Options | Answer): Options {
  if (!("exitCode" in read)) return read;
  const { exitCode, text } = read as Answer;
  (exitCode === 0 ? console.log : console.error)(text);
  Deno.exit(exitCode);
}
