import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assertEquals, assertRejects } from "@std/assert";
import { testCertificates } from "../tests/support/tls.ts";
import type { Channel } from "./channel.ts";
import { ManualClock, systemClock } from "./clock.ts";
import { createChannelPair } from "./memory_channel.ts";
import { secureChannel } from "./tls_channel.ts";
import { GreetedChannel } from "./tls_greeting.ts";
import { checkTlsOptions } from "./tls_options.ts";
import { TlsError } from "./tls_peer.ts";
import { HandshakeTurns } from "./tls_turns.ts";

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** The first flight of a client. */
async function clientHello(): Promise<Uint8Array> {
  const { ca } = await testCertificates();
  const [near, far] = createChannelPair();
  const options = {
    side: "client",
    settings: checkTlsOptions({ ca }),
    timeout: 10_000,
    clock: systemClock,
  } as const;
  const attempt = secureChannel(near, options).catch(() => {});
  const into = new Uint8Array(10_000);
  const hello = into.slice(0, (await far.read(into))!);
  far.close();
  await attempt;
  return hello;
}

/** What becomes of a server to which these bytes are sent, and then the end. */
async function serverAfter(bytes: Uint8Array): Promise<TlsError> {
  const { server } = await testCertificates();
  const [near, far] = createChannelPair();
  const settings = checkTlsOptions(server);
  const attempt = assertRejects(
    () => secureChannel(near, { side: "server", settings, timeout: 10_000, clock: systemClock }),
    TlsError,
  );
  await far.write(bytes);
  far.close();
  return await attempt;
}

Deno.test("a client that is cut off anywhere in its first words leaves a clean end", async () => {
  const hello = await clientHello();
  for (let length = 0; length <= hello.length; length += 11) {
    assertEquals((await serverAfter(hello.slice(0, length))).reason, "closed", `after ${length} bytes`);
  }
});

Deno.test("nonsense is no TLS, and never more than that", async () => {
  const text = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertEquals((await serverAfter(text)).reason, "notTls");
  // A subscriber's DefineOperationalModes.
  assertEquals((await serverAfter(Uint8Array.fromHex("0000000506a2000042"))).reason, "notTls");
  const hello = await clientHello();
  let seed = 1;
  for (let i = 0; i < 100; i++) {
    const damaged = hello.slice();
    for (let j = 0; j < 1 + i % 5; j++) {
      seed = Math.imul(seed, 1_664_525) + 1_013_904_223 >>> 0;
      damaged[seed % damaged.length] = seed >>> 24;
    }
    await serverAfter(damaged);
  }
});

/** A server to whose settings nobody has come yet, and what is to become of it. */
async function waitingServer(
  clock: ManualClock,
  turns?: HandshakeTurns,
): Promise<{ readonly far: Channel; readonly asked: string[]; readonly attempt: Promise<Channel> }> {
  const { server } = await testCertificates();
  const [near, far] = createChannelPair();
  const asked: string[] = [];
  const attempt = secureChannel(near, {
    side: "server",
    settings: () => {
      asked.push("settings");
      return Promise.resolve(checkTlsOptions(server));
    },
    onProgress: () => asked.push("greeting"),
    timeout: 500,
    clock,
    ...turns && { turns },
  });
  return { far, asked, attempt };
}

Deno.test("a server spends nothing on a client before its first record is there whole", async () => {
  const hello = await clientHello();
  const clock = new ManualClock();
  const { far, asked, attempt } = await waitingServer(clock);
  for (const byte of hello.subarray(0, -1)) await far.write(new Uint8Array([byte]));
  await settle();
  assertEquals(asked, []);
  await far.write(hello.subarray(-1));
  const answer = new Uint8Array(10);
  assertEquals([await far.read(answer), answer[0]], [10, 22]);
  assertEquals(asked, ["greeting", "settings"]);
  // More of it has it go on, too, whatever it is: the beginning of a record.
  await far.write(new Uint8Array([20, 3]));
  await settle();
  assertEquals(asked, ["greeting", "settings", "greeting"]);
  clock.advance(500);
  assertEquals((await assertRejects(() => attempt, TlsError)).reason, "timeout");
  far.close();
});

Deno.test("what can't be a client's first record is told at its first byte that is wrong", async () => {
  const wrong = [[21], [22, 2], [22, 3, 1, 0x40, 1], [22, 3, 1, 0, 50, 2]];
  for (const bytes of wrong) {
    const { far, asked, attempt } = await waitingServer(new ManualClock());
    const refused = assertRejects(() => attempt, TlsError, "does not begin a handshake");
    await far.write(new Uint8Array(bytes));
    assertEquals([(await refused).reason, asked], ["notTls", []], String(bytes));
    assertEquals(await far.read(new Uint8Array(1)), null);
  }
  // Without the last byte it could be.
  for (const bytes of wrong) {
    const { far, attempt } = await waitingServer(new ManualClock());
    const refused = assertRejects(() => attempt, TlsError);
    await far.write(new Uint8Array(bytes.slice(0, -1)));
    far.close();
    assertEquals((await refused).reason, "closed", String(bytes));
  }
});

