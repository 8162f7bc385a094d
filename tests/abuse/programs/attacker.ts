/**
 * Somebody who means no good, one attack a process.
 *
 * Commands: `quit`. Events: `started`; `done` with what came of it. What connections are left then stay until it quits.
 *
 * @module
 */
import {
  Command,
  connectTls,
  DefaultOperationalModes,
  encodeCommand,
  encodeMetadataRefresh,
  encodeOperationalModes,
  encodeSubscribe,
  FrameReader,
  readResponses,
  Response,
} from "../../../transport/mod.ts";
import { commands, emit, settings } from "../../../bench/programs/talk.ts";
import { joined } from "../../fuzz/mutate.ts";
import { all } from "../../integration/support.ts";

/** What can be done. */
export type Attack =
  | "slow loris"
  | "half-open connections"
  | "flood of commands"
  | "resubscription storm"
  | "costly filters"
  | "metadata filters"
  | "long settings"
  | "history storm"
  | "stalled readers"
  | "caches never confirmed"
  | "connections dropped"
  | "idle connections"
  | "strangers"
  | "TLS handshakes";

/** What is done to whom, and for how long. */
export interface AttackSettings {
  readonly address: string;
  readonly attack: Attack;
  readonly seconds: number;
}

const { address, attack, seconds } = settings<AttackSettings>();
const [hostname, port] = address.split(":");
const end = performance.now() + seconds * 1000;
const modes = encodeCommand(Command.DefineOperationalModes, encodeOperationalModes(DefaultOperationalModes));
const confirm = encodeCommand(Command.ConfirmUpdateSignalIndexCache);
/** What came of it. */
export interface Done {
  readonly connections: number;
  /** Connections that could not be made, or ended before they were to. */
  readonly refused: number;
  /** Bytes said. */
  readonly bytes: number;
  /** Bytes that answered it. */
  readonly received: number;
  /** The responses that it waited for, or counted. */
  readonly answers: number;
}

const counts = { connections: 0, refused: 0, bytes: 0, received: 0, answers: 0 };

function subscribe(filterExpression = all): Uint8Array {
  return encodeCommand(Command.Subscribe, encodeSubscribe({ filterExpression }, "utf-8"));
}

function any(count: number, term: (n: number) => string): string {
  return Array.from({ length: count }, (_, n) => term(n)).join(" OR ");
}

/** A condition that takes long in one row, and fails there. */
function inOneRow(condition: string): string {
  return `ID = 'PPA:0' AND (${condition} OR 1 / (LEN(ID) - LEN(ID)) = 1)`;
}

/** Conditions that take long to be read, compiled or evaluated, each time another. */
const costlyConditions: readonly ((i: number) => string)[] = [
  (i) => any(50_000, (n) => `LEN(PointTag) = ${(n + i) % 7 + 100}`),
  // What nearly fits again and again.
  (i) => {
    const part = `${"x".repeat(8_000)}y${"x".repeat(8_000 + i % 9)}`;
    return inOneRow(any(30, () => `CONTAINS(PointTag + '${"x".repeat(40_000)}', '${part}')`));
  },
  (i) =>
    inOneRow(
      any(20, () => `NTHINDEXOF(ID + '${"x".repeat(60_000)}', '${"x".repeat(30_000 + i % 9)}', 30000) = 0`),
    ),
  (i) =>
    inOneRow(
      any(1_000, () => `ISNUMERIC('${i % 9}' + CONVERT(LEN(ID), 'string') + '${"1".repeat(1_180)}x')`),
    ),
  (i) => any(100, (n) => `REGEXMATCH('${"x{0,1000}".repeat(110)}${n + i % 9}', PointTag)`),
  (i) =>
    any(
      2_500,
      (n) => `CONVERT('1e1000', 'decimal') + CONVERT('1e-1000', 'decimal') * LEN(ID) = ${n + i % 9}`,
    ),
  // Errors far behind, and signs before values.
  (i) => " ".repeat(1_900_000) + any(1_000, (n) => `1 / 0 = ${n + i}`),
  (i) => `${`${"NOT ".repeat(499)}A OR `.repeat(990)}A = ${i % 9}`,
];

function isTime(): boolean {
  return performance.now() < end;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A connection, and what is done with it; whatever way it ends. */
async function connection(use: (connection: Deno.TcpConn) => Promise<void>): Promise<void> {
  let opened: Deno.TcpConn | undefined;
  try {
    opened = await Deno.connect({ hostname: hostname!, port: Number(port) });
    counts.connections++;
    await use(opened);
  } catch {
    counts.refused++;
  }
  try {
    opened?.close();
  } catch {
    // It is closed.
  }
}

/** So many at a time, one after the other, until the time is over. */
async function many(count: number, use: (connection: Deno.TcpConn) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, async () => {
    while (isTime()) {
      await connection(use);
      await pause(1);
    }
  }));
}

async function write(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await to.write(bytes.subarray(sent));
  counts.bytes += bytes.length;
}

