/**
 * Files that commands write.
 *
 * @module
 */

import { CommandError, ExitCode, writing } from "./exit_codes.ts";

/** What a SQLite database begins with. */
const DATABASE = "SQLite format 3\0";

/**
 * Checks that what is to be written over is no database: that holds what does not come again, and is never replaced by
 * something else.
 *
 * @throws {CommandError} When it is one.
 */
export async function checkNoDatabase(path: string): Promise<void> {
  const there = await Deno.stat(path).catch(() => undefined);
  // Not a pipe: that would wait for who writes to it.
  if (!there?.isFile || there.size < DATABASE.length) return;
  using file = await Deno.open(path);
  const head = new Uint8Array(DATABASE.length);
  const length = await file.read(head) ?? 0;
  if (new TextDecoder().decode(head.subarray(0, length)) !== DATABASE) return;
  throw new CommandError(ExitCode.Failed, `${path} is a SQLite database: it is not written over`);
}

/**
 * Writes a file that is there as a whole or, when something goes wrong, as it was before.
 *
 * @param path Where to.
 * @param write Writes to the file that will be it.
 * @throws {CommandError} When it can't be written, or a database is there.
 */
export async function replaceFile<T>(path: string, write: (file: Deno.FsFile) => Promise<T>): Promise<T> {
  await checkNoDatabase(path);
  return await writing(path, () => replace(path, write));
}

async function replace<T>(path: string, write: (file: Deno.FsFile) => Promise<T>): Promise<T> {
  const unfinished = `${path}.part`;
  const file = await Deno.open(unfinished, { write: true, create: true, truncate: true });
  try {
    const result = await write(file);
    close(file);
    await Deno.rename(unfinished, path);
    return result;
  } catch (error) {
    close(file);
    await Deno.remove(unfinished).catch(() => {});
    throw error;
  }
}

/** A stream that was piped into a file has closed it. */
function close(file: Deno.FsFile): void {
  try {
    file.close();
  } catch {
    // It was closed.
  }
}
