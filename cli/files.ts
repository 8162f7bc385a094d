/**
 * Files that commands write.
 *
 * @module
 */

/**
 * Writes a file that is there as a whole or, when something goes wrong, as it was before.
 *
 * @param path Where to.
 * @param write Writes to the file that will be it.
 */
export async function replaceFile<T>(path: string, write: (file: Deno.FsFile) => Promise<T>): Promise<T> {
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
