import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { assertSttpRejects } from "../tests/support/hostile.ts";
import { type Certificates, meet, testCertificates, withTls } from "../tests/support/tls.ts";
import type { Channel } from "./channel.ts";
import { ManualClock } from "./clock.ts";
import { SttpError } from "./errors.ts";
import { createChannelPair } from "./memory_channel.ts";
import { secureChannel, serverOptions } from "./tls_channel.ts";
import { certificateFingerprint, checkTlsOptions, type TlsOptions } from "./tls_options.ts";
import { TlsError, type TlsFailure } from "./tls_peer.ts";

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("bytes go both ways, and the ends know each other", async () => {
  await withTls(async (client, server) => {
    const into = new Uint8Array(10);
    await client.write(new Uint8Array([1, 2, 3]));
    assertEquals(await server.read(into), 3);
    assertEquals([...into.subarray(0, 3)], [1, 2, 3]);
    await server.write(new Uint8Array([4]));
    await server.write(new Uint8Array(0));
    assertEquals(await client.read(into), 1);
    assertEquals([client.peer.address, client.peer.certificate?.name], ["memory:1", "server"]);
    assertEquals(server.peer, { address: "memory:0", tls: { protocol: "TLSv1.3" } });
  });
});

Deno.test("what arrives in one piece may be read in many, and many in one", async () => {
  await withTls(async (client, server) => {
    const sent = Uint8Array.from({ length: 1000 }, (_, i) => i);
    await client.write(sent);
    const parts: number[] = [];
    const into = new Uint8Array(7);
    while (parts.length < 1000) parts.push(...into.subarray(0, (await server.read(into))!));
    assertEquals(parts, [...sent]);
    for (let i = 0; i < 50; i += 10) await client.write(sent.subarray(i, i + 10));
    await server.read(into.subarray(0, 1));
    await settle();
    const together = new Uint8Array(100);
    assertEquals(await server.read(together), 49);
    assertEquals(together.subarray(0, 49), sent.subarray(1, 50));
  });
});

Deno.test("a write writes everything, more than any buffer holds", async () => {
  await withTls(async (client, server) => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 31 >>> 5);
    const received = new Uint8Array(bytes.length);
    const reading = (async () => {
      let length = 0;
      while (length < bytes.length) length += (await server.read(received.subarray(length)))!;
    })();
    await client.write(bytes);
    await reading;
    assert(received.every((byte, i) => byte === bytes[i]));
  });
});

Deno.test("who does not read holds the writer up, and keeps little", async () => {
  let drawn = 0;
  const [near, far] = createChannelPair();
  const counted: Channel = {
    peer: far.peer,
    read: async (into) => {
      const length = await far.read(into);
      drawn += length ?? 0;
      return length;
    },
    write: (bytes) => far.write(bytes),
    close: () => far.close(),
  };
  await withTls(async (client, server) => {
    let written = 0;
    const writing = (async () => {
      for (;; written += 16_384) await client.write(new Uint8Array(16_384));
    })().catch(() => {});
    await server.read(new Uint8Array(1));
    await settle();
    const [drawnThen, writtenThen] = [drawn, written];
    await settle();
    assertEquals([drawn, written], [drawnThen, writtenThen], "it goes on without being read");
    assertLess(drawn, 3 * 65_536);
    assertLess(written, drawn + 2 * 65_536);
    // It goes on when it is read again.
    const into = new Uint8Array(65_536);
    for (let read = 0; read < 1_000_000;) read += (await server.read(into))!;
    client.close();
    await writing;
  }, [near, counted]);
});

Deno.test("the end of the stream reads as null, again and again, after what was sent before", async () => {
  await withTls(async (client, server) => {
    await client.write(new Uint8Array([1, 2, 3]));
    client.close();
    const into = new Uint8Array(10);
    assertEquals(await server.read(into), 3);
    assertEquals(await server.read(into), null);
    assertEquals(await server.read(into), null);
  });
});

Deno.test("closing ends a pending read with null, and may be repeated", async () => {
  await withTls(async (client, server) => {
    const reads = [client.read(new Uint8Array(1)), server.read(new Uint8Array(1))];
    client.close();
    client.close();
    assertEquals(await Promise.all(reads), [null, null]);
    assertEquals(await client.read(new Uint8Array(1)), null);
  });
});

