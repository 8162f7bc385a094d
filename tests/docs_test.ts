/** Tests that documents name must be there. */
import { assert, assertGreater } from "@std/assert";

const documents = ["docs/guarantees.md", "docs/limits.md"];

/** The tests that a document names: a file in backquotes and a colon, then names in quotes. */
function* named(text: string): Generator<{ file: string; name: string }> {
  for (const [, file, names] of text.matchAll(/`([\w/.-]+\.ts)`: ("[^"]+"(?:, "[^"]+")*)/g)) {
    for (const [, name] of names!.matchAll(/"([^"]+)"/g)) {
      yield { file: file!, name: name!.replaceAll(/\s+/g, " ") };
    }
  }
}

for (const document of documents) {
  Deno.test(`${document} names tests that exist`, () => {
    const found = [...named(read(document))];
    assertGreater(found.length, 5);
    for (const { file, name } of found) {
      assert(read(file).includes(name), `${document}: there is no test "${name}" in ${file}`);
    }
  });
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
}
