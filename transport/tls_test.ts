import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect as connectNode, type ConnectionOptions } from "node:tls";
import { isInstalled, unless } from "../tests/support/programs.ts";
import { testCertificates } from "../tests/support/tls.ts";
import type { Channel, ChannelListener, PeerInfo } from "./channel.ts";
import { ManualClock } from "./clock.ts";
import { SttpError } from "./errors.ts";
import { connectTcp } from "./tcp.ts";
import { connectTls, listenTls, type ListenTlsOptions, TlsError, type TlsOptions } from "./tls.ts";
import { secureChannel } from "./tls_channel.ts";
import { checkTlsOptions } from "./tls_options.ts";
import { HandshakeTurns } from "./tls_turns.ts";

const hostname = "127.0.0.1";
const hasOpenssl = await isInstalled("openssl");

/** Waits until something is so; the test runner ends what never comes to be. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A listener, who was refused, and a loop that accepts into a list. All of it is closed afterwards. */
async function listening(
  options: Partial<ListenTlsOptions>,
  test: (listener: ChannelListener, accepted: Channel[], refused: TlsError[]) => Promise<void>,
): Promise<void> {
  const { server } = await testCertificates();
  const refused: TlsError[] = [];
  const accepted: Channel[] = [];
  const listener = await listenTls({
    hostname,
    port: 0,
    tls: server,
    onRefused: (error) => refused.push(error),
    ...options,
  });
  const accepting = (async () => {
    for (;;) {
      const channel = await listener.accept();
      if (channel === null) return;
      accepted.push(channel);
    }
  })();
  try {
    await test(listener, accepted, refused);
  } finally {
    listener.close();
    await accepting;
    for (const channel of accepted) channel.close();
  }
}

Deno.test("over sockets: either end knows the other's certificate and address", async () => {
  const { ca, server, client } = await testCertificates();
  await listening({ tls: { ...server, ca } }, async (listener, accepted, refused) => {
    assertEquals(listener.address, `${hostname}:${listener.port}`);
    const near = await connectTls({ hostname, port: listener.port, tls: { ...client, ca }, timeout: 10_000 });
    await until(() => accepted.length === 1);
    const [far] = accepted;
    assertEquals([near.peer.address, near.peer.certificate?.name], [listener.address, "server"]);
    assertEquals(far!.peer.certificate?.name, "client");
    assertMatch(far!.peer.address, /^127\.0\.0\.1:\d+$/);
    await near.write(new Uint8Array([1, 2]));
    assertEquals(await far!.read(new Uint8Array(9)), 2);
    near.close();
    assertEquals(await far!.read(new Uint8Array(9)), null);
    assertEquals(refused, []);
  });
});

Deno.test("refused peers are told of with reason, address and certificate, and hold up nobody", async () => {
  const { ca, server, client, expired, foreign } = await testCertificates();
  const peers: PeerInfo[] = [];
  const refused: TlsError[] = [];
  const onRefused = (error: TlsError, peer: PeerInfo): void => {
    refused.push(error);
    peers.push(peer);
  };
  await listening({ tls: { ...server, ca }, onRefused }, async (listener, accepted) => {
    const { port } = listener;
    for (const own of [{}, expired, foreign]) {
      const near = await connectTls({ hostname, port, tls: { ...own, ca } });
      await assertRejects(() => near.read(new Uint8Array(1)), SttpError, "before anything came");
      near.close();
    }
    const plain = await connectTcp({ hostname, port });
    await plain.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    while (await plain.read(new Uint8Array(100)) !== null);
    plain.close();
    const gone = await connectTcp({ hostname, port });
    gone.close();
    await until(() => refused.length === 5);
    assertEquals(refused.map(({ reason }) => reason), [
      "noCertificate",
      "expired",
      "untrusted",
      "notTls",
      "closed",
    ]);
    assertEquals(refused.map(({ certificate }) => certificate?.name), [
      undefined,
      "expired",
      "client",
      undefined,
      undefined,
    ]);
    for (const { address } of peers) assertMatch(address, /^127\.0\.0\.1:\d+$/);
    (await connectTls({ hostname, port, tls: { ...client, ca } })).close();
    await until(() => accepted.length === 1);
  });
});

Deno.test("a man in the middle with another authority gets nothing", async () => {
  const { ca, foreign, client } = await testCertificates();
  // He ends TLS himself, with a certificate for the same name from an authority of the same name.
  await listening({ tls: foreign }, async (middle, accepted) => {
    const error = await assertRejects(
      () => connectTls({ hostname, port: middle.port, tls: { ...client, ca } }),
      TlsError,
      "comes from no trusted authority",
    );
    assertEquals([error.reason, error.code], ["untrusted", "HandshakeFailed"]);
    for (const channel of accepted) assertEquals(await channel.read(new Uint8Array(1)), null);
  });
});