Deno.test("writing to a closed channel, or when it closes, is a lost connection", async () => {
  await withTls(async (client) => {
    // Nobody reads: this can't be finished.
    const writing = assertSttpRejects("ConnectionLost", () => client.write(new Uint8Array(5_000_000)));
    await settle();
    client.close();
    await writing;
    await assertSttpRejects("ConnectionLost", () => client.write(new Uint8Array(1)), "is closed");
  });
});

Deno.test("writing to a peer that is gone is a lost connection", async () => {
  await withTls(async (client, server) => {
    server.close();
    await assertSttpRejects("ConnectionLost", async () => {
      for (;;) await client.write(new Uint8Array(100_000));
    });
  });
});

/** A channel whose end can be made to misbehave. */
function wrap(channel: Channel, changes: Partial<Channel>): Channel {
  return {
    peer: channel.peer,
    read: (into) => channel.read(into),
    write: (bytes) => channel.write(bytes),
    close: () => channel.close(),
    ...changes,
  };
}

/** Both ends of a connection, and what makes reading from or writing to the first fail from then on. */
function breakable(
  end: "read" | "write",
): { ends: [Channel, Channel]; breakWith: (error: SttpError) => void } {
  const [near, far] = createChannelPair();
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  const breaking = wrap(near, {
    [end]: (bytes: Uint8Array) => Promise.race([broken.promise, near[end](bytes)]),
  });
  return { ends: [breaking, far], breakWith: broken.reject };
}

Deno.test("a connection that breaks underneath is a lost connection", async () => {
  const { ends, breakWith } = breakable("read");
  await withTls(async (client) => {
    const reading = assertSttpRejects(
      "ConnectionLost",
      () => client.read(new Uint8Array(1)),
      "reset by peer",
    );
    breakWith(new SttpError("ConnectionLost", "reset by peer"));
    await reading;
    await assertSttpRejects("ConnectionLost", () => client.write(new Uint8Array(1)), "reset by peer");
    await assertSttpRejects("ConnectionLost", () => client.read(new Uint8Array(1)));
  }, ends);
});

Deno.test("what the connection underneath says of its loss is said once", async () => {
  const lost = new SttpError("ConnectionLost", "connection to 192.0.2.1:7165 lost: reset by peer");
  for (const end of ["read", "write"] as const) {
    const { ends, breakWith } = breakable(end);
    await withTls(async (client, server) => {
      await server.write(new Uint8Array(1));
      assertEquals(await client.read(new Uint8Array(1)), 1);
      const attempt = client[end](new Uint8Array(5_000_000));
      await settle();
      breakWith(lost);
      const error = await assertRejects(() => attempt, SttpError);
      assertEquals([error.code, error.message, error.cause], ["ConnectionLost", lost.message, lost], end);
    }, ends);
  }
});

Deno.test("one changed bit on the way, and nothing more is believed", async () => {
  const [near, far] = createChannelPair();
  let damage = false;
  const noisy = wrap(near, {
    write: (bytes) => {
      const changed = bytes.slice();
      if (damage) changed[changed.length - 1]! ^= 1;
      return near.write(changed);
    },
  });
  await withTls(async (client, server) => {
    damage = true;
    await client.write(new Uint8Array([1, 2, 3]));
    await assertSttpRejects("ConnectionLost", () => server.read(new Uint8Array(10)));
  }, [noisy, far]);
});

interface Case {
  readonly name: string;
  readonly client: TlsOptions;
  readonly server: TlsOptions;
  readonly hostname?: string;
  /** What becomes of the server. */
  readonly atServer?: TlsFailure;
  /** What becomes of the client; when the server refuses it, it learns that later. */
  readonly atClient?: TlsFailure;
}

