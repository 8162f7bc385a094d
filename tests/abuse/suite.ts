/**
 * Attacks on a publisher with ten subscribers in good faith, who must not notice: `deno task abuse`.
 *
 * Publisher, subscribers and attackers are processes of their own. While an attack runs, the subscribers get 1,000 signals
 * 30 times a second each and miss nothing, and nothing is published less often; after it the publisher's sockets, timers
 * and memory are what they were. Delays are measured and shown, not asserted: what else the machine does would fail
 * them. `STTP_ABUSE_ONLY="slow loris" deno task abuse` tries one attack alone, `STTP_ABUSE_SECONDS=30` goes on longer.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLess } from "@std/assert";
import type { Program } from "../interop/program.ts";
import type { Attack, AttackSettings } from "./programs/attacker.ts";
import type { GoodLook, GoodSettings } from "./programs/good.ts";
import type { PublisherLook, PublisherSettings } from "./programs/publisher.ts";
import { look, openFiles, startProgram } from "./running.ts";

const SIGNALS = 1000;
const SUBSCRIBERS = 10;
const RATE = 30;
/** How long one attack lasts, in seconds. */
const SECONDS = Number(Deno.env.get("STTP_ABUSE_SECONDS") ?? 8);
/** The only attack that is wanted; default all. */
const ONLY = Deno.env.get("STTP_ABUSE_ONLY");
/** What a long attack may leave behind in the heap: code, and tables that have grown to their size. */
const MOST_HEAP = 24 * 1024 ** 2;

/** The attacks, with what each must at least have come to: one that gets nowhere proves nothing. */
const attacks: Readonly<Record<Attack, { readonly connections: number; readonly answers?: number }>> = {
  "slow loris": { connections: 300 },
  "half-open connections": { connections: 300 },
  "flood of commands": { connections: 6 },
  "resubscription storm": { connections: 6, answers: 12 },
  "costly filters": { connections: 6, answers: 7 },
  "history storm": { connections: 6, answers: 7 },
  "stalled readers": { connections: 20 },
  "caches never confirmed": { connections: 30 },
  "connections dropped": { connections: 10_000 },
  "idle connections": { connections: 1_000 },
  "strangers": { connections: 30 },
};

function start(name: string, settings: object): Program {
  return startProgram(new URL(`./programs/${name}.ts`, import.meta.url), settings);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const line = (name: string, good: GoodLook, publisher: PublisherLook, more = ""): string =>
  `${name.padEnd(24)} p50 ${good.latency.p50.toFixed(1).padStart(6)} ms, p99 ${
    good.latency.p99.toFixed(1).padStart(7)
  } ms, worst ${good.latency.most.toFixed(0).padStart(5)} ms; heap ${
    (publisher.heap / 1024 ** 2).toFixed(1)
  } MiB${more}`;

Deno.test("ten subscribers do not notice", async (test) => {
  assert(
    ONLY === undefined || ONLY in attacks,
    `there is no attack "${ONLY}", only ${Object.keys(attacks).join(", ")}`,
  );
  const settings: PublisherSettings = {
    signals: SIGNALS,
    rate: RATE,
    history: true,
    options: {
      maxConnections: 3_000,
      handshakeTimeout: 2_000,
      stallTimeout: 5_000,
      outboundQueueLimit: 1024 ** 2,
    },
  };
  await using publisher = start("publisher", settings);
  const { address, pid } = await publisher.next("ready") as unknown as { address: string; pid: number };
  const goodSettings: GoodSettings = { address, subscribers: SUBSCRIBERS, signals: SIGNALS };
  await using good = start("good", goodSettings);
  await good.next("ready");
  await pause(2_000);
  await look<GoodLook>(good);
  const before = await look<PublisherLook>(publisher);
  await pause(5_000);
  const quiet = await look<GoodLook>(good);
  assertEquals([quiet.missed, quiet.wrong, quiet.lostConnections], [0, 0, 0]);
  const settled = await look<PublisherLook>(publisher);
  const files = openFiles(pid);
  const lines = [line("(quiet)", quiet, settled)];

  for (const attack of Object.keys(attacks) as Attack[]) {
    if (ONLY !== undefined && attack !== ONLY) continue;
    await test.step(attack, async () => {
      const attackSettings: AttackSettings = { address, attack, seconds: SECONDS };
      await using attacker = start("attacker", attackSettings);
      await attacker.next("started");
      await look<GoodLook>(good);
      const { rounds } = await look<PublisherLook>(publisher);
      const began = performance.now();
      const done = await attacker.next("done") as unknown as Record<string, number>;
      const during = await look<GoodLook>(good);
      const { rounds: later, longestPause } = await look<PublisherLook>(publisher);
      assertEquals([during.missed, during.wrong, during.lostConnections], [0, 0, 0]);
      const { connections, answers = 0 } = attacks[attack];
      assertGreaterOrEqual(done.connections!, connections, "the attack got nowhere");
      assertGreaterOrEqual(done.answers!, answers, "the attack got nowhere");
      // Nobody was left behind, either. What was late is caught up with, but for what is late at this moment.
      const due = RATE * (performance.now() - began) / 1000;
      assertGreater(later - rounds, due / 2, "published less often");
      assertGreater(during.least, (later - rounds) * SIGNALS / 2);
      assertLess(during.most - during.least, 2 * RATE * SIGNALS);
      await attacker.result();

      let now = await look<PublisherLook>(publisher);
      if (attack === "stalled readers") assertGreater(now.dropped.overflow ?? 0, 0, "nobody was slow");
      // Afterwards all is as it was.
      for (let i = 0; i < 120 && (now.open > SUBSCRIBERS || openFiles(pid) > files); i++) {
        await pause(250);
        now = await look<PublisherLook>(publisher);
      }
      assertEquals(now.open, SUBSCRIBERS, "connections left");
      assertEquals(now.faults, []);
      assertEquals(now.groups, before.groups, "groups left");
      assertLess(openFiles(pid), files + 3, "files left open");
      assertLess(now.timers, settled.timers + 5, "timers left");
      assertLess(now.heap, settled.heap + MOST_HEAP, "memory left");
      const came = `; p99 ${
        (during.latency.p99 / quiet.latency.p99).toFixed(1)
      } x as long as in quiet; ${done.connections} connections, ${(done.bytes! / 1024 ** 2).toFixed(1)} MiB`;
      lines.push(line(attack, during, now, `${came}; longest pause ${longestPause.toFixed(0)} ms`));
    });
  }
  console.log(`\n${lines.join("\n")}`);
});