/** How a client with other settings than ours fares. @returns The version agreed on, or the error. */
async function nodeClient(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connectNode({ host: hostname, port, servername: "localhost", ...options });
  const outcome = await new Promise<string>((resolve) => {
    socket.on("secureConnect", () => resolve(socket.getProtocol() ?? ""));
    socket.on("error", (error) => resolve(error.message));
  });
  socket.destroy();
  if (!socket.closed) await new Promise((resolve) => socket.on("close", resolve));
  return outcome;
}

Deno.test("TLS 1.2 is refused, unless it is allowed", async () => {
  const { ca, server } = await testCertificates();
  await listening({}, async ({ port }, _accepted, refused) => {
    assertMatch(await nodeClient(port, { ca, maxVersion: "TLSv1.2" }), /disconnected|alert/);
    await until(() => refused.length === 1);
    assertEquals(refused[0]?.reason, "version");
    assertEquals(await nodeClient(port, { ca }), "TLSv1.3");
  });
  await listening({ tls: { ...server, minVersion: "1.2" } }, async ({ port }, accepted) => {
    assertEquals(await nodeClient(port, { ca, maxVersion: "TLSv1.2" }), "TLSv1.2");
    await until(() => accepted.length === 1);
  });
});

Deno.test("certificates and lists are replaced while running, for those who come next", async () => {
  const { ca, authority, server, client, selfSigned } = await testCertificates();
  const renewed = await authority.issue({ name: "renewed" });
  let tls: TlsOptions = { ...server, trustedCertificates: [client.certificate, selfSigned.certificate] };
  await listening({ tls: () => Promise.resolve(tls) }, async ({ port }, accepted, refused) => {
    const connect = (own: TlsOptions): Promise<Channel> =>
      connectTls({ hostname, port, tls: { ...own, ca } });
    const before = [await connect(client), await connect(selfSigned)];
    await until(() => accepted.length === 2);

    tls = { ...renewed, trustedCertificates: [selfSigned.certificate] };
    const after = [await connect(client), await connect(selfSigned)];
    await until(() => accepted.length === 3 && refused.length === 1);
    assertEquals([...before, ...after].map(({ peer }) => peer.certificate?.name), [
      "server",
      "server",
      "renewed",
      "renewed",
    ]);
    assertEquals([refused[0]?.reason, refused[0]?.certificate?.name], ["untrusted", "client"]);
    // Connections that there were go on.
    await before[0]!.write(new Uint8Array(3));
    const [first, second] = accepted;
    const readers = [first!, second!].filter(({ peer }) => peer.certificate?.name === "client");
    assertEquals(await readers[0]!.read(new Uint8Array(9)), 3);
    for (const channel of [...before, ...after]) channel.close();
  });
});

Deno.test("settings that can't be used refuse everybody, and say why", async () => {
  const { ca, server } = await testCertificates();
  let tls: () => TlsOptions = () => server;
  await listening({ tls: () => tls() }, async ({ port }, accepted, refused) => {
    const attempt = async (): Promise<void> => {
      await assertRejects(() => connectTls({ hostname, port, tls: { ca } }), TlsError);
    };
    tls = () => ({ ...server, key: "nothing" });
    await attempt();
    tls = () => ({ ca });
    await attempt();
    tls = () => {
      throw new Deno.errors.NotFound("no such file");
    };
    await attempt();
    assertEquals(refused.map(({ reason }) => reason), ["settings", "settings", "settings"]);
    assertMatch(
      refused.map(({ message }) => message).join("\n"),
      /key.*\n.*needs a certificate.*\n.*no such file/,
    );
    tls = () => server;
    (await connectTls({ hostname, port, tls: { ca } })).close();
    await until(() => accepted.length === 1);
  });
});

Deno.test("slow peers hold up nobody; too many of them end the first", async () => {
  const { ca } = await testCertificates();
  const clock = new ManualClock(Date.now());
  await listening({ clock, handshakeTimeout: 5000 }, async ({ port }, accepted, refused) => {
    const silent = await Promise.all(Array.from({ length: 128 }, () => connectTcp({ hostname, port })));
    await until(() => clock.pending === 128);
    // One more than may try at a time.
    const near = await connectTls({ hostname, port, tls: { ca } });
    await until(() => accepted.length === 1);
    assertEquals(refused.map(({ reason }) => reason), ["overload"]);
    clock.advance(5000);
    await until(() => refused.length === 128);
    assertEquals(refused.slice(1).every(({ reason }) => reason === "timeout"), true);
    for (const channel of [near, ...silent]) channel.close();
  });
});

