import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { assertSttpRejects, hex } from "../tests/support/hostile.ts";
import type { Channel, ChannelListener } from "./channel.ts";
import { SttpError } from "./errors.ts";
import { connectTcp, listenTcp } from "./tcp.ts";

const LOCAL = "127.0.0.1";

/** A connection: both its ends and what listened for it. All are closed afterwards. */
async function connected(
  test: (near: Channel, far: Channel, listener: ChannelListener) => Promise<void>,
): Promise<void> {
  const listener = listenTcp({ hostname: LOCAL, port: 0 });
  const accepting = listener.accept();
  const near = await connectTcp({ hostname: LOCAL, port: listener.port });
  const far = await accepting;
  assert(far !== null);
  try {
    await test(near, far, listener);
  } finally {
    near.close();
    far.close();
    listener.close();
  }
}

async function readAll(channel: Channel): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const into = new Uint8Array(65_536);
  for (let count = await channel.read(into); count !== null; count = await channel.read(into)) {
    chunks.push(into.slice(0, count));
  }
  return await new Response(new Blob(chunks)).bytes();
}

/** Runs a test with another `Deno.connect`. */
async function withConnect(
  connect: (options: Deno.ConnectOptions) => Promise<Deno.TcpConn>,
  test: () => Promise<void>,
): Promise<void> {
  const original = Deno.connect;
  Deno.connect = connect as typeof Deno.connect;
  try {
    await test();
  } finally {
    Deno.connect = original;
  }
}

Deno.test("bytes go both ways and the ends know each other", async () => {
  await connected(async (near, far, listener) => {
    const into = new Uint8Array(10);
    await near.write(hex("010203"));
    assertEquals(await far.read(into), 3);
    assertEquals(into.subarray(0, 3), hex("010203"));
    await far.write(hex("04"));
    assertEquals(await near.read(into), 1);
    assertEquals(near.peer.address, `${LOCAL}:${listener.port}`);
    assertMatch(far.peer.address, /^127\.0\.0\.1:\d+$/);
    assertEquals(listener.address, `${LOCAL}:${listener.port}`);
  });
});

Deno.test("a write writes everything, more than any buffer holds", async () => {
  await connected(async (near, far) => {
    const bytes = new Uint8Array(20_000_000);
    for (let i = 0; i < bytes.length; i++) bytes[i] = i * 31 >>> 5;
    const reading = readAll(far);
    await near.write(bytes);
    near.close();
    const received = await reading;
    assertEquals(received.length, bytes.length);
    assert(received.every((byte, i) => byte === bytes[i]));
  });
});

Deno.test("the end of the stream reads as null, again and again", async () => {
  await connected(async (near, far) => {
    near.close();
    assertEquals(await far.read(new Uint8Array(1)), null);
    assertEquals(await far.read(new Uint8Array(1)), null);
  });
});

Deno.test("closing ends a pending read with null, and may be repeated", async () => {
  await connected(async (near, far) => {
    const reads = [near.read(new Uint8Array(1)), far.read(new Uint8Array(1))];
    near.close();
    near.close();
    assertEquals(await Promise.all(reads), [null, null]);
    assertEquals(await near.read(new Uint8Array(1)), null);
  });
});

Deno.test("a write to a closed channel is a lost connection", async () => {
  await connected(async (near) => {
    near.close();
    await assertSttpRejects("ConnectionLost", () => near.write(hex("01")), "is closed");
  });
});

Deno.test("a write that waits when its channel closes is a lost connection", async () => {
  await connected(async (near) => {
    // Nobody reads: this can't be finished.
    const writing = assertSttpRejects("ConnectionLost", () => near.write(new Uint8Array(50_000_000)));
    await near.write(new Uint8Array(0));
    near.close();
    await writing;
  });
});

Deno.test("writing to a peer that is gone is a lost connection", async () => {
  await connected(async (near, far) => {
    far.close();
    // The first writes may still go into the system's buffer.
    await assertSttpRejects("ConnectionLost", async () => {
      for (;;) await near.write(new Uint8Array(100_000));
    });
  });
});

Deno.test("a connection that breaks is a lost connection", async () => {
  // Whether a peer can cause a reset at will depends on the system, so the socket is played.
  const broken = {
    remoteAddr: { hostname: "192.0.2.1", port: 7165, transport: "tcp" },
    setNoDelay: () => {},
    close: () => {},
    read: () => Promise.reject(new Deno.errors.ConnectionReset("reset by peer")),
    write: () => Promise.reject(new Deno.errors.BrokenPipe("broken pipe")),
  } as unknown as Deno.TcpConn;
  await withConnect(() => Promise.resolve(broken), async () => {
    const channel = await connectTcp({ port: 7165 });
    await assertSttpRejects(
      "ConnectionLost",
      () => channel.read(new Uint8Array(1)),
      "192.0.2.1:7165 lost: reset by peer",
    );
    await assertSttpRejects("ConnectionLost", () => channel.write(new Uint8Array(1)), "broken pipe");
    channel.close();
  });
});

Deno.test("a listener accepts many and tells its port", async () => {
  const listener = listenTcp({ hostname: LOCAL, port: 0 });
  assert(listener.port > 0);
  const near = await Promise.all([1, 2, 3].map(() => connectTcp({ hostname: LOCAL, port: listener.port })));
  const far = [await listener.accept(), await listener.accept(), await listener.accept()];
  const accepting = listener.accept();
  listener.close();
  listener.close();
  assertEquals(await accepting, null);
  assertEquals(await listener.accept(), null);
  // Channels outlive their listener.
  await Promise.all(near.map((channel, i) => channel.write(new Uint8Array([i]))));
  for (const channel of far) assertEquals(await channel?.read(new Uint8Array(9)), 1);
  for (const channel of [...near, ...far]) channel?.close();
});

