/**
 * Makes a file one that takes no bytes, as on a disk that is full: what is written to it fails with ENOSPC. Where the
 * system has no device for that, it can't even be opened.
 *
 * @param path A file that does not exist.
 * @returns Makes room again.
 */
export async function fillDisk(path: string): Promise<() => Promise<void>> {
  if (Deno.build.os === "linux") await Deno.symlink("/dev/full", path);
  else await Deno.mkdir(path);
  return () => Deno.remove(path);
}
