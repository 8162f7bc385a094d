/** Subscribers that end their own side of the connection while commands of theirs are not done, over TCP. */
import { assertEquals } from "@std/assert";
import { Publisher, type PublisherOptions } from "../../publisher/mod.ts";
import { type ReceivedResponse, ScriptedPeer } from "../../publisher/testdata/rig.ts";
import { Command, ManualClock, Response } from "../../transport/mod.ts";
import { metadataOf, until } from "./support.ts";

const FIRST = Command.UserCommand00;

/** A publisher whose application decides when the test says so, and a subscriber that has agreed on modes with it. */
class Talk implements AsyncDisposable {
  readonly publisher: Publisher;
  readonly conn: Deno.TcpConn;
  readonly peer: ScriptedPeer;
  /** Lets the application go on. */
  readonly release: () => void;
  /** How many decisions of the application were begun. */
  begun = 0;

  private constructor(publisher: Publisher, conn: Deno.TcpConn, release: () => void) {
    this.publisher = publisher;
    this.conn = conn;
    this.release = release;
    this.peer = new ScriptedPeer({
      peer: { address: publisher.address! },
      read: (into) => conn.read(into),
      write: async (bytes) => {
        for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      },
      close: () => conn.close(),
    });
  }

  static async start(options: PublisherOptions = {}): Promise<Talk> {
    const released = Promise.withResolvers<void>();
    const decide = async (): Promise<void> => {
      talk.begun++;
      await released.promise;
    };
    const publisher = new Publisher({
      port: 0,
      hostname: "127.0.0.1",
      onUserCommand: decide,
      access: {
        authorizeTimeout: 60_000,
        authorizeSignals: async () => {
          await decide();
          return true;
        },
      },
      ...options,
    });
    publisher.defineMetadata(metadataOf(20));
    await publisher.start();
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: publisher.port });
    const talk = new Talk(publisher, conn, released.resolve);
    await talk.peer.defineModes();
    await talk.peer.expect(Response.Succeeded, Command.DefineOperationalModes);
    return talk;
  }

  /** Sends commands of which the first is slow, and ends its own side. Resolves when the publisher has noticed. */
  async sendLast(...commands: number[]): Promise<void> {
    for (const command of commands) await this.peer.send(command);
    await until(() => this.begun === 1);
    await this.conn.closeWrite();
    // Something is sent to find out whether somebody listens.
    assertEquals((await this.peer.receive())?.code, Response.NoOP);
  }

  /** All answers up to the end of the connection. */
  async answers(): Promise<(readonly [code: number, command: number])[]> {
    const answers: ReceivedResponse[] = [];
    for (let response; (response = await this.peer.receive()) !== undefined;) answers.push(response);
    return answers.filter(({ code }) => code !== Response.NoOP)
      .map(({ code, inResponseTo }) => [code, inResponseTo] as const);
  }

  /** How connections ended. */
  get closed(): Readonly<Record<string, number>> {
    return this.publisher.stats().connections.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    await this.publisher.stop();
    try {
      this.conn.close();
    } catch {
      // The test has done so.
    }
  }
}

Deno.test("who ends its own side after its last commands gets all answers, and then the end", async () => {
  for (const command of [Command.MetadataRefresh, FIRST]) {
    await using talk = await Talk.start();
    await talk.sendLast(command, command, command);
    assertEquals([talk.begun, talk.publisher.stats().connections.open], [1, 1]);
    talk.release();
    assertEquals(
      await talk.answers(),
      Array.from({ length: 3 }, () => [Response.Succeeded, command] as const),
    );
    await until(() => talk.closed.peerClosed === 1);
  }
});

Deno.test("who is gone is noticed at once, and what it left is not carried out", async () => {
  for (const command of [Command.MetadataRefresh, FIRST]) {
    await using talk = await Talk.start();
    for (let i = 0; i < 3; i++) await talk.peer.send(command);
    await until(() => talk.begun === 1);
    talk.conn.close();
    await until(() => talk.publisher.stats().connections.open === 0);
    assertEquals(talk.closed, { peerClosed: 1 });
    talk.release();
    await talk.publisher.stop();
    assertEquals(talk.begun, 1);
  }
});

Deno.test("answers are waited for five seconds, and no longer", async () => {
  for (const command of [Command.MetadataRefresh, FIRST]) {
    const clock = new ManualClock();
    await using talk = await Talk.start({ clock });
    await talk.sendLast(command);
    for (let delay = 20;; delay *= 2) {
      await until(() => talk.publisher.stats().open[0]?.queue.controlBytes === 0);
      clock.advance(delay);
      if (delay === 2560) break;
      assertEquals((await talk.peer.receive())?.code, Response.NoOP);
    }
    assertEquals(clock.monotonic(), 5100);
    assertEquals(await talk.answers(), []);
    assertEquals(talk.closed, { peerClosed: 1 });
  }
});