Deno.test("unless told otherwise a handshake may take ten seconds, on either side", async () => {
  const { ca } = await testCertificates();
  const clock = new ManualClock(Date.now());
  await listening({ clock }, async ({ port }, _accepted, refused) => {
    const silent = await connectTcp({ hostname, port });
    await until(() => clock.pending === 1);
    clock.advance(9_999);
    assertEquals([clock.pending, refused], [1, []]);
    clock.advance(1);
    assertEquals(await silent.read(new Uint8Array(1)), null);
    assertEquals(refused.map(({ reason }) => reason), ["timeout"]);
    silent.close();
  });
  const mute = Deno.listen({ hostname, port: 0 });
  const accepting = mute.accept();
  const attempt = assertRejects(
    () => connectTls({ hostname, port: mute.addr.port, tls: { ca }, clock }),
    TlsError,
    "within 10000 ms",
  );
  await until(() => clock.pending === 1);
  clock.advance(10_000);
  await attempt;
  (await accepting).close();
  mute.close();
});

Deno.test("a thousand begun handshakes of a host end each other, while others are agreed on", async () => {
  const { ca } = await testCertificates();
  await listening({ clock: new ManualClock(Date.now()) }, async ({ port }, accepted, refused) => {
    const begun: Promise<Channel>[] = [];
    const good: Promise<Channel>[] = [];
    for (let i = 0; i < 1000; i++) {
      const one = connectTcp({ hostname, port });
      begun.push(one);
      await (await one).write(new Uint8Array([22, 3, 1, 15, 255]));
      if (i % 100 === 99) good.push(connectTls({ hostname, port, tls: { ca } }));
    }
    for (const channel of await Promise.all(good)) channel.close();
    await until(() => accepted.length === 10);
    await until(() => refused.length >= 1000 - 128);
    assertEquals(new Set(refused.map(({ reason }) => reason)), new Set(["overload"]));
    for (const channel of await Promise.all(begun)) channel.close();
  });
});

Deno.test("who has said its first words is not ended by a flood of those who have not", async () => {
  const { ca } = await testCertificates();
  const clock = new ManualClock(Date.now());
  await listening({ clock }, async ({ port }, accepted, refused) => {
    // A client that has had an answer, and does not read it yet.
    const tcp = await connectTcp({ hostname, port });
    const answered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const held: Channel = {
      peer: tcp.peer,
      async read(into): Promise<number | null> {
        const length = await tcp.read(into);
        answered.resolve();
        await gate.promise;
        return length;
      },
      write: (bytes) => tcp.write(bytes),
      close: () => tcp.close(),
    };
    const options = { side: "client", settings: checkTlsOptions({ ca }), hostname: "localhost" } as const;
    const meeting = secureChannel(held, { ...options, timeout: 10_000, clock });
    await answered.promise;
    const flood: Channel[] = [];
    for (let i = 0; i < 200; i++) {
      const one = await connectTcp({ hostname, port });
      flood.push(one);
      await one.write(new Uint8Array([22, 3, 1, 15, 255]));
    }
    // 128 at a time, and the one is among them.
    await until(() => refused.length === 201 - 128);
    gate.resolve();
    const near = await meeting;
    let hasEnded = false;
    const reading = near.read(new Uint8Array(1)).catch(() => null).then(() => void (hasEnded = true));
    await until(() => accepted.length === 1 || hasEnded);
    assertEquals([accepted.length, hasEnded], [1, false]);
    near.close();
    await reading;
    assertEquals(new Set(refused.map(({ reason }) => reason)), new Set(["overload"]));
    for (const channel of flood) channel.close();
  });
});

Deno.test("after 32 peers in a row a listener gives way", async () => {
  const { giveWay } = HandshakeTurns.prototype;
  const gate = Promise.withResolvers<void>();
  let gaveWay = 0;
  HandshakeTurns.prototype.giveWay = async function (): Promise<void> {
    gaveWay++;
    await gate.promise;
    await giveWay.call(this);
  };
  try {
    const clock = new ManualClock();
    await listening({ clock }, async ({ port }) => {
      const silent: Channel[] = [];
      for (let i = 0; i < 40; i++) silent.push(await connectTcp({ hostname, port }));
      await until(() => gaveWay > 0 || clock.pending === 40);
      assertEquals([gaveWay, clock.pending], [1, 32]);
      gate.resolve();
      await until(() => clock.pending === 40);
      for (const channel of silent) channel.close();
    });
  } finally {
    gate.resolve();
    HandshakeTurns.prototype.giveWay = giveWay;
  }
});