function cases(c: Certificates): Case[] {
  const trust = (...certificates: string[]): TlsOptions => ({ trustedCertificates: certificates });
  const { ca, server, client, foreign, selfSigned, expired, notYetValid } = c;
  const otherCa = c.otherAuthority.certificate;
  const needsCa = { ...server, ca };
  return [
    { name: "both have certificates of the authority", client: { ...client, ca }, server: needsCa },
    { name: "a client without needs none", client: { ca }, server },
    { name: "by address", client: { ca }, server, hostname: "127.0.0.1" },
    { name: "by IPv6 address", client: { ca }, server, hostname: "::1" },
    { name: "by the name that it is told", client: { ca, serverName: "localhost" }, server, hostname: "pdc" },
    { name: "several authorities", client: { ca: [otherCa, ca] }, server },
    { name: "one trusted certificate", client: trust(server.certificate), server, hostname: "any" },
    { name: "one that vouches for itself", client: trust(selfSigned.certificate), server: selfSigned },
    { name: "a fingerprint", client: trust(certificateFingerprint(server.certificate)), server },
    {
      name: "lists on both sides",
      client: { ...client, ...trust(selfSigned.certificate) },
      server: { ...selfSigned, ...trust(foreign.certificate, client.certificate) },
    },
    {
      name: "the authority and the list",
      client: { ...client, ca },
      server: { ...needsCa, ...trust(client.certificate) },
    },
    {
      name: "TLS 1.2 is allowed",
      client: { ca, minVersion: "1.2" },
      server: { ...server, minVersion: "1.2" },
    },

    { name: "no client certificate", client: { ca }, server: needsCa, atServer: "noCertificate" },
    {
      name: "no client certificate, none on the list",
      client: { ca },
      server: { ...server, ...trust() },
      atServer: "noCertificate",
    },
    {
      name: "a client of another authority",
      client: { ...foreign, ca },
      server: needsCa,
      atServer: "untrusted",
    },
    {
      name: "a client that vouches for itself",
      client: { ...selfSigned, ca },
      server: needsCa,
      atServer: "untrusted",
    },
    { name: "an expired client", client: { ...expired, ca }, server: needsCa, atServer: "expired" },
    {
      name: "an expired client on the list",
      client: { ...expired, ca },
      server: { ...server, ...trust(expired.certificate) },
      atServer: "expired",
    },
    {
      name: "a client of the future",
      client: { ...notYetValid, ca },
      server: needsCa,
      atServer: "notYetValid",
    },
    {
      name: "a client that was taken off the list",
      client: { ...client, ca },
      server: { ...server, ...trust() },
      atServer: "untrusted",
    },
    {
      name: "of the authority, but not on the list",
      client: { ...client, ca },
      server: { ...needsCa, ...trust(selfSigned.certificate) },
      atServer: "untrusted",
    },
    {
      name: "on the list, but not of the authority",
      client: { ...foreign, ca },
      server: { ...needsCa, ...trust(foreign.certificate) },
      atServer: "untrusted",
    },

    {
      name: "a man in the middle with another authority of the same name",
      client: { ca },
      server: foreign,
      atClient: "untrusted",
      atServer: "closed",
    },
    {
      name: "a man in the middle with a certificate of his own making",
      client: trust(server.certificate),
      server: selfSigned,
      atClient: "untrusted",
      atServer: "closed",
    },
    {
      name: "an authority that the system does not know",
      client: {},
      server,
      atClient: "untrusted",
      atServer: "closed",
    },
    {
      name: "another host",
      client: { ca },
      server,
      hostname: "pdc.example",
      atClient: "wrongName",
      atServer: "closed",
    },
    {
      name: "another address",
      client: { ca },
      server,
      hostname: "192.0.2.1",
      atClient: "wrongName",
      atServer: "closed",
    },
    { name: "an expired server", client: { ca }, server: expired, atClient: "expired", atServer: "closed" },
    {
      name: "an expired server on the list",
      client: trust(expired.certificate),
      server: expired,
      atClient: "expired",
      atServer: "closed",
    },
  ];
}

Deno.test("who is trusted, and who is refused with which reason", async (t) => {
  for (const { name, client, server, hostname, atClient, atServer } of cases(await testCertificates())) {
    await t.step(name, async () => {
      const results = await meet(client, server, hostname === undefined ? {} : { hostname });
      const failures = results.map((result) => result.status === "rejected" ? result.reason : undefined);
      for (const result of results) if (result.status === "fulfilled") result.value.close();
      assertEquals(failures.map((error) => error?.reason), [atClient, atServer]);
      for (const error of failures) {
        if (error === undefined) continue;
        assert(error instanceof TlsError);
        assertEquals(error.code, "HandshakeFailed");
        assert(/memory:[01]/.test(error.message), error.message);
      }
    });
  }
});

