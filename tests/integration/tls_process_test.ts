/** A publisher and a subscriber in two processes, over TLS, whoever connects; and peers with somebody else's certificate. */
import { assertEquals, assertRejects } from "@std/assert";
import { Subscriber, SubscriberListener } from "../../subscriber/mod.ts";
import { connectTls, listenTls, TlsError, type TlsOptions } from "../../transport/mod.ts";
import { Program } from "../interop/program.ts";
import { runChild } from "../support/child.ts";
import { isInstalled, unless } from "../support/programs.ts";
import { testCertificates } from "../support/tls.ts";
import { all, receive, until } from "./support.ts";

const hostname = "127.0.0.1";
const size = 20;
const rounds = 30;

/** A publisher in a process of its own, which may use the network and nothing else. @param target Whom to connect to; none to listen. */
function publisherProcess(tls: TlsOptions, target?: string): Program {
  return runChild(async ({ Publisher, metadataOf, roundOf, until, say }, { tls, target, size, rounds }) => {
    const publisher = new Publisher({
      ...(target === undefined ? { port: 0, hostname: "127.0.0.1" } : { listen: false }),
      tls,
    });
    publisher.defineMetadata(metadataOf(size));
    await publisher.start();
    if (target === undefined) say("listening", { address: publisher.address });
    else publisher.connect(target);
    await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
    for (let round = 0; round < rounds; round++) {
      publisher.publish(roundOf(publisher, size, round));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await until(() => publisher.stats().open.length === 0);
    const { connections, recentlyClosed } = publisher.stats();
    say("ended", { closed: connections.closed, name: recentlyClosed[0]?.certificate?.name });
    await publisher.stop();
  }, { tls, target, size, rounds });
}

/** How the connection ended, whose certificate it saw, and that nothing keeps the process alive. */
async function assertEnd(publisher: Program): Promise<void> {
  const { closed, name } = await publisher.next("ended");
  assertEquals([closed, name], [{ peerClosed: 1 }, "server"]);
  assertEquals(await publisher.result(), { code: 0, errors: [] });
}

Deno.test("two processes: the subscriber connects over TLS", async () => {
  const { ca, server, client } = await testCertificates();
  await using publisher = publisherProcess({ ...client, ca });
  await using subscriber = new Subscriber({ filter: all, tls: { ...server, ca } });
  await subscriber.connect(String((await publisher.next("listening"))["address"]));
  assertEquals((await receive(subscriber, rounds * size)).count, rounds * size);
  await subscriber.disconnect();
  await assertEnd(publisher);
});

Deno.test("two processes: the publisher connects over TLS", async () => {
  const { ca, server, client } = await testCertificates();
  const subscriber = new Subscriber({ filter: all, tls: { ...server, ca }, reconnect: false });
  const { address } = await subscriber.listen({ hostname, port: 0 });
  await using publisher = publisherProcess({ ...client, ca }, address);
  assertEquals((await receive(subscriber, rounds * size)).count, rounds * size);
  assertEquals(subscriber.peer?.certificate?.name, "client");
  await subscriber.disconnect();
  await assertEnd(publisher);
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
  await using ending = new AsyncDisposableStack();
  const processes = own.map((certificate) =>
    ending.use(publisherProcess({ ...certificate, ca }, listener.address))
  );
  const names: (string | undefined)[] = [];
  for await (const subscriber of listener) {
    assertEquals((await receive(subscriber, rounds * size)).count, rounds * size);
    if (names.push(subscriber.peer?.certificate?.name) === 2) break;
  }
  assertEquals(names.sort(), ["LOWELL", "SHELBY"]);
  await listener.stop();
  for (const process of processes) await assertEnd(process);
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
      const run = (role: string, address: string, certificate: string, key: string): Program =>
        Program.start(impostor, [role, address, certificate, key]);
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
        await using asClient = run("client", listener.address, client.certificate, foreign.key);
        await asClient.line(/^refused$/);
        await until(() => refused.length === 1);
        // With the right key it is no impostor.
        await using honest = run("client", listener.address, client.certificate, client.key);
        const channel = await accepting;
        await channel!.write(new Uint8Array(1));
        await honest.line(/^trusted$/);
        channel!.close();
        listener.close();

        await using asServer = run("server", `${hostname}:0`, server.certificate, foreign.key);
        const port = Number((await asServer.line(/^127\.0\.0\.1:(\d+)$/))[1]);
        await assertRejects(() => connectTls({ hostname, port, tls: { ...client, ...trust } }), TlsError);
        await asServer.line(/^refused$/);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
