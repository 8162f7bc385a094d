/**
 * Many subscribers in one process that subscribe, confirm and then throw away what they get: what is measured is the
 * publisher, and the machine should be its own.
 *
 * Settings: {@linkcode CrowdSettings}. Commands: `stall` (milliseconds, how many do not read), `look`, `quit`.
 * Events: `subscribed`, `look`.
 *
 * @module
 */
import { connectTcp } from "../../transport/tcp.ts";
import type { Channel } from "../../transport/channel.ts";
import { connectTls } from "../../transport/tls.ts";
import type { TlsOptions } from "../../transport/tls_options.ts";
import { Command, Response } from "../../transport/wire/codes.ts";
import { encodeCommand, FrameReader, readResponses } from "../../transport/wire/frame.ts";
import { encodeOperationalModes } from "../../transport/wire/operational_modes.ts";
import { encodeSubscribe } from "../../transport/wire/subscribe.ts";
import { commands, emit, resources, settings } from "./talk.ts";

/** Who subscribes to what. */
export interface CrowdSettings {
  readonly port: number;
  /** A subscriber for each; those with an empty filter connect and do not subscribe. */
  readonly filters: readonly string[];
  /** Left out: over TCP as it is. */
  readonly tls?: TlsOptions | undefined;
}

const { port, filters, tls } = settings<CrowdSettings>();
// What is read is thrown away, so all read into the same memory.
const rubbish = new Uint8Array(262_144);
let bytes = 0;
let stalledUntil = 0;
let stalled = 0;

async function connect(filter: string): Promise<Channel> {
  const target = { hostname: "127.0.0.1", port };
  const channel = tls === undefined ? await connectTcp(target) : await connectTls({ ...target, tls });
  const modes = encodeOperationalModes({
    version: 2,
    gzip: true,
    tssc: true,
    encoding: "utf-8",
    extension: 0,
    receiveExternalMetadata: true,
    receiveInternalMetadata: true,
    compressPayloadData: true,
    compressSignalIndexCache: true,
    compressMetadata: true,
  });
  await channel.write(encodeCommand(Command.DefineOperationalModes, modes));
  if (filter === "") return channel;
  await channel.write(
    encodeCommand(Command.Subscribe, encodeSubscribe({ filterExpression: filter }, "utf-8")),
  );
  const frames = new FrameReader({ maxLength: 2 ** 28, readSize: 65_536 });
  for (;;) {
    const count = await channel.read(frames.writable());
    if (count === null) throw new Error("the publisher closed the connection");
    frames.commit(count);
    for (let payload = frames.next(); payload !== undefined; payload = frames.next()) {
      for (const { code } of readResponses(payload)) {
        if (code !== Response.UpdateSignalIndexCache) continue;
        await channel.write(encodeCommand(Command.ConfirmUpdateSignalIndexCache));
        return channel;
      }
    }
  }
}

async function drain(channel: Channel, which: number): Promise<void> {
  for (;;) {
    const count = await channel.read(rubbish);
    if (count === null) return;
    bytes += count;
    if (which < stalled) {
      const rest = stalledUntil - performance.now();
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    }
  }
}

for (let from = 0; from < filters.length; from += 50) {
  const some = await Promise.all(filters.slice(from, from + 50).map(connect));
  some.forEach((channel, i) => drain(channel, from + i));
}
emit("subscribed");

await commands({
  stall({ milliseconds, count }: { milliseconds: number; count: number }): void {
    stalled = count;
    stalledUntil = performance.now() + milliseconds;
  },
  look: () => emit("look", { ...resources(), bytes }),
});
Deno.exit();