/** A Subscribe command with a connection string of one's own. */
function subscribeWith(connectionString: string): Uint8Array {
  const text = new TextEncoder().encode(connectionString);
  const payload = new Uint8Array(5 + text.length);
  payload[0] = 2; // Compact.
  new DataView(payload.buffer).setUint32(1, text.length);
  payload.set(text, 5);
  return encodeCommand(Command.Subscribe, payload);
}

/** Reads and throws away, until the end of the connection. */
async function read(from: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    while (await from.read(buffer) !== null);
  } catch {
    // Closed.
  }
}

/** A connection that stays until it is ended from the other side, or this process quits. @returns When it was used. */
function lasting(use: (connection: Deno.TcpConn) => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  connection(async (peer) => {
    await use(peer);
    resolve();
    await read(peer);
  }).then(resolve);
  return promise;
}

/** Reads until the end of the connection, and counts these responses. */
async function readAnswers(from: Deno.TcpConn, counted: number): Promise<void> {
  const frames = new FrameReader({ maxLength: 1 << 24 });
  try {
    while (await awaitResponse(from, frames, counted));
  } catch {
    // Closed, or refused.
  }
}

/**
 * Reads until this response has come. @returns Whether it has, or the connection has ended.
 * @throws {Error} When the command failed, and that was not expected.
 */
async function awaitResponse(from: Deno.TcpConn, frames: FrameReader, awaited: number): Promise<boolean> {
  for (;;) {
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
      for (const { code } of readResponses(frame)) {
        if (code === awaited) {
          counts.answers++;
          return true;
        }
        if (code === Response.Failed) throw new Error("refused");
      }
    }
    const length = await from.read(frames.writable());
    if (length === null) return false;
    counts.received += length;
    frames.commit(length);
  }
}

/** The first record of a TLS client, whole. */
async function clientHello(): Promise<Uint8Array> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const attempt = connectTls({ hostname: "127.0.0.1", port: listener.addr.port }).catch(() => {});
  const peer = await listener.accept();
  const bytes = new Uint8Array(16_384);
  const length = await peer.read(bytes);
  peer.close();
  listener.close();
  await attempt;
  return bytes.subarray(0, length!);
}

