import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { HostPort } from "./address.ts";
import { SttpError } from "./errors.ts";
import { type DatagramSocket, openUdp } from "./udp.ts";

/** Sends and waits until the system has taken it, or has not. */
function send(socket: DatagramSocket, datagram: Uint8Array, to: HostPort): Promise<SttpError | undefined> {
  return new Promise((resolve) => socket.send(datagram, to, resolve));
}

/** The next datagram and who sent it. */
async function receiver(
  hostname: string,
): Promise<{ socket: DatagramSocket; next: () => Promise<[Uint8Array, HostPort]> }> {
  let arrived = Promise.withResolvers<[Uint8Array, HostPort]>();
  const socket = await openUdp({
    hostname,
    onDatagram: (datagram, from) => arrived.resolve([datagram, from]),
  });
  const next = async (): Promise<[Uint8Array, HostPort]> => {
    const datagram = await arrived.promise;
    arrived = Promise.withResolvers();
    return datagram;
  };
  return { socket, next };
}

const hasIpv6 = Deno.networkInterfaces().some(({ address }) => address === "::1");

for (const hostname of ["127.0.0.1", "::1"]) {
  const ignore = hostname === "::1" && !hasIpv6;
  Deno.test(`datagrams over ${hostname}: what is sent arrives, with who sent it`, { ignore }, async () => {
    const { socket: far, next } = await receiver(hostname);
    const near = await openUdp({ hostname });
    assertEquals(near.address, hostname === "::1" ? `[::1]:${near.port}` : `127.0.0.1:${near.port}`);
    for (const length of [0, 1, 1400, 32_768]) {
      const datagram = Uint8Array.from({ length }, (_, i) => i);
      assertEquals(await send(near, datagram, { hostname, port: far.port }), undefined);
      assertEquals(await next(), [datagram, { hostname, port: near.port }]);
    }
    await near.close();
    await far.close();
  });
}

Deno.test("a sender on every interface keeps its port", async () => {
  const { socket: far, next } = await receiver("127.0.0.1");
  const near = await openUdp();
  for (let i = 0; i < 3; i++) {
    await send(near, new Uint8Array([i]), { hostname: "127.0.0.1", port: far.port });
    assertEquals((await next())[1], { hostname: "127.0.0.1", port: near.port });
  }
  await near.close();
  await far.close();
});

Deno.test("a datagram that is too long fails, and the next one leaves", async () => {
  const { socket: far, next } = await receiver("127.0.0.1");
  const near = await openUdp({ hostname: "127.0.0.1" });
  const to = { hostname: "127.0.0.1", port: far.port };
  const error = await send(near, new Uint8Array(65_508), to);
  assertEquals([error?.code, /EMSGSIZE/.test(error?.message ?? "")], ["ConnectionLost", true]);
  assertEquals(await send(near, new Uint8Array([1]), to), undefined);
  assertEquals((await next())[0].length, 1);
  await near.close();
  await far.close();
});

Deno.test("one port for IPv4 and IPv6", { ignore: !hasIpv6 }, async () => {
  const four = await openUdp();
  const error = await assertRejects(() => openUdp({ hostname: "::", port: four.port }), SttpError);
  assertEquals(error.code, "ConnectFailed");
  const six = await openUdp({ hostname: "::", port: four.port, ipv6Only: true });
  assertEquals(six.address, `[::]:${four.port}`);
  await four.close();
  await six.close();
});

Deno.test("a closed socket sends nothing and says so; closing twice is fine", async () => {
  const socket = await openUdp({ hostname: "127.0.0.1" });
  await Promise.all([socket.close(), socket.close()]);
  const error = await send(socket, new Uint8Array([1]), { hostname: "127.0.0.1", port: 9 });
  assertEquals(error?.code, "Closed");
  const nowhere = { hostname: "127.0.0.1", port: 0 };
  assertThrows(() => socket.send(new Uint8Array(1), nowhere, () => {}), RangeError, "port 0");
});