Deno.test("a peer that went away before it was accepted is passed over", async () => {
  let closed = 0;
  const gone = {
    setNoDelay: () => {
      throw new Deno.errors.BadResource("gone");
    },
    close: () => closed++,
  } as unknown as Deno.TcpConn;
  const arrivals = [
    () => Promise.reject(new Deno.errors.ConnectionAborted("aborted")),
    () => Promise.reject(new Deno.errors.ConnectionReset("reset")),
    () => Promise.resolve(gone),
    () => Promise.reject(new Error("too many open files")),
  ];
  const played = {
    addr: { hostname: LOCAL, port: 7165, transport: "tcp" },
    accept: () => arrivals.shift()!(),
    close: () => {},
  } as unknown as Deno.TcpListener;
  const original = Deno.listen;
  Deno.listen = (() => played) as unknown as typeof Deno.listen;
  try {
    const listener = listenTcp({ port: 7165 });
    await assertSttpRejects(
      "ConnectionLost",
      () => listener.accept(),
      "can't accept on 127.0.0.1:7165: too many open files",
    );
    assertEquals([arrivals.length, closed], [0, 1]);
    listener.close();
  } finally {
    Deno.listen = original;
  }
});

Deno.test("an address in use can't be listened on", () => {
  const listener = listenTcp({ hostname: LOCAL, port: 0 });
  const error = assertThrows(
    () => listenTcp({ hostname: LOCAL, port: listener.port }),
    SttpError,
    listener.address,
  );
  assertEquals(error.code, "ConnectFailed");
  listener.close();
});

Deno.test("without a hostname every interface is listened on and localhost is connected to", async () => {
  const listener = listenTcp({ port: 0 });
  assertEquals(listener.address, `0.0.0.0:${listener.port}`);
  const near = await connectTcp({ port: listener.port });
  const far = await listener.accept();
  near.close();
  far?.close();
  listener.close();
});

Deno.test("where nobody listens no connection is made", async () => {
  const listener = listenTcp({ hostname: LOCAL, port: 0 });
  listener.close();
  await assertSttpRejects(
    "ConnectFailed",
    () => connectTcp({ hostname: LOCAL, port: listener.port }),
    listener.address,
  );
  await assertSttpRejects(
    "ConnectFailed",
    () => connectTcp({ hostname: "no such host", port: 7165 }),
    "no such host:7165",
  );
});

Deno.test("connecting can be aborted, before and while it waits", async () => {
  const listener = listenTcp({ hostname: LOCAL, port: 0 });
  const target = { hostname: LOCAL, port: listener.port };
  await assertSttpRejects("Aborted", () => connectTcp({ ...target, signal: AbortSignal.abort() }));
  const controller = new AbortController();
  const connecting = assertSttpRejects(
    "Aborted",
    () => connectTcp({ ...target, signal: controller.signal }),
    listener.address,
  );
  controller.abort();
  await connecting;
  listener.close();
});

Deno.test("an abort after the connection was made does not touch it", async () => {
  const listener = listenTcp({ hostname: LOCAL, port: 0 });
  const controller = new AbortController();
  const near = await connectTcp({
    hostname: LOCAL,
    port: listener.port,
    signal: controller.signal,
    timeout: 60_000,
  });
  const far = await listener.accept();
  controller.abort();
  await near.write(hex("01"));
  assertEquals(await far?.read(new Uint8Array(9)), 1);
  near.close();
  far?.close();
  listener.close();
});

Deno.test("connecting ends at its time-out, and tells the system so", async () => {
  let told = false;
  const never = ({ signal }: Deno.ConnectOptions) =>
    new Promise<never>((_, reject) =>
      signal?.addEventListener("abort", () => {
        told = true;
        reject(signal.reason);
      })
    );
  await withConnect(never, async () => {
    await assertSttpRejects(
      "TimedOut",
      () => connectTcp({ port: 7165, timeout: 1 }),
      "localhost:7165 within 1 ms",
    );
  });
  assert(told);
});

Deno.test("a connection that comes after the abort is closed", async () => {
  const listener = listenTcp({ hostname: LOCAL, port: 0 });
  const controller = new AbortController();
  const original = Deno.connect;
  const late = async ({ port }: Deno.ConnectOptions) => {
    const conn = await original({ hostname: LOCAL, port });
    controller.abort();
    return conn;
  };
  await withConnect(late, async () => {
    await assertSttpRejects("Aborted", () => connectTcp({ port: listener.port, signal: controller.signal }));
  });
  const far = await listener.accept();
  assertEquals(await far?.read(new Uint8Array(1)), null);
  far?.close();
  listener.close();
});

Deno.test("wrong ports and time-outs are refused", async () => {
  for (const port of [0, -1, 1.5, 65_536, NaN]) {
    await assertRejects(() => connectTcp({ port }), RangeError, "port");
    if (port !== 0) assertThrows(() => listenTcp({ port }), RangeError, "port");
  }
  for (const timeout of [0, -1, NaN, 2 ** 31]) {
    await assertRejects(() => connectTcp({ port: 1, timeout }), RangeError, "timeout");
  }
});
