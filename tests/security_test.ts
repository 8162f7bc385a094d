/** What SECURITY.md says of the code as a whole. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createPrivateKey } from "node:crypto";
import { type AdminAction, createAdmin } from "../admin/mod.ts";
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

/** What nobody may find in a log, each to be told by the same word. */
const secrets = {
  passphrase: "marker-passphrase",
  wrongPassphrase: "marker-wrong-passphrase",
  operator: "marker-of-otto",
  reader: "marker-of-rita",
  wrong: "marker-typed-by-mistake",
  short: "marker",
} as const;

/** A key that takes the passphrase to be read. */
function encrypted(key: string): string {
  const { passphrase } = secrets;
  const options = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase } as const;
  return createPrivateKey(key).export(options) as string;
}

/** Signs in to an admin and acts, rightly and wrongly. */
async function operate(
  publisher: Publisher,
  log: Logger,
  onAction: (action: AdminAction) => void,
): Promise<void> {
  const otto = { name: "otto", role: "operator", secret: secrets.operator } as const;
  const rita = { name: "rita", role: "reader", secret: secrets.reader } as const;
  const admin = createAdmin(publisher, { credentials: [otto, rita], actions: true, log, onAction });
  const ask = async (authorization: string, path: string, body?: string): Promise<number> => {
    const headers = { authorization, "content-type": "application/json" };
    const init = body === undefined ? { headers } : { headers, body, method: "POST" };
    const response = await admin.fetch(new Request(`http://localhost/api/v1/${path}`, init));
    await response.body?.cancel();
    return response.status;
  };
  const basic = (name: string, secret: string): string => `Basic ${btoa(`${name}:${secret}`)}`;
  const notification = JSON.stringify({ text: "hello" });
  assertEquals(await ask(`Bearer ${secrets.operator}`, "status"), 200);
  assertEquals(await ask(basic("rita", secrets.reader), "status"), 200);
  assertEquals(await ask(`Bearer ${secrets.operator}`, "notifications", notification), 200);
  assertEquals(
    await ask(basic("otto", secrets.operator), "log-level", JSON.stringify({ level: "debug" })),
    200,
  );
  assertEquals(await ask(basic("rita", secrets.reader), "notifications", notification), 403);
  for (const wrong of [`Bearer ${secrets.wrong}`, basic("otto", secrets.wrong), secrets.wrong]) {
    assertEquals(await ask(wrong, "status"), 401);
    assertEquals(await ask(wrong, "notifications", notification), 401);
  }
  const short = { ...otto, secret: secrets.short };
  log.error("app.failed", { error: assertThrows(() => createAdmin(publisher, { credentials: [short] })) });
  admin.close();
}

Deno.test("no log has a key, a passphrase or a token in it, at any level", async () => {
  const { authority, server, client } = await createTestCertificates();
  const ca = authority.certificate;
  const lines: string[] = [];
  const log = new Logger({ level: "debug", rateLimit: false, output: (line) => lines.push(line) });
  const own = { ...server, key: encrypted(server.key), passphrase: secrets.passphrase };
  await using publisher = new Publisher({
    port: 0,
    hostname: "127.0.0.1",
    tls: { ...own, ca },
    udp: { encrypt: true },
  });
  publisher.defineMetadata(metadataOf(4));
  using _publisher = logPublisher(log, publisher);
  await publisher.start();
  await using subscriber = new Subscriber({
    tls: { ...client, key: encrypted(client.key), passphrase: secrets.passphrase, ca },
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
  // A key that can't be used, as a program would tell of it.
  const tls = { ...own, passphrase: secrets.wrongPassphrase };
  log.error("app.failed", { error: assertThrows(() => new Publisher({ tls })) });
  await operate(publisher, log, (action) => {
    lines.push(JSON.stringify(action));
    log.info("admin.action", { ...action });
  });
  await subscriber.disconnect();
  await until(() => lines.some((line) => line.includes("publisher.disconnected")));

  assert(lines.length > 10);
  for (const event of ["admin.signInFailed", "admin.action", "app.failed"]) {
    assert(lines.some((line) => line.includes(`"${event}"`)), `no ${event} among what is looked at`);
  }
  const keys = [server.key, client.key, own.key].flatMap((key) =>
    key.split("\n").filter((line) => /^[\w+/=]{20,}$/.test(line))
  );
  const marks = Object.values(secrets).flatMap((secret) =>
    ["", "otto:", "rita:"].map((name) => btoa(name + secret).replace(/=+$/, ""))
  );
  assertEquals(keys.length > 4, true);
  for (const line of lines) {
    assert(!line.includes("PRIVATE KEY"), line);
    assert(!/marker/i.test(line), line);
    for (const key of [...keys, ...marks]) assert(!line.includes(key), line);
    // Keys would be digits or letters without end, or many small numbers; a certificate's fingerprint is not secret.
    const others = line.replaceAll(/"fingerprint":"[^"]*"/g, "");
    assert(!/[0-9a-f]{32}|[A-Za-z0-9+/_-]{40}|(?:\b\d{1,3}\b\W{1,3}){16}/.test(others), line);
  }
});