Deno.test("an address that can't be had is an error, with nothing left open", async () => {
  const taken = await openUdp({ hostname: "127.0.0.1" });
  for (const options of [{ hostname: "127.0.0.1", port: taken.port }, { hostname: "192.0.2.1" }]) {
    const error = await assertRejects(() => openUdp(options), SttpError, options.hostname);
    assertEquals(error.code, "ConnectFailed");
  }
  await taken.close();
  await assertRejects(() => openUdp({ port: 65_536 }), RangeError);
});

Deno.test("datagrams leave in the order in which they are given", async () => {
  const received: number[] = [];
  const all = Promise.withResolvers<void>();
  const far = await openUdp({
    hostname: "127.0.0.1",
    onDatagram: (datagram) => {
      if (received.push(datagram[0]!) === 100) all.resolve();
    },
  });
  const near = await openUdp({ hostname: "127.0.0.1" });
  for (let i = 0; i < 100; i++) {
    near.send(new Uint8Array([i]), { hostname: "127.0.0.1", port: far.port }, () => {});
  }
  await all.promise;
  assertEquals(received, Array.from({ length: 100 }, (_, i) => i));
  await near.close();
  await far.close();
});

Deno.test("many datagrams do not keep everything else waiting", async () => {
  const near = await openUdp({ hostname: "127.0.0.1" });
  let sent = 0;
  let sentAtTick = -1;
  const done = Promise.withResolvers<void>();
  for (let i = 0; i < 20_000; i++) {
    near.send(new Uint8Array(1400), { hostname: "127.0.0.1", port: near.port }, () => {
      if (++sent === 20_000) done.resolve();
    });
  }
  setTimeout(() => sentAtTick = sent, 0);
  await done.promise;
  assertEquals(sentAtTick >= 0 && sentAtTick < 20_000, true, `${sentAtTick} sent when the timer came`);
  await near.close();
});

Deno.test("what still waits when a socket is closed is told so", async () => {
  const near = await openUdp({ hostname: "127.0.0.1" });
  const results = Promise.all(Array.from({ length: 20_000 }, () => {
    return send(near, new Uint8Array(1), { hostname: "127.0.0.1", port: 9 });
  }));
  await near.close();
  const codes = (await results).map((error) => error?.code);
  assertEquals(codes.at(-1), "Closed");
  assertEquals(new Set(codes).size <= 2, true);
});

Deno.test("what is not wanted any more while it waits is not sent, and told so; what comes behind it is", async () => {
  const received: number[] = [];
  const last = Promise.withResolvers<void>();
  const far = await openUdp({
    hostname: "127.0.0.1",
    onDatagram: (datagram) => {
      received.push(datagram[0]!);
      if (datagram[0] === 2) last.resolve();
    },
  });
  const near = await openUdp({ hostname: "127.0.0.1" });
  const to = { hostname: "127.0.0.1", port: far.port };
  const abort = new AbortController();
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 2000; i++) {
    const signal = i === 0 ? undefined : abort.signal;
    near.send(new Uint8Array([i === 0 ? 0 : 1]), to, (error) => codes.push(error?.code), signal);
  }
  near.send(new Uint8Array([2]), to, (error) => codes.push(error?.code));
  abort.abort();
  await last.promise;
  assertEquals(received, [0, 2]);
  while (codes.length < 2001) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(codes, [undefined, ...new Array(1999).fill("Closed"), undefined]);
  await near.close();
  await far.close();
});

Deno.test("a socket that is not permitted is refused by name, and one that is opens", {
  permissions: { net: ["127.0.0.1:0"] },
}, async () => {
  const error = await assertRejects(() => openUdp(), SttpError, "UDP socket on 0.0.0.0:0: not permitted");
  assertEquals(error.code, "ConnectFailed");
  await (await openUdp({ hostname: "127.0.0.1" })).close();
});
