/** What SECURITY.md says of the code as a whole. */
import { assert, assertEquals } from "@std/assert";
import { Logger, logPublisher, logSubscriber } from "../log/mod.ts";
import { Publisher } from "../publisher/mod.ts";
import { Subscriber } from "../subscriber/mod.ts";
import { createTestCertificates } from "../transport/mod.ts";
import { metadataOf, until } from "./integration/support.ts";

const root = new URL("../", import.meta.url);

/** The sources that are published. */
function* sources(folder: URL): Generator<[path: string, text: string]> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const url = new URL(name + (isDirectory ? "/" : ""), folder);
    if (isDirectory && name !== "testdata") yield* sources(url);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) yield [url.href, Deno.readTextFileSync(url)];
  }
}

// A timer with a text, `new Function` and its relatives, and an import of what is computed.
const evaluates =
  /\beval\s*\(|\bFunction\s*\(|\.constructor\s*\(\s*["'`]|set(?:Timeout|Interval)\s*\(\s*["'`]|\bimport\s*\((?!\s*["'])/;

/** A source without its comments. What looks like one within a text stays: `"https://..."`. */
function withoutComments(source: string): string {
  const text = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[^])*`/;
  // Behind a space or where a line begins: a slash before it would end a regular expression.
  const comment = /(?<=^|\s)(?:\/\*[^]*?\*\/|\/\/.*)/;
  return source.replaceAll(new RegExp(`(${text.source})|${comment.source}`, "gm"), "$1");
}

Deno.test("code behind an address is looked at, comments are not", () => {
  for (
    const start of ['f("https://a"); ', "f('// a', `// ${b}`); ", "f(/:\\/\\//); ", '"\\" // "; ', "/* a */ "]
  ) {
    assert(evaluates.test(withoutComments(`${start}eval(text)`)), start);
  }
  for (const comment of ["// eval(text)", "  // don't eval(text)", "/** `eval(text)`\n * eval(text) */"]) {
    assert(!evaluates.test(withoutComments(`f("https://a"); ${comment}\ng("b");`)), comment);
  }
});

Deno.test("no text is run as code", () => {
  const { publish } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root)));
  const folders: string[] = publish.include.filter((name: string) => !/\.|^tests|LICENSE/.test(name));
  assert(folders.length > 5);
  for (const folder of folders) {
    for (const [path, text] of sources(new URL(`${folder}/`, root))) {
      const code = withoutComments(text);
      assert(!evaluates.test(code), `${path}: ${evaluates.exec(code)?.[0]}`);
    }
  }
});

Deno.test("no log has a key, a passphrase or a token in it, at any level", async () => {
  const { authority, server, client } = await createTestCertificates();
  const ca = authority.certificate;
  const lines: string[] = [];
  const log = new Logger({ level: "debug", rateLimit: false, output: (line) => lines.push(line) });
  await using publisher = new Publisher({
    port: 0,
    hostname: "127.0.0.1",
    tls: { ...server, ca },
    udp: { encrypt: true },
  });
  publisher.defineMetadata(metadataOf(4));
  using _publisher = logPublisher(log, publisher);
  await publisher.start();
  await using subscriber = new Subscriber({
    tls: { ...client, ca },
    udp: true,
    filter: "FILTER ActiveMeasurements WHERE True",
  });
  using _subscriber = logSubscriber(log, subscriber);
  await subscriber.connect(publisher.address);
  await until(() => subscriber.stats().cipherKeys > 0);
  // One who is refused, with what there is to tell of it.
  await using stranger = new Subscriber({ tls: { ca }, reconnect: false });
  using _stranger = logSubscriber(log, stranger);
  await stranger.connect(publisher.address).catch(() => {});
  await subscriber.disconnect();
  await until(() => lines.some((line) => line.includes("publisher.disconnected")));

  assert(lines.length > 10);
  const keys = [server.key, client.key].flatMap((key) =>
    key.split("\n").filter((line) => /^[\w+/=]{20,}$/.test(line))
  );
  assertEquals(keys.length > 4, true);
  for (const line of lines) {
    assert(!line.includes("PRIVATE KEY"), line);
    for (const key of keys) assert(!line.includes(key), line);
    // Keys would be digits or letters without end, or many small numbers; a certificate's fingerprint is not secret.
    const others = line.replaceAll(/"fingerprint":"[^"]*"/g, "");
    assert(!/[0-9a-f]{32}|[A-Za-z0-9+/_-]{40}|(?:\b\d{1,3}\b\W{1,3}){16}/.test(others), line);
  }
});
