import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { type DatagramSocket, openUdp } from "../transport/udp.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { encodeResponse } from "../transport/wire/frame.ts";
import { DataChannel } from "./data_channel.ts";
import { Counters } from "./stats.ts";
import { checkUdpOptions, type UdpOptions } from "./udp_options.ts";

/** A data channel on a real socket, somebody who sends to it, and what came of it. */
class Fixture implements AsyncDisposable {
  readonly counters = new Counters();
  readonly received: string[] = [];
  channel!: DataChannel;
  #sender!: DatagramSocket;
  #arrived = Promise.withResolvers<void>();

  static async open(peer: string, udp: UdpOptions = {}): Promise<Fixture> {
    const fixture = new Fixture();
    fixture.channel = await DataChannel.open({
      udp: checkUdpOptions({ interface: "127.0.0.1", ...udp })!,
      peer,
      counters: fixture.counters,
      drop: (reason) => {
        fixture.counters.dropped[reason]++;
        fixture.#arrived.resolve();
      },
      receive: ({ code, body }) => {
        fixture.received.push(`${code.toString(16)} ${body.join(" ")}`);
        fixture.#arrived.resolve();
      },
      onError: (error) => {
        throw error;
      },
    });
    fixture.#sender = await openUdp({ hostname: "127.0.0.1" });
    return fixture;
  }

  /** Sends a datagram and waits until it is dealt with. */
  async send(datagram: Uint8Array): Promise<void> {
    this.#arrived = Promise.withResolvers();
    const to = { hostname: "127.0.0.1", port: this.channel.settings.localPort };
    this.#sender.send(datagram, to, () => {});
    await this.#arrived.promise;
  }

  get dropped(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.counters.dropped).filter(([, count]) => count > 0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender.close();
    await this.channel.close();
  }
}

function datagram(code: number, ...body: number[]): Uint8Array {
  return encodeResponse(code, Command.Subscribe, new Uint8Array(body)).subarray(4);
}

const here = "127.0.0.1:7165";

Deno.test("data packets and buffer blocks are handed on, several in one datagram too", async () => {
  await using fixture = await Fixture.open(here);
  await fixture.send(datagram(Response.DataPacket, 2, 0, 0, 0, 0));
  await fixture.send(
    new Uint8Array([...datagram(Response.BufferBlock, 1), ...datagram(Response.DataPacket, 2)]),
  );
  assertEquals(fixture.received, ["82 2 0 0 0 0", "88 1", "82 2"]);
  const { datagrams, bytes } = fixture.counters.udp;
  assertEquals([datagrams, bytes, fixture.dropped], [2, 11 + 14, {}]);
});

Deno.test("everything else is counted: it belongs on the command channel", async () => {
  await using fixture = await Fixture.open(here);
  const others = Object.values(Response).filter((code) =>
    code !== Response.DataPacket && code !== Response.BufferBlock
  );
  for (const code of [...others, 0x42]) await fixture.send(datagram(code, code));
  // TSSC needs every packet.
  await fixture.send(datagram(Response.DataPacket, 0x08, 0, 0, 0, 1, 85, 0, 0));
  assertEquals(fixture.received, []);
  assertEquals(fixture.dropped, { unexpectedDatagram: others.length + 2 });
});

Deno.test("strangers are ignored and counted; more addresses may be named", async () => {
  for (const peer of ["192.0.2.1:7165", "[2001:db8::1]:7165"]) {
    await using stranger = await Fixture.open(peer);
    await stranger.send(datagram(Response.DataPacket, 2));
    assertEquals([stranger.received, stranger.dropped], [[], { stranger: 1 }]);
    assertEquals(stranger.counters.udp.datagrams, 0);
    await using friend = await Fixture.open(peer, { sources: ["::ffff:127.0.0.1"] });
    await friend.send(datagram(Response.DataPacket, 2));
    assertEquals([friend.received, friend.dropped], [["82 2"], {}]);
  }
});

