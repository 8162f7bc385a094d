import { assertEquals } from "@std/assert";
import { type Channel, type ChannelListener, createChannelPair } from "../../mod.ts";
import type { CaptureWriter } from "./format.ts";
import { handOn, Recorder } from "./recorder.ts";

/** Lets everything happen that can. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("256 connections are handed on at a time; others are turned away until there is room", async () => {
  let accept: (channel: Channel | null) => void = () => {};
  const listener: ChannelListener = {
    address: "memory:0",
    port: 0,
    accept: () => new Promise((resolve) => accept = resolve),
    close: () => accept(null),
  };
  const written: string[] = [];
  const writer = { size: 0, add: (_: number, __: bigint, { kind }: { kind: string }) => written.push(kind) };
  const recorder = new Recorder(writer as unknown as CaptureWriter, { limit: 1000, onStop: () => {} });
  const stop = new AbortController();
  const publishers: Channel[] = [];
  const notes: string[] = [];
  const handingOn = handOn({
    listener,
    connect: () => {
      const [near, far] = createChannelPair();
      publishers.push(far);
      return Promise.resolve(near);
    },
    recorder,
    signal: stop.signal,
    note: (text) => notes.push(text),
  });
  const come = async (): Promise<Channel> => {
    await settle();
    const [near, far] = createChannelPair();
    accept(far);
    await settle();
    return near;
  };
  const first = await come();
  for (let i = 1; i < 256; i++) await come();
  assertEquals([publishers.length, recorder.connections], [256, 256]);
  const refused = await come();
  assertEquals(await refused.read(new Uint8Array(1)), null);
  assertEquals([publishers.length, notes.at(-1)?.includes("256 connections are open")], [256, true]);

  first.close();
  await settle();
  await come();
  assertEquals([publishers.length, recorder.connections], [257, 257]);
  stop.abort();
  await handingOn;
  assertEquals(written.filter((kind) => kind === "ended").length, 257);
});
