/** A publisher and a subscriber in two processes, over TLS, whoever connects; and peers with somebody else's certificate. */
import { assertEquals, assertRejects } from "@std/assert";
import { Subscriber, SubscriberListener } from "../../subscriber/mod.ts";
import { connectTls, listenTls, TlsError, type TlsOptions } from "../../transport/mod.ts";
import { isInstalled, unless } from "../support/programs.ts";
import { testCertificates } from "../support/tls.ts";
import { all, receive } from "./support.ts";

const hostname = "127.0.0.1";
const size = 20;
const rounds = 30;
const config = new URL("../../deno.json", import.meta.url).pathname;
const support = new URL("./support.ts", import.meta.url).href;

/** A publisher in a process of its own, which may use the network and nothing else. */
class PublisherProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;

  /** @param target Whom to connect to; none to listen. */
  constructor(tls: TlsOptions, target?: string) {
    const program = `
      import { Publisher } from ${JSON.stringify(new URL("../../publisher/mod.ts", import.meta.url).href)};
      import { metadataOf, roundOf, until } from ${JSON.stringify(support)};
      const publisher = new Publisher({
        ${target === undefined ? `port: 0, hostname: "${hostname}"` : "listen: false"}, tls: ${
      JSON.stringify(tls)
    },
      });
      publisher.defineMetadata(metadataOf(${size}));
      await publisher.start();
      ${target === undefined ? "console.log(publisher.address);" : `publisher.connect("${target}");`}
      await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
      for (let round = 0; round < ${rounds}; round++) {
        publisher.publish(roundOf(publisher, ${size}, round));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await until(() => publisher.stats().open.length === 0);
      const { connections, recentlyClosed: [{ certificate }] } = publisher.stats();
      console.log(JSON.stringify([connections.closed, certificate?.name]));
      await publisher.stop();`;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--quiet",
        "--no-prompt",
        "--allow-net",
        `--config=${config}`,
        `data:text/typescript,${encodeURIComponent(program)}`,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new LineStream())
      .getReader();
  }

  /** The next line that it prints; none when it has ended. */
  async line(): Promise<string | undefined> {
    return (await this.#lines.read()).value;
  }

  /** Waits until nothing keeps the process alive. */
  async [Symbol.asyncDispose](): Promise<void> {
    assertEquals(await this.line(), undefined);
    assertEquals((await this.#child.status).code, 0);
  }
}

/** Text to lines. */
class LineStream extends TransformStream<string, string> {
  constructor() {
    let rest = "";
    super({
      transform(chunk, controller): void {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop()!;
        for (const line of lines) controller.enqueue(line);
      },
    });
  }
}

/** What the publisher says at the end: how the connection ended, and whose certificate it saw. */
const last = JSON.stringify([{ peerClosed: 1 }, "server"]);

Deno.test("two processes: the subscriber connects over TLS", async () => {
  const { ca, server, client } = await testCertificates();
  await using publisher = new PublisherProcess({ ...client, ca });
  await using subscriber = new Subscriber({ filter: all, tls: { ...server, ca } });
  await subscriber.connect(await publisher.line());
  assertEquals((await receive(subscriber, rounds * size)).count, rounds * size);
  await subscriber.disconnect();
  assertEquals(await publisher.line(), last);
});

Deno.test("two processes: the publisher connects over TLS", async () => {
  const { ca, server, client } = await testCertificates();
  const subscriber = new Subscriber({ filter: all, tls: { ...server, ca }, reconnect: false });
  const { address } = await subscriber.listen({ hostname, port: 0 });
  await using publisher = new PublisherProcess({ ...client, ca }, address);
  assertEquals((await receive(subscriber, rounds * size)).count, rounds * size);
  assertEquals(subscriber.peer?.certificate?.name, "client");
  await subscriber.disconnect();
  assertEquals(await publisher.line(), last);
});

Deno.test("two publishers in processes of their own into one application", async () => {
  const { ca, authority, server } = await testCertificates();
  await using listener = new SubscriberListener({
    hostname,
    port: 0,
    tls: { ...server, ca },
    subscriber: { filter: all },
  });
  await listener.start();
  const own = [await authority.issue({ name: "SHELBY" }), await authority.issue({ name: "LOWELL" })];
  const processes = own.map((certificate) => new PublisherProcess({ ...certificate, ca }, listener.address));
  const names: (string | undefined)[] = [];
  for await (const subscriber of listener) {
    assertEquals((await receive(subscriber, rounds * size)).count, rounds * size);
    if (names.push(subscriber.peer?.certificate?.name) === 2) break;
  }
  assertEquals(names.sort(), ["LOWELL", "SHELBY"]);
  await listener.stop();
  for (const process of processes) {
    assertEquals(await process.line(), last);
    await process[Symbol.asyncDispose]();
  }
});

const hasGo = await isInstalled("go");

Deno.test({
  name: `who shows a trusted certificate without having its key is refused, on either side${
    unless(hasGo, "go")
  }`,
  ignore: !hasGo,
  async fn(): Promise<void> {
    const { ca, server, client, foreign } = await testCertificates();
    const folder = await Deno.makeTempDir();
    try {
      const cwd = new URL("../support/tls_impostor", import.meta.url);
      const impostor = `${folder}/impostor`;
      const { success } = await new Deno.Command("go", { args: ["build", "-o", impostor, "."], cwd })
        .output();
      assertEquals(success, true);
      const run = (role: string, address: string, certificate: string, key: string): Deno.ChildProcess =>
        new Deno.Command(impostor, { args: [role, address, certificate, key], stdout: "piped" }).spawn();
      const trusts = [{ ca }, {
        trustedCertificates: [server, client].map(({ certificate }) => certificate),
      }];
      for (const trust of trusts) {
        const refused: TlsError[] = [];
        const listener = await listenTls({
          hostname,
          port: 0,
          tls: { ...server, ...trust },
          onRefused: (error) => refused.push(error),
        });
        const accepting = listener.accept();
        const asClient = await run("client", listener.address, client.certificate, foreign.key).output();
        assertEquals(new TextDecoder().decode(asClient.stdout), "refused\n");
        assertEquals(refused.length, 1);
        // With the right key it is no impostor.
        const honest = run("client", listener.address, client.certificate, client.key);
        const channel = await accepting;
        await channel!.write(new Uint8Array(1));
        assertEquals(new TextDecoder().decode((await honest.output()).stdout), "trusted\n");
        channel!.close();
        listener.close();

        const asServer = run("server", `${hostname}:0`, server.certificate, foreign.key);
        const lines = asServer.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new LineStream())
          .getReader();
        const port = Number((await lines.read()).value!.split(":")[1]);
        await assertRejects(() => connectTls({ hostname, port, tls: { ...client, ...trust } }), TlsError);
        assertEquals((await lines.read()).value, "refused");
        await asServer.status;
        await lines.cancel();
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
