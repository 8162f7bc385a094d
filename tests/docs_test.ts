/** Tests that documents name must be there. */
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";

/** Documents, and how many tests each names at least: fewer are a sign that they are no longer found. */
const documents = {
  "docs/guarantees.md": 50,
  "docs/limits.md": 100,
  "docs/observability.md": 4,
  "SECURITY.md": 2,
};

/**
 * The tests that a document names: a file in backquotes, or `(the same` for the file before, and a colon, then names in
 * quotes.
 */
function* named(text: string): Generator<{ file: string; name: string }> {
  let last: string | undefined;
  for (
    const [, file, names] of text.matchAll(/(?:`([\w/.-]+\.ts)`|\(the\s+same):\s+("[^"]+"(?:,\s+"[^"]+")*)/g)
  ) {
    last = file ?? last;
    assert(last !== undefined, `the same as what? ${names}`);
    for (const [, name] of names!.matchAll(/"([^"]+)"/g)) {
      yield { file: last, name: name!.replaceAll(/\s+/g, " ") };
    }
  }
}

/**
 * The names of a file's tests and steps. Of a name that is put together, its fixed parts, and what stands in these
 * between marks. The attacks of `tests/abuse/suite.ts` have theirs as the keys of a table.
 */
function titles(source: string): Set<string> {
  const found = new Set<string>();
  const title = /(?:\bDeno\.test|\bstep)\(\s*(?:\{\s*name:\s*)?(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)/g;
  for (const [, plain, composed] of source.matchAll(title)) {
    if (plain !== undefined) found.add(plain);
    else for (const part of composed!.split(/\$\{[^}]*\}/)) addClauses(part, found);
  }
  const [, attacks = ""] = /^const attacks\b.*? = \{$(.*?)^\};$/ms.exec(source) ?? [];
  for (const [, quoted, plain] of attacks.matchAll(/^ {2}(?:"([^"]+)"|(\w+)): \{/gm)) {
    found.add((quoted ?? plain)!);
  }
  return found;
}

/** Adds every run of a text's clauses. */
function addClauses(text: string, found: Set<string>): void {
  const clauses = text.split(/(?<=[:;,]) /);
  for (let from = 0; from < clauses.length; from++) {
    for (let to = from + 1; to <= clauses.length; to++) {
      const run = clauses.slice(from, to).join(" ").replaceAll(/^[\s:;,]+|[\s:;,]+$/g, "");
      if (run !== "") found.add(run);
    }
  }
}

for (const [document, least] of Object.entries(documents)) {
  Deno.test(`${document} names tests that exist`, () => {
    const text = read(document);
    const found = [...named(text)];
    assertGreaterOrEqual(found.length, least);
    for (const { file, name } of found) {
      assert(titles(read(file)).has(name), `${document}: there is no test "${name}" in ${file}`);
    }
    // Whatever else it says of tests, they are there.
    for (const [, file] of text.matchAll(/`([\w.-]+\/[\w/.-]+_test\.ts)`/g)) read(file!);
  });
}

Deno.test("the events that commands and the admin log are those that documents name", () => {
  const logged = new Set<string>();
  for (const folder of ["cli", "admin"]) {
    for (const file of filesIn(folder, ".ts")) {
      if (file.endsWith("_test.ts")) continue;
      for (const [, name] of read(file).matchAll(/\b(?:log|ownLog)(?:\.\w+|\[\w+\])\(\s*"([^"]+)"/g)) {
        logged.add(name!);
      }
    }
  }
  const kinds = [...new Set([...logged].map((name) => name.split(".")[0]!))].sort();
  assertEquals(kinds, ["admin", "cli", "history", "relay"]);
  const inDocuments = new Set<string>();
  for (const file of filesIn("docs", ".md")) {
    const names = new RegExp(`\`((?:${kinds.join("|")})\\.\\w+)\``, "g");
    for (const [, name] of read(file).matchAll(names)) inDocuments.add(name!);
  }
  assertEquals([...inDocuments].sort(), [...logged].sort());
});

Deno.test("a name is that of a test where a test has it, and not where it happens to stand", () => {
  const source = [
    '// "in a comment"',
    'Deno.test("plain", () => {});',
    'Deno.test({\n  name: "with options",\n});',
    'Deno.test(`version ${version}: composed of ${parts ? "two" : "more"}`, () => {});',
    'await t.step("a step", () => {});',
    'assertEquals(name, "an argument");',
  ].join("\n");
  assertEquals([...titles(source)], ["plain", "with options", "version", "composed of", "a step"]);
  assertEquals(
    [...titles('const attacks = {\n  "slow loris": { connections: 3 },\n  strangers: {},\n};\n')],
    [
      "slow loris",
      "strangers",
    ],
  );
  const references = [...named('`a/b_test.ts`: "one\n  name", "two"; so (the\nsame: "three"), not "four".')];
  assertEquals(references.map(({ file, name }) => `${file} ${name}`), [
    "a/b_test.ts one name",
    "a/b_test.ts two",
    "a/b_test.ts three",
  ]);
});

/** The files below a folder whose names end so. */
function* filesIn(folder: string, end: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(`../${folder}`, import.meta.url))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesIn(path, end);
    else if (name.endsWith(end)) yield path;
  }
}

function read(path: string): string {
  return Deno.readTextFileSync(new URL(`../${path}`, import.meta.url));
}
