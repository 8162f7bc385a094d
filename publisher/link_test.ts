import { assertEquals, assertThrows } from "@std/assert";
import type { Channel } from "../transport/channel.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { createChannelPair } from "../transport/memory_channel.ts";
import { TlsError } from "../transport/tls.ts";
import { DefaultOperationalModes } from "../transport/wire/operational_modes.ts";
import { Link, type LinkHost, type LinkOptions, type LinkSession, type LinkTarget } from "./link.ts";
import type { CloseReason } from "./session_state.ts";
import type { ConnectionSnapshot } from "./snapshot.ts";
import type { PublisherStatus } from "./status.ts";

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** A session that ends when the test says so. */
class FakeSession {
  readonly id: number;
  readonly ended: PromiseWithResolvers<void> = Promise.withResolvers();
  closed: LinkSession["closed"];
  #agreed = false;

  constructor(id: number) {
    this.id = id;
  }

  /** The subscriber defines its modes. */
  agree(): void {
    this.#agreed = true;
  }

  close(reason: CloseReason, message: string): void {
    this.closed ??= { reason, message };
    this.ended.resolve();
  }

  snapshot(): ConnectionSnapshot {
    return { modes: this.#agreed ? DefaultOperationalModes : null } as ConnectionSnapshot;
  }
}

/** A link, and all that it needs. */
class Rig {
  readonly clock: ManualClock = new ManualClock();
  readonly events: PublisherStatus[] = [];
  readonly targets: LinkTarget[] = [];
  readonly sessions: FakeSession[] = [];
  readonly handshakes: string[] = [];
  readonly link: Link;
  readonly #failures: (Error | "silence")[];

  /** @param failures What the first attempts come to; connections after that. */
  constructor(options: LinkOptions = {}, failures: (Error | "silence")[] = []) {
    this.#failures = [...failures];
    this.link = new Link("subscriber.example", {
      reconnect: { initialDelay: 100, maxDelay: 1000, jitter: 0 },
      ...options,
    }, {
      clock: this.clock,
      tls: undefined,
      emit: (event) => this.events.push(event),
      open: (target, signal) => this.#open(target, signal),
      serve: () => {
        const session = new FakeSession(this.sessions.length + 1);
        this.sessions.push(session);
        return { session, ended: session.ended.promise };
      },
      handshakeFailed: ({ reason }, { address }) => this.handshakes.push(`${address} ${reason}`),
    });
  }

  /** What the next attempts come to. */
  fail(...failures: Error[]): void {
    this.#failures.push(...failures);
  }

  #open(target: LinkTarget, signal: AbortSignal): Promise<Channel> {
    this.targets.push(target);
    const failure = this.#failures.shift();
    if (failure === undefined) return Promise.resolve(createChannelPair()[0]);
    if (failure !== "silence") return Promise.reject(failure);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  }

  /** The delays announced so far. */
  delays(): number[] {
    return this.events.flatMap((event) => event.kind === "reconnecting" ? [event.delayMilliseconds] : []);
  }
}

const nobody = new SttpError("ConnectFailed", "nobody answers");

Deno.test("a connection that fails or is lost is made again, ever more slowly", async () => {
  const rig = new Rig();
  await settle();
  assertEquals([rig.link.state, rig.link.address], ["connected", "subscriber.example:7165"]);
  rig.fail(...Array(5).fill(nobody));
  rig.sessions[0]!.close("connectionLost", "gone");
  await settle();
  assertEquals([rig.link.state, rig.delays()], ["waiting", [100]]);
  assertEquals(rig.link.snapshot(), {
    address: "subscriber.example:7165",
    state: "waiting",
    attempt: 1,
    connections: 1,
    connection: null,
    problem: "gone",
  });
  for (const delay of [100, 200, 400, 800, 1000, 1000]) {
    rig.clock.advance(delay - 1);
    await settle();
    assertEquals(rig.link.state, "waiting");
    rig.clock.advance(1);
    await settle();
  }
  assertEquals(rig.delays(), [100, 200, 400, 800, 1000, 1000]);
  assertEquals([rig.link.state, rig.sessions.length, rig.targets.length], ["connected", 2, 7]);
  await rig.link.close();
  assertEquals(rig.clock.pending, 0);
});

