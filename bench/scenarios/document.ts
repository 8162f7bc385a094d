import { generateMetadata } from "../metadata/generate.ts";

/** Writes metadata of so many signals to a file for the time that something runs. */
export async function withDocument<T>(signals: number, use: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    await Deno.writeTextFile(path, generateMetadata(signals).toXml());
    return await use(path);
  } finally {
    await Deno.remove(path);
  }
}