Deno.test("the publisher is known in any spelling", async () => {
  await using fixture = await Fixture.open("[::ffff:127.0.0.1]:7165");
  await fixture.send(datagram(Response.DataPacket, 2));
  assertEquals(fixture.dropped, {});
});

Deno.test("truncated and overlong datagrams are counted; what is whole before that is used", async () => {
  await using fixture = await Fixture.open(here);
  const whole = datagram(Response.DataPacket, 2, 0, 0, 0, 0);
  for (let length = 0; length < whole.length; length++) await fixture.send(whole.subarray(0, length));
  assertEquals([fixture.received, fixture.dropped], [[], { malformedDatagram: whole.length }]);
  await fixture.send(new Uint8Array([...whole, 1]));
  assertEquals(fixture.received.length, 1);
  const lying = whole.slice();
  new DataView(lying.buffer).setUint32(2, 0xffff_ffff);
  await fixture.send(lying);
  assertEquals(fixture.received.length, 1);
});

Deno.test("a datagram that comes again is dropped, unless packets carry no time", async () => {
  await using fixture = await Fixture.open(here);
  for (let i = 0; i < 3; i++) await fixture.send(datagram(Response.DataPacket, 2));
  assertEquals([fixture.received.length, fixture.dropped], [1, { repeatedDatagram: 2 }]);
  fixture.channel.dropsRepeated = false;
  for (let i = 0; i < 2; i++) await fixture.send(datagram(Response.DataPacket, 2));
  assertEquals(fixture.received.length, 3);
});

Deno.test("random datagrams do nothing", async () => {
  await using fixture = await Fixture.open(here);
  let state = 1;
  for (let i = 0; i < 300; i++) {
    const bytes = new Uint8Array(1 + i);
    for (let j = 0; j < bytes.length; j++) {
      bytes[j] = (state = Math.imul(state, 1_664_525) + 1_013_904_223) >>> 24;
    }
    await fixture.send(bytes);
  }
  assertEquals(fixture.received, []);
  assertEquals(Object.values(fixture.dropped).reduce((sum, count) => sum + count), 300);
});

Deno.test("the publisher is told port and, if one was given, interface", async () => {
  await using fixture = await Fixture.open(here);
  assertEquals(fixture.channel.settings.interface, "127.0.0.1");
  assertEquals(fixture.channel.address, `127.0.0.1:${fixture.channel.settings.localPort}`);
  const any = await DataChannel.open({
    udp: checkUdpOptions(true)!,
    peer: here,
    counters: new Counters(),
    drop: () => {},
    receive: () => {},
    onError: () => {},
  });
  assertEquals(any.settings, { localPort: any.settings.localPort });
  assertEquals(any.address, `0.0.0.0:${any.settings.localPort}`);
  await any.close();
});

Deno.test("without an address of the publisher, or a port that can be had, there is no data channel", async () => {
  const error = await assertRejects(() => Fixture.open("memory:1"), SttpError, "not an IP address");
  assertEquals(error.code, "ConnectFailed");
  await using fixture = await Fixture.open(here);
  const { localPort } = fixture.channel.settings;
  await assertRejects(() => Fixture.open(here, { port: localPort }), SttpError, String(localPort));
});

Deno.test("options of UDP", () => {
  assertEquals(checkUdpOptions(undefined), undefined);
  assertEquals(checkUdpOptions(false), undefined);
  assertEquals(checkUdpOptions(true), { port: 0, interface: undefined, sources: [] });
  assertEquals(checkUdpOptions({ port: 9191, interface: "::", sources: ["2001:DB8:0::1"] }), {
    port: 9191,
    interface: "::",
    sources: ["2001:db8::1"],
  });
  for (const port of [-1, 65_536, 1.5]) assertThrows(() => checkUdpOptions({ port }), RangeError, "udp.port");
  for (
    const wrong of [{ interface: "eth0" }, { sources: ["example.org"] }, { sources: "::1" }, { prot: 1 }, 7]
  ) {
    assertThrows(() => checkUdpOptions(wrong as UdpOptions), TypeError);
  }
});