const attacks: Readonly<Record<Attack, () => Promise<void>>> = {
  /** Modes, a byte at a time, never finished. */
  "slow loris": () =>
    many(300, async (peer) => {
      for (let i = 0; isTime() && i < modes.length - 1; i++) {
        await write(peer, modes.subarray(i, i + 1));
        await pause(500);
      }
    }),

  /** Connections that are opened and forgotten, and others that are closed in one direction only. */
  "half-open connections": () =>
    many(300, async (peer) => {
      if (counts.connections % 2 === 0) {
        await write(peer, joined(modes, subscribe()));
        await peer.closeWrite();
        await readAnswers(peer, Response.Succeeded);
      } else {
        while (isTime()) await pause(200);
      }
    }),

  /** Every command there is, as fast as they are taken; some read the answers and others do not. */
  "flood of commands": () =>
    many(6, async (peer) => {
      const commands = joined(
        ...Object.values(Command).filter((code) => code !== Command.DefineOperationalModes).map((code) =>
          encodeCommand(code)
        ),
        encodeCommand(0x7f, new Uint8Array(100)),
        encodeCommand(
          Command.MetadataRefresh,
          encodeMetadataRefresh("FILTER MeasurementDetail WHERE Len(ID) > 1", "utf-8"),
        ),
      );
      // Most of these commands make no sense.
      if (counts.connections % 3 > 0) readAnswers(peer, Response.Failed);
      await write(peer, modes);
      while (isTime()) await write(peer, commands);
    }),

  /** Another subscription as soon as the last one is answered. */
  "resubscription storm": () =>
    many(6, async (peer) => {
      const frames = new FrameReader({ maxLength: 1 << 24 });
      await write(peer, modes);
      await awaitResponse(peer, frames, Response.Succeeded);
      for (let i = 0; isTime(); i++) {
        await write(
          peer,
          joined(subscribe(`FILTER TOP ${1 + i % 97} ActiveMeasurements WHERE True`), confirm),
        );
        await awaitResponse(peer, frames, Response.Succeeded);
      }
    }),

  /** Filter expressions as long as they may be, each another one, so that no result is there already. */
  "costly filters": () =>
    many(6, async (peer) => {
      const frames = new FrameReader({ maxLength: 1 << 24 });
      await write(peer, modes);
      await awaitResponse(peer, frames, Response.Succeeded);
      for (let i = counts.bytes; isTime(); i++) {
        const condition = costlyConditions[i % costlyConditions.length]!(i);
        await write(peer, subscribe(`FILTER ActiveMeasurements WHERE ${condition}`));
        await awaitResponse(peer, frames, Response.Failed);
      }
    }),

  /** Metadata through ever other filters, over ever other connections. What depends on the time is not kept. */
  "metadata filters": () =>
    many(6, async (peer) => {
      const frames = new FrameReader({ maxLength: 1 << 24 });
      await write(peer, modes);
      await awaitResponse(peer, frames, Response.Succeeded);
      for (let i = 0; isTime(); i++) {
        const filter =
          `FILTER MeasurementDetail WHERE ID <> '${counts.connections}:${i}' AND Now() > '2000-01-01'`;
        await write(peer, encodeCommand(Command.MetadataRefresh, encodeMetadataRefresh(filter, "utf-8")));
        await awaitResponse(peer, frames, Response.Succeeded);
        if (i === 20) return;
      }
    }),

  /** Connection strings as long as they may be: settings that nobody knows, which stay, and nesting without end. */
  "long settings": async () => {
    const length = 4_000_000;
    const staying = subscribeWith(
      `filterExpression={FILTER TOP 1 ActiveMeasurements WHERE True}; x=\u0436${"y".repeat(65_000)}`,
    );
    const nested = [`filterExpression={${"{".repeat(length)}`, `x={x={${"{}".repeat(length / 2)}}}`].map(
      subscribeWith,
    );
    const handshake = async (peer: Deno.TcpConn): Promise<FrameReader> => {
      const frames = new FrameReader({ maxLength: 1 << 24 });
      await write(peer, modes);
      await awaitResponse(peer, frames, Response.Succeeded);
      return frames;
    };
    const subscribed = Array.from({ length: 40 }, () =>
      lasting(async (peer) => {
        const frames = await handshake(peer);
        await write(peer, staying);
        await awaitResponse(peer, frames, Response.Succeeded);
      }));
    await many(4, async (peer) => {
      const frames = await handshake(peer);
      for (let i = 0; isTime(); i++) {
        await write(peer, nested[i % 2]!);
        await awaitResponse(peer, frames, Response.Failed);
      }
    });
    await Promise.all(subscribed);
  },

  /** All of history as fast as it comes, again and again. */
  "history storm": () =>
    many(6, async (peer) => {
      const frames = new FrameReader({ maxLength: 1 << 24 });
      await write(peer, modes);
      await awaitResponse(peer, frames, Response.Succeeded);
      const request = { filterExpression: all, startTimeConstraint: "*-1h", processingInterval: 0 };
      while (isTime()) {
        await write(
          peer,
          joined(encodeCommand(Command.Subscribe, encodeSubscribe(request, "utf-8")), confirm),
        );
        await awaitResponse(peer, frames, Response.ProcessingComplete);
      }
    }),

  /** Subscribers to everything, in its longest form, that read nothing. */
  "stalled readers": () =>
    many(20, async (peer) => {
      const plain = { ...DefaultOperationalModes, tssc: false, gzip: false, compressPayloadData: false };
      const metadata = encodeCommand(Command.MetadataRefresh);
      await write(peer, encodeCommand(Command.DefineOperationalModes, encodeOperationalModes(plain)));
      // What the system holds back for both sides is full of metadata before it comes to data.
      await write(peer, joined(subscribe(), confirm, ...Array<Uint8Array>(60).fill(metadata)));
      while (isTime()) await pause(200);
    }),

  /** Subscribers that never confirm the cache that they are sent. */
  "caches never confirmed": () =>
    many(30, async (peer) => {
      readAnswers(peer, Response.UpdateSignalIndexCache);
      await write(peer, modes);
      while (isTime()) {
        await write(peer, subscribe());
        await pause(500);
      }
    }),

  /** Ten thousand connections, dropped at once, after half a command, or in the middle of an answer. */
  "connections dropped": async () => {
    const pieces = [new Uint8Array(0), modes.subarray(0, 7), modes, joined(modes, subscribe())];
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (counts.connections < 10_000) {
        await connection(async (peer) => await write(peer, pieces[counts.connections % pieces.length]!));
      }
    }));
  },

  /** Thousands that do as they should, and nothing; they stay. */
  "idle connections": async () => {
    const agreed: Promise<void>[] = [];
    for (let i = 0; i < 2_000; i++) {
      agreed.push(lasting(async (peer) => {
        await write(peer, modes);
        await awaitResponse(peer, new FrameReader({ maxLength: 1 << 24 }), Response.Succeeded);
      }));
      if (i % 50 === 49) await pause(10);
    }
    await Promise.all(agreed);
    while (isTime()) await pause(100);
  },

  /** Other protocols, and bytes without sense. */
  "strangers": () =>
    many(30, async (peer) => {
      const greetings = [
        new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]),
        crypto.getRandomValues(new Uint8Array(1000)),
        new Uint8Array([0xff, 0xff, 0xff, 0xff, 6]),
      ];
      await write(peer, greetings[counts.connections % greetings.length]!);
      await read(peer);
    }),

  /** TLS handshakes that are begun and not gone on with, as many as will go: with the first bytes, or with all a client says. */
  "TLS handshakes": async () => {
    const hello = await clientHello();
    await many(300, async (peer) => {
      await write(peer, counts.connections % 2 === 0 ? hello : hello.subarray(0, 5));
      await read(peer);
    });
  },
};

emit("started", { pid: Deno.pid });
await attacks[attack]();
emit("done", counts);
await commands({});
Deno.exit();