Deno.test("a refusal tells whose certificate it was", async () => {
  const { ca, server, expired } = await testCertificates();
  const [near, far] = await meet({ ...expired, ca }, { ...server, ca });
  assert(near.status === "fulfilled" && far.status === "rejected");
  const { message, certificate } = far.reason as TlsError;
  assert(/the certificate "expired" of memory:0 expired on \d{4}-\d\d-\d\dT/.test(message), message);
  assertEquals(certificate?.fingerprint, certificateFingerprint(expired.certificate));
  // Who was refused learns it from the end of the connection.
  const reading = near.value.read(new Uint8Array(1));
  await assertSttpRejects(
    "ConnectionLost",
    () => reading,
    "before anything came, it may not trust our certificate",
  );
  near.value.close();
});

Deno.test("a client without certificate is told what may be the matter", async () => {
  const { ca, server } = await testCertificates();
  const [near] = await meet({ ca }, { ...server, ca });
  assert(near.status === "fulfilled");
  await assertSttpRejects(
    "ConnectionLost",
    () => near.value.read(new Uint8Array(1)),
    "it may ask for a certificate",
  );
  near.value.close();
});

Deno.test("a client that is lost before anything came is told what may be the matter, whatever it was doing", async () => {
  const lost = new SttpError("ConnectionLost", "connection to 192.0.2.1:7165 lost: Broken pipe");
  for (const end of ["read", "write"] as const) {
    const { ends, breakWith } = breakable(end);
    await withTls(async (client) => {
      const attempt = client[end](new Uint8Array(5_000_000));
      await settle();
      breakWith(lost);
      const error = await assertRejects(() => attempt, SttpError);
      const said = `${lost.message} before anything came, it may ask for a certificate`;
      assertEquals([error.message, error.cause], [said, lost], end);
      // So do those who come late, and nobody once it was closed from this side.
      await assertSttpRejects("ConnectionLost", () => client.write(new Uint8Array(1)), said);
      client.close();
      const late = await assertRejects(() => client.write(new Uint8Array(1)), SttpError);
      assertEquals(late.message, "the channel to memory:1 is closed");
    }, ends);
  }
});

Deno.test("a certificate expires by the clock that is given", async () => {
  const { ca, server } = await testCertificates();
  const clock = new ManualClock(Date.now() + 2 * 365 * 86_400_000);
  const [near, far] = await meet({ ca }, server, { clock });
  assertEquals([near, far].map((result) => result.status === "rejected" && result.reason.reason), [
    "expired",
    "closed",
  ]);
  assertEquals(clock.pending, 0);
});

Deno.test("who says nothing is given up", async () => {
  const { server } = await testCertificates();
  for (const side of ["client", "server"] as const) {
    const [near, far] = createChannelPair();
    const clock = new ManualClock();
    const settings = checkTlsOptions(server);
    const waiting = assertRejects(
      () => secureChannel(near, { side, settings, timeout: 500, clock }),
      TlsError,
      "within 500 ms",
    );
    await settle();
    assertEquals(clock.pending, 1);
    clock.advance(500);
    assertEquals((await waiting).reason, "timeout");
    assertEquals(clock.pending, 0);
    const rest = new Uint8Array(10_000);
    while (await far.read(rest) !== null);
    far.close();
  }
});

Deno.test("agreeing can be aborted, before and while it waits", async () => {
  const { ca } = await testCertificates();
  const settings = checkTlsOptions({ ca });
  for (const before of [true, false]) {
    const [near, far] = createChannelPair();
    const controller = new AbortController();
    if (before) controller.abort();
    const clock = new ManualClock();
    const { signal } = controller;
    const aborted = assertSttpRejects(
      "Aborted",
      () => secureChannel(near, { side: "client", settings, timeout: 500, clock, signal }),
      "memory:1",
    );
    await settle();
    controller.abort();
    await aborted;
    assertEquals(clock.pending, 0);
    far.close();
  }
});

Deno.test("node holds on to a handshake that broke off for ten seconds, or as long as one may take", () => {
  const settings = checkTlsOptions({});
  const timeouts = [0, 3_000, 60_000].map((timeout) => serverOptions(settings, timeout).handshakeTimeout);
  assertEquals(timeouts, [10_000, 10_000, 60_000]);
});