Deno.test("closing the listener ends handshakes, and leaves those that were accepted", async () => {
  const { ca } = await testCertificates();
  const clock = new ManualClock(Date.now());
  await listening({ clock }, async (listener, accepted, refused) => {
    const near = await connectTls({ hostname, port: listener.port, tls: { ca } });
    await until(() => accepted.length === 1);
    const silent = await connectTcp({ hostname, port: listener.port });
    await until(() => clock.pending === 1);
    listener.close();
    listener.close();
    assertEquals(await silent.read(new Uint8Array(1)), null);
    assertEquals([clock.pending, refused], [0, []]);
    assertEquals(await listener.accept(), null);
    await near.write(new Uint8Array(1));
    assertEquals(await accepted[0]!.read(new Uint8Array(9)), 1);
    near.close();
    silent.close();
  });
});

Deno.test("connecting fails where nobody listens, and where nobody speaks TLS", async () => {
  const { ca } = await testCertificates();
  const tls = { ca };
  const plain = Deno.listen({ hostname, port: 0 });
  const { port } = plain.addr;
  const serving = (async () => {
    const conn = await plain.accept();
    await conn.read(new Uint8Array(1000));
    await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
    conn.close();
  })();
  const error = await assertRejects(
    () => connectTls({ hostname, port, tls }),
    TlsError,
    `${hostname}:${port}`,
  );
  assertEquals(error.reason, "notTls");
  await serving;
  const slow = assertRejects(() => connectTls({ hostname, port, tls, timeout: 50 }), SttpError, "within");
  const silent = await plain.accept();
  await slow;
  silent.close();
  plain.close();
  const { code } = await assertRejects(() => connectTls({ hostname, port, tls }), SttpError);
  assertEquals(code, "ConnectFailed");
});

Deno.test("options that can't be used", async () => {
  const { ca, server } = await testCertificates();
  const listen = (options: Partial<ListenTlsOptions>): Promise<ChannelListener> =>
    listenTls({ hostname, port: 0, tls: server, ...options });
  await assertRejects(() => listen({ tls: { ca } }), TypeError, "needs a certificate");
  await assertRejects(() => listen({ tls: () => ({ ca }) }), TypeError, "needs a certificate");
  await assertRejects(() => listen({ port: -1 }), RangeError, "port");
  for (const handshakeTimeout of [0, NaN, 2 ** 31]) {
    await assertRejects(() => listen({ handshakeTimeout }), RangeError, "handshakeTimeout");
  }
  await assertRejects(() => connectTls({ hostname, port: 0 }), RangeError, "port");
  await assertRejects(() => connectTls({ hostname, port: 1, tls: { ca: "nothing" } }), TypeError, "ca");
  const listener = await listen({});
  const { code } = await assertRejects(() => listen({ port: listener.port }), SttpError, listener.address);
  assertEquals(code, "ConnectFailed");
  listener.close();
});

Deno.test({
  name: `openssl s_client can look at a listener${unless(hasOpenssl, "openssl")}`,
  ignore: !hasOpenssl,
  async fn(): Promise<void> {
    const { ca, server, client } = await testCertificates();
    const folder = await Deno.makeTempDir();
    try {
      for (const [name, text] of Object.entries({ ca, cert: client.certificate, key: client.key })) {
        await Deno.writeTextFile(`${folder}/${name}.pem`, text);
      }
      await listening({ tls: { ...server, ca } }, async ({ port }, accepted, refused) => {
        const look = async (...args: string[]): Promise<string> => {
          const { stdout, stderr } = await new Deno.Command("openssl", {
            args: ["s_client", "-connect", `${hostname}:${port}`, "-CAfile", "ca.pem", ...args],
            cwd: folder,
            stdin: "null",
          }).output();
          return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        };
        const seen = await look("-cert", "cert.pem", "-key", "key.pem", "-verify_hostname", "localhost");
        for (
          const line of [/TLSv1\.3/, /CN ?= ?server/, /Verify return code: 0 \(ok\)/, /Acceptable client/]
        ) {
          assertMatch(seen, line);
        }
        await until(() => accepted.length === 1);
        assertEquals(accepted[0]?.peer.certificate?.name, "client");
        await look();
        await until(() => refused.length === 1);
        assertMatch(await look("-tls1_2"), /no peer certificate available/);
        await until(() => refused.length === 2);
        await look("-ciphersuites", "TLS_AES_128_CCM_SHA256");
        await until(() => refused.length === 3);
        assertEquals(refused.map(({ reason }) => reason), ["noCertificate", "version", "incompatible"]);
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("three hundred connections come and go, and nothing is left", async () => {
  const { ca, server, client } = await testCertificates();
  await listening({ tls: { ...server, ca } }, async ({ port }, accepted, refused) => {
    for (let i = 0; i < 300; i += 20) {
      const near = await Promise.all(
        Array.from({ length: 20 }, () => connectTls({ hostname, port, tls: { ...client, ca } })),
      );
      await until(() => accepted.length === 20);
      for (const channel of [...near, ...accepted.splice(0)]) channel.close();
    }
    assertEquals(refused, []);
  });
});