Deno.test("the waits are short again when somebody spoke STTP for as long as the longest of them, and only then", async () => {
  const rig = new Rig();
  for (const [agrees, lasting] of [[false, 1000], [true, 999], [true, 1000], [false, 0]] as const) {
    await settle();
    const session = rig.sessions.at(-1)!;
    if (agrees) session.agree();
    rig.clock.advance(lasting);
    session.close("peerClosed", "gone");
    await settle();
    rig.clock.advance(1000);
  }
  assertEquals(rig.delays(), [100, 200, 100, 200]);
  await rig.link.close();
});

Deno.test("refused or disconnected subscribers are not connected to again", async () => {
  for (const reason of ["refused", "unsupported", "disconnected"] as const) {
    const rig = new Rig();
    await settle();
    rig.sessions[0]!.close(reason, "not you");
    assertEquals(await rig.link.closed, { kind: "refused", message: "not you" });
    assertEquals([rig.link.state, rig.clock.pending, rig.targets.length], ["closed", 0, 1]);
    assertEquals(rig.events.at(-1), {
      kind: "linkClosed",
      address: "subscriber.example:7165",
      end: { kind: "refused", message: "not you" },
    });
  }
});

Deno.test("after the last retry, or without any, the link is lost", async () => {
  for (const [reconnect, attempts] of [[false, 1], [{ maxRetries: 2, jitter: 0 }, 3]] as const) {
    const rig = new Rig({ reconnect }, Array(5).fill(nobody));
    for (let i = 0; i < 3; i++) {
      await settle();
      rig.clock.advance(10_000);
    }
    assertEquals(await rig.link.closed, { kind: "lost", message: "nobody answers" });
    assertEquals(rig.targets.length, attempts);
  }
});

Deno.test("closing ends whatever goes on: an attempt, a connection, a wait", async () => {
  const trying = new Rig({}, ["silence"]);
  await settle();
  assertEquals(trying.link.state, "connecting");
  const connected = new Rig();
  await settle();
  const waiting = new Rig({}, [nobody]);
  await settle();
  assertEquals(waiting.link.state, "waiting");
  for (const rig of [trying, connected, waiting]) {
    await rig.link.close();
    await rig.link[Symbol.asyncDispose]();
    assertEquals([rig.link.state, await rig.link.closed, rig.clock.pending], [
      "closed",
      { kind: "closed" },
      0,
    ]);
  }
  assertEquals(connected.sessions[0]?.closed?.reason, "disconnected");
});

Deno.test("a connection that comes after the end is closed; one that there is may outlive stop()", async () => {
  const late = new Rig();
  late.link.stop();
  await late.link.closed;
  assertEquals(late.sessions.length, 0);

  const rig = new Rig();
  await settle();
  rig.link.stop();
  await settle();
  assertEquals(rig.link.state, "connected");
  rig.sessions[0]!.close("connectionLost", "gone");
  assertEquals(await rig.link.closed, { kind: "closed" });
});

Deno.test("a subscriber that is not trusted is counted, and tried again", async () => {
  const rig = new Rig({}, [new TlsError("expired", "its certificate expired")]);
  await settle();
  assertEquals([rig.link.state, rig.handshakes], ["waiting", ["subscriber.example:7165 expired"]]);
  rig.clock.advance(100);
  await settle();
  assertEquals(rig.link.state, "connected");
  await rig.link.close();
});

Deno.test("options are checked, and passed on", async () => {
  const rig = new Rig({ connectTimeout: 1234, tls: {} });
  await settle();
  assertEquals(rig.targets, [{ hostname: "subscriber.example", port: 7167, timeout: 1234, tls: {} }]);
  await rig.link.close();
  const link = (options: unknown, address = "a:1"): Link =>
    new Link(address, options as LinkOptions, { tls: undefined } as LinkHost);
  assertThrows(() => link({ reconect: false }), TypeError, "reconect");
  assertThrows(() => link({ connectTimeout: 0 }), RangeError, "connectTimeout");
  assertThrows(() => link({ tls: { ca: "nothing" } }), TypeError, "ca");
  assertThrows(() => link({ tls: false, reconnect: { jitter: 2 } }), RangeError, "jitter");
  assertThrows(() => link({ tls: false }, "a:b"), TypeError, "a:b");
});
