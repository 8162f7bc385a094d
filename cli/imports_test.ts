import { assert, assertEquals } from "@std/assert";

const exceptions = new Set(
  [
    // What explains recorded sessions reads them as a session of ours does.
    "capture/conversation.ts",
    // What merges metadata gives way to data between its steps.
    "relay/merge_metadata.ts",
    "relay/relay.ts",
  ].map((path) => new URL(path, import.meta.url).href),
);

/** All modules below a folder. */
async function* modules(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) yield* modules(url);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts") && !folder.pathname.endsWith("/testdata/")) {
      yield url;
    }
  }
}

Deno.test("the command line is made of what the package exports, and of nothing else", async () => {
  const here = new URL(".", import.meta.url);
  const root = new URL("..", here);
  const settings = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const exported = new Set(
    Object.values(settings.exports as Record<string, string>).map((path) => new URL(path, root).href),
  );
  exported.add(new URL("deno.json", root).href);
  const inside: string[] = [];
  let count = 0;
  for await (const module of modules(here)) {
    count++;
    if (exceptions.has(module.href)) continue;
    const text = await Deno.readTextFile(module);
    for (const [, path] of text.matchAll(/(?:from|import\() ?"(\.[^"]*)"/g)) {
      const { href } = new URL(path!, module);
      if (!href.startsWith(here.href) && !exported.has(href)) inside.push(`${module.pathname}: ${path}`);
    }
  }
  assert(count > 40);
  assertEquals(inside, []);
});
