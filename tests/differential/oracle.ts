import { TextLineStream } from "@std/streams";

/** What sttpapi is asked; see oracle.py. */
export interface Request {
  readonly tables: readonly unknown[];
  readonly expressions: readonly (readonly [table: string, row: number, text: string])[];
  readonly selections: readonly (readonly [primaryTable: string, text: string])[];
}

/** What came of an expression, in a spelling in which equal texts are equal values; or the error. */
export type Outcome = { readonly type: string; readonly value: string | null } | { readonly error: string };

/** What came of a selection: the rows' places in their table; or the error. */
export type SelectionOutcome = { readonly rows: readonly number[] } | { readonly error: string };

/** The answers, in the order of the questions. */
export interface Answers {
  readonly expressions: readonly Outcome[];
  readonly selections: readonly SelectionOutcome[];
}

/**
 * Asks sttpapi, with the work split between two processes.
 *
 * @param python The interpreter that has it.
 * @throws {Error} When it fails as a whole.
 */
export async function ask(python: string, request: Request): Promise<Answers> {
  const half = Math.ceil(request.expressions.length / 2);
  const [first, second] = await Promise.all([
    askOnce(python, { ...request, expressions: request.expressions.slice(0, half), selections: [] }),
    askOnce(python, { ...request, expressions: request.expressions.slice(half) }),
  ]);
  const rest = request.expressions.length - half;
  return {
    expressions: [...first, ...second.slice(0, rest)] as Outcome[],
    selections: second.slice(rest) as SelectionOutcome[],
  };
}

async function askOnce(python: string, request: Request): Promise<unknown[]> {
  const script = new URL("oracle.py", import.meta.url);
  const command = new Deno.Command(python, {
    args: [script.pathname],
    env: { TZ: "UTC", PYTHONIOENCODING: "utf-8", PYTHONDONTWRITEBYTECODE: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  });
  await using child = command.spawn();
  const written = writeAll(child.stdin, JSON.stringify(request));
  const answers: unknown[] = [];
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) if (line.startsWith("{")) answers.push(JSON.parse(line));
  await written;
  const { success, code } = await child.status;
  const expected = request.expressions.length + request.selections.length;
  if (!success || answers.length !== expected) {
    throw new Error(`sttpapi gave ${answers.length} answers of ${expected} and exited with ${code}`);
  }
  return answers;
}

async function writeAll(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
}