Deno.test("a client's first record may be as long as a record, and come with what follows", async () => {
  const { far, asked, attempt } = await waitingServer(new ManualClock());
  const refused = assertRejects(() => attempt, TlsError);
  // A message of 16,380 bytes without sense, and a byte of the next record.
  const bytes = new Uint8Array(5 + 16_384 + 1);
  bytes.set([22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]);
  bytes[bytes.length - 1] = 22;
  await far.write(bytes);
  await refused;
  assertEquals(asked, ["greeting", "settings"]);
});

Deno.test("once a client's first words are handed on, nothing keeps what they were read into", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const [near, far] = createChannelPair();
  let buffer: WeakRef<ArrayBufferLike> | undefined;
  const watched: Channel = {
    peer: near.peer,
    read(into): Promise<number | null> {
      buffer ??= new WeakRef(into.buffer);
      return near.read(into);
    },
    write: (bytes) => near.write(bytes),
    close: () => near.close(),
  };
  const greeted = new GreetedChannel(watched, undefined, undefined);
  const isKept = async (): Promise<boolean> => {
    await settle();
    collect();
    return buffer?.deref() !== undefined;
  };
  const hello = await clientHello();
  await far.write(hello);
  await greeted.readGreeting();
  assertEquals(await greeted.read(new Uint8Array(hello.length - 1)), hello.length - 1);
  assertEquals(await isKept(), true);
  const last = new Uint8Array(9);
  assertEquals([await greeted.read(last), last[0]], [1, hello.at(-1)]);
  assertEquals(await isKept(), false);
  greeted.close();
  far.close();
});

Deno.test("a server waits for its turn with what its client says, until they agree", async () => {
  const { ca, server } = await testCertificates();
  const clock = new ManualClock(Date.now());
  const turns = new HandshakeTurns(clock);
  const [near, far] = createChannelPair();
  const common = { timeout: 10_000, clock };
  const meeting = Promise.all([
    secureChannel(near, {
      ...common,
      side: "client",
      settings: checkTlsOptions({ ca }),
      hostname: "localhost",
    }),
    secureChannel(far, { ...common, side: "server", settings: checkTlsOptions(server), turns }),
  ]);
  const [client, secure] = await meeting;
  // Nobody gives a turn, and data come nevertheless.
  turns.take = () => new Promise(() => {});
  for (let i = 0; i < 3; i++) {
    await client.write(new Uint8Array([1, 2, 3]));
    assertEquals(await secure.read(new Uint8Array(9)), 3);
  }
  client.close();
  secure.close();

  const stuck = await waitingServer(clock, turns);
  await stuck.far.write(await clientHello());
  await settle();
  assertEquals(stuck.asked, ["greeting", "settings"]);
  clock.advance(500);
  assertEquals((await assertRejects(() => stuck.attempt, TlsError)).reason, "timeout");
  assertEquals(await stuck.far.read(new Uint8Array(1)), null, "it was answered without a turn");
  turns.close();
});

Deno.test("a turn ends when more is asked for, an answer is given, all is agreed on or it is over", async () => {
  const turns = new HandshakeTurns(new ManualClock());
  const [near, far] = createChannelPair();
  let taken = 0;
  let ended = 0;
  turns.take = () => {
    taken++;
    let isOver = false;
    return Promise.resolve(() => {
      if (!isOver) ended++;
      isOver = true;
    });
  };
  const server = new GreetedChannel(near, turns, undefined);
  await server.takeTurn();
  assertEquals([taken, ended], [1, 0]);
  const reading = server.read(new Uint8Array(9));
  assertEquals([taken, ended], [1, 1]);
  await far.write(new Uint8Array(3));
  assertEquals(await reading, 3);
  assertEquals([taken, ended], [2, 1]);
  const writing = server.write(new Uint8Array(1));
  assertEquals([taken, ended], [2, 2]);
  await writing;
  await server.takeTurn();
  // What was asked for before all is agreed on, and comes then, waits for no turn.
  const pending = server.read(new Uint8Array(9));
  await server.takeTurn();
  assertEquals([taken, ended], [4, 3]);
  server.agreed();
  assertEquals([taken, ended], [4, 4]);
  await far.write(new Uint8Array(2));
  assertEquals([await pending, taken], [2, 4]);

  const closed = new GreetedChannel(near, turns, undefined);
  await closed.takeTurn();
  closed.close();
  assertEquals([taken, ended], [5, 5]);
  far.close();
  turns.close();
});

Deno.test("a handshake that failed while it waited gives its turn back at once", async () => {
  const clock = new ManualClock();
  const turns = new HandshakeTurns(clock);
  const { promise, resolve } = Promise.withResolvers<() => void>();
  turns.take = () => promise;
  const { far, attempt } = await waitingServer(clock, turns);
  await far.write(await clientHello());
  await settle();
  clock.advance(500);
  assertEquals((await assertRejects(() => attempt, TlsError)).reason, "timeout");
  let givenBack = 0;
  resolve(() => givenBack++);
  await settle();
  assertEquals(givenBack, 1);
  far.close();
});
