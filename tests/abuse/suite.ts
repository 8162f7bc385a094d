/**
 * Attacks on a publisher with ten subscribers in good faith, who must not notice: `deno task abuse`.
 *
 * Publisher, subscribers and attackers are processes of their own. While an attack runs, the subscribers get 1,000
 * signals 30 times a second each and miss nothing, and nothing is published less often; after it the publisher's sockets
 * and timers are what they were. Each attack is made twice, and the second time leaves no more memory in use than the
 * first has, nor does any further time: code that is compiled and tables that grow to their size do so once, a leak goes on.
 *
 * The p99 of delays during an attack is compared with that in the quiet just before it: of each second by itself, and of
 * these the median, so that what a machine does now and then does not count. It may be twice as much. As a median does
 * not see a standstill, nothing may take longer than {@linkcode MOST_STANDSTILL} either. Where that is not so, the quiet
 * afterwards counts, too, and the attack is made again, twice at most, and none after four and a half minutes: the medians
 * are then of all that was measured of it, as the p99 of so few seconds differ much by chance. What was measured while
 * somebody else had the machine (see `other_load.ts`) is shown and fails nothing. Where processes can't be given
 * processors of their own (see `places.ts`), all delays are.
 *
 * `STTP_ABUSE_ONLY="slow loris" deno task abuse` tries one attack alone, `STTP_ABUSE_SECONDS=30` goes on longer, and
 * `STTP_ABUSE_JUDGE=1` fails when delays could not be judged, and when all of it takes five minutes.
 *
 * @module
 */
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLess } from "@std/assert";
import { median } from "../../bench/harness/statistics.ts";
import type { Program } from "../interop/program.ts";
import type { Attack, AttackSettings, Done } from "./programs/attacker.ts";
import type { GoodLook, GoodSettings } from "./programs/good.ts";
import type { PublisherLook, PublisherSettings } from "./programs/publisher.ts";
import { OtherLoad } from "./other_load.ts";
import { type Place, Places } from "./places.ts";
import { look, openFiles, startProgram } from "./running.ts";

const SIGNALS = 1000;
const SUBSCRIBERS = 10;
const RATE = 30;
/** How long one attack lasts, in seconds; the first time, a third of that. */
const SECONDS = Number(Deno.env.get("STTP_ABUSE_SECONDS") ?? 6);
/** How long the quiet before it is measured, in milliseconds. */
const QUIET = 3_000;
/** The only attack that is wanted; default all. */
const ONLY = Deno.env.get("STTP_ABUSE_ONLY");
/**
 * By how much memory differs between two looks, without garbage. Of 10,000 connections 768 KiB are 75 bytes each. Buffers
 * differ by a few KiB, and by those that may be kept for packets to be composed and written in: 16 each of 128 KiB.
 */
const NOISE: Memory = { heap: 768 * 1024, external: (2 * 16 * 128 + 256) * 1024 };
/** What may be in memory at the end of an attack beyond what was before, in bytes: twenty full queues, and answers. */
const MOST_HELD = 64 * 1024 ** 2;
/** By what factor an attack may delay data. */
const MOST_DELAY = 2;
/** How long one round may take to arrive, and how far two may be apart, in milliseconds. They are due every 33. */
const MOST_STANDSTILL = 500;
/** The share of the rounds that are due which must be published; that a machine with other work manages. */
const LEAST_ROUNDS = { judged: 0.9, other: 0.5 };
/** How long all attacks may take, in milliseconds. */
const MOST_TIME = 300_000;
/** How often an attack is made until that is so, and how often attacks are made again in all. */
const TRIES = 3;
const MOST_AGAIN = 5;
/** When no attack is made again any more, in milliseconds since the beginning: all of them take less than five minutes. */
const LATEST_AGAIN = 270_000;
/** Whether it is a failure, too, when delays could not be judged. */
const MUST_JUDGE = Deno.env.get("STTP_ABUSE_JUDGE") === "1";
/** For how long subscribers may catch up after an attack, in milliseconds: they lose nothing, but may have had to wait. */
const CATCHING_UP = 60_000;
/** For how long `node:tls` may hold on to a handshake that is over, in milliseconds. */
const NODE_HOLDS = 11_000;
/** With a greater share of a processor than this for others, delays say nothing. */
const MOST_FOR_OTHERS = 0.1;

/** Bytes in use. */
interface Memory {
  readonly heap: number;
  /** Of buffers. */
  readonly external: number;
}

/** What an attack has come to: in itself, and as the publisher counted it. */
interface Came {
  readonly connections: number;
  /** Bytes said. */
  readonly bytes: number;
  readonly answers: number;
  /** Bytes that came with them. */
  readonly received: number;
  /** Connections beside the subscribers', at its end. */
  readonly open: number;
  /** Connections that have ended since it began, whatever the reason. */
  readonly ended: number;
  /** Those of them that the publisher ended, or saw end, for some of the reasons. */
  readonly handshakeTimeout: number;
  readonly peerClosed: number;
  readonly notSttp: number;
  /** TLS handshakes that failed. */
  readonly handshakesFailed: number;
  /** Measurements that found a queue full. */
  readonly overflow: number;
}

/** What it must at least have come to: an attack that gets nowhere proves nothing. A slow machine manages that, too. */
interface Least extends Partial<Came> {
  readonly connections: number;
  /** Whether it is made on the publisher over TLS, in the process of the other. */
  readonly isSecure?: true;
}

/** The attacks. */
const attacks: Readonly<Record<Attack, Least>> = {
  "slow loris": { connections: 300, bytes: 900, handshakeTimeout: 200 },
  "half-open connections": { connections: 300, answers: 200, handshakeTimeout: 100, peerClosed: 100 },
  // Of bytes alone many megabytes wait in the system's buffers.
  "flood of commands": { connections: 6, answers: 1_000 },
  "resubscription storm": { connections: 6, answers: 100 },
  "costly filters": { connections: 6, answers: 7 },
  "metadata filters": { connections: 6, answers: 30 },
  // Those that stay are answered twice.
  "long settings": { connections: 44, answers: 85, open: 40 },
  "history storm": { connections: 6, answers: 7, received: 100_000 },
  "stalled readers": { connections: 20, overflow: 1 },
  // One each: while it is not confirmed, no other is sent.
  "caches never confirmed": { connections: 30, answers: 30 },
  "connections dropped": { connections: 10_000, bytes: 700_000, ended: 9_000 },
  "idle connections": { connections: 2_000, answers: 2_000, open: 2_000 },
  "strangers": { connections: 300, notSttp: 300 },
  "TLS handshakes": { connections: 600, bytes: 30_000, handshakesFailed: 300, isSecure: true },
};

const places = Places.find();

function start(name: string, settings: object, place: Place): Program {
  return startProgram(new URL(`./programs/${name}.ts`, import.meta.url), settings, places.prefix(place));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

const publisherSettings: PublisherSettings = {
  signals: SIGNALS,
  rate: RATE,
  history: true,
  tls: true,
  options: {
    maxConnections: 3_000,
    handshakeTimeout: 2_000,
    stallTimeout: 5_000,
    outboundQueueLimit: 1024 ** 2,
  },
};

/** How an attack went. */
interface Outcome {
  readonly done: Done;
  /** Connections beside the subscribers', at its end. */
  readonly open: number;
  readonly during: GoodLook;
  readonly longestPause: number;
  /** The longest that a round took to arrive, in milliseconds; also of those that came only after the attack. */
  readonly longestWay: number;
  /** Bytes in memory at its end, with what connections were left. */
  readonly held: number;
  /** The share of a processor that others had. */
  readonly others: number;
}

/** Where a publisher listens, and the processes. */
interface Whereabouts {
  readonly address: string;
  readonly secure: { readonly address: string };
  readonly pid: number;
  readonly goodPid: number;
}

/** A publisher and subscribers in good faith. */
class Scene {
  readonly #publisher: Program;
  readonly #good: Program;
  readonly #address: string;
  readonly #secureAddress: string;
  readonly #pid: number;
  readonly #goodPid: number;
  #files = 0;
  #before!: PublisherLook;

  constructor(publisher: Program, good: Program, { address, secure, pid, goodPid }: Whereabouts) {
    this.#publisher = publisher;
    this.#good = good;
    this.#address = address;
    this.#secureAddress = secure.address;
    this.#pid = pid;
    this.#goodPid = goodPid;
  }

  /** Lets code be compiled and tables grow; then looks at what there is. */
  async settle(): Promise<void> {
    await pause(4_000);
    await this.quiet();
    this.#before = await look<PublisherLook>(this.#publisher);
    this.#files = openFiles(this.#pid);
  }

  /** How the subscribers fare while nothing happens. */
  async quiet(): Promise<GoodLook> {
    await look<GoodLook>(this.#good);
    await pause(QUIET);
    const quiet = await look<GoodLook>(this.#good);
    assertEquals([quiet.missed, quiet.wrong, quiet.lostConnections], [0, 0, 0]);
    return quiet;
  }

  /** Attacks; nobody may notice. */
  async attack(attack: Attack, seconds: number): Promise<Outcome> {
    const address = attacks[attack].isSecure ? this.#secureAddress : this.#address;
    const settings: AttackSettings = { address, attack, seconds };
    await using attacker = start("attacker", settings, "attackers");
    const { pid } = await attacker.next("started") as unknown as { pid: number };
    const load = new OtherLoad([this.#pid, this.#goodPid, pid]);
    const { totals: before } = await look<GoodLook>(this.#good);
    const { rounds } = await look<PublisherLook>(this.#publisher);
    const began = performance.now();
    const done = await attacker.next("done") as unknown as Done;
    const during = await look<GoodLook>(this.#good);
    const others = load.share();
    const { rounds: later, longestPause, ...atEnd } = await look<PublisherLook>(this.#publisher);
    assertEquals([during.missed, during.wrong, during.lostConnections], [0, 0, 0]);
    const due = RATE * (performance.now() - began) / 1000;
    const least = isQuiet(others) ? LEAST_ROUNDS.judged : LEAST_ROUNDS.other;
    assertGreater(later - rounds, due * least, "published less often");
    await attacker.quit();
    const late = await this.#caughtUp(before.map((total) => total + (later - rounds) * SIGNALS));
    const open = atEnd.open - SUBSCRIBERS;
    const held = atEnd.heap + atEnd.external - this.#before.heap - this.#before.external;
    const longestWay = Math.max(during.latency.most, late);
    return { done, open, during, longestPause, longestWay, held, others };
  }

  /** Everybody has received so much in all: nobody was left behind. @returns How long it took at most, in milliseconds. */
  async #caughtUp(expected: readonly number[]): Promise<number> {
    const until = performance.now() + CATCHING_UP;
    for (let most = 0;;) {
      const { totals, missed, latency } = await look<GoodLook>(this.#good);
      assertEquals(missed, 0);
      most = Math.max(most, latency.most);
      const behind = totals.map((total, n) => Math.max(0, expected[n]! - total));
      if (behind.every((count) => count === 0)) return most;
      assertLess(performance.now(), until, `subscribers are behind by ${behind.join(", ")} measurements`);
      await pause(100);
    }
  }

  /** Afterwards all is as it was. */
  async recovered(attack: Attack): Promise<PublisherLook> {
    if (attacks[attack].isSecure) await pause(NODE_HOLDS);
    let now = await look<PublisherLook>(this.#publisher);
    const isOver = (): boolean => now.open === SUBSCRIBERS && openFiles(this.#pid) <= this.#files;
    for (let i = 0; i < 120 && !isOver(); i++) {
      await pause(250);
      now = await look<PublisherLook>(this.#publisher);
    }
    assertEquals(now.open, SUBSCRIBERS, "connections left");
    assertEquals(now.faults, []);
    assertEquals(now.groups, this.#before.groups, "groups left");
    assertLess(openFiles(this.#pid), this.#files + 3, "files left open");
    assertLess(now.timers, this.#before.timers + 5, "timers left");
    return now;
  }
}

/** The delays during an attack and in quiet, over all tries. */
class Delays {
  readonly #during: number[] = [];
  readonly #quiet: number[] = [];

  /** Adds those of an attack. */
  add({ latency }: GoodLook): void {
    this.#during.push(...latency.p99s);
  }

  /** Adds those of a quiet. */
  addQuiet({ latency }: GoodLook): void {
    this.#quiet.push(...latency.p99s);
  }

  /** The p99 of a second of an attack, in milliseconds: the median. */
  get during(): number {
    return median(this.#during);
  }

  /** That of a second in quiet. */
  get quiet(): number {
    return median(this.#quiet);
  }

  /** How many times as long as in quiet data took. */
  get factor(): number {
    return this.during / this.quiet;
  }
}

/** What an attack came to. @param before The publisher before it. @param after The publisher when it was over. */
function cameTo({ done, open }: Outcome, before: PublisherLook, after: PublisherLook): Came {
  const counted = (counts: "closed" | "dropped" | "handshakesFailed", reason?: string): number => {
    const of = (look: PublisherLook): number =>
      Object.entries(look[counts]).reduce(
        (sum, [name, count]) => sum + (name === (reason ?? name) ? count : 0),
        0,
      );
    return of(after) - of(before);
  };
  return {
    connections: done.connections,
    bytes: done.bytes,
    answers: done.answers,
    received: done.received,
    open,
    ended: counted("closed"),
    handshakeTimeout: counted("closed", "handshakeTimeout"),
    peerClosed: counted("closed", "peerClosed"),
    notSttp: counted("closed", "notSttp"),
    handshakesFailed: counted("handshakesFailed"),
    overflow: counted("dropped", "overflow"),
  };
}

/** An attack that did not come to what it must has got nowhere. */
function assertCame(came: Came, { isSecure: _, ...least }: Least): void {
  for (const [what, count] of Object.entries(least) as [keyof Came, number][]) {
    assertGreaterOrEqual(
      came[what],
      count,
      `the attack got nowhere: ${what} ${came[what]}, ${count} expected`,
    );
  }
}

/** Whether it can be told how long something took. @param others What share of a processor others had meanwhile. */
function isQuiet(others: number): boolean {
  return places.areApart && others <= MOST_FOR_OTHERS;
}

/** The longest that a round took to arrive or to begin, in milliseconds. */
function standstill({ longestPause, longestWay }: Outcome): number {
  return Math.max(longestPause, longestWay);
}

/** Whether data took too long, as far as that can be told. Where none came there is no factor. */
function isLate(outcome: Outcome, { factor }: Delays): boolean {
  return isQuiet(outcome.others) && (!(factor <= MOST_DELAY) || standstill(outcome) > MOST_STANDSTILL);
}

/** A row of the table at the end. @param outcome The last. @param factors By what factor data was late after each try. */
function row(
  name: string,
  outcome: Outcome,
  delays: Delays,
  factors: readonly number[],
  kept: Memory,
): string {
  const { during, longestPause, longestWay, done, held, others } = outcome;
  const ms = (value: number): string => `${value.toFixed(1)} ms`.padStart(8);
  const { p50, p99 } = during.latency;
  const kibibytes = (bytes: number): string => (bytes / 1024).toFixed(0);
  const times = factors.map((factor) => factor.toFixed(1)).join(", ");
  return [
    `${name.padEnd(24)} p50 ${ms(p50)}, p99 ${ms(p99)}`,
    `p99 of a second ${ms(delays.during)}, in quiet ${ms(delays.quiet)}: ${times} x`,
    `${(100 * others).toFixed(0)} % of a processor for others`,
    `longest pause ${longestPause.toFixed(0)} ms, way ${longestWay.toFixed(0)} ms`,
    `memory held ${(held / 1024 ** 2).toFixed(1)} MiB, kept ${kibibytes(kept.heap)} and in buffers ${
      kibibytes(kept.external)
    } KiB`,
    `${done.connections} connections, ${done.answers} answers, ${(done.bytes / 1024 ** 2).toFixed(1)} MiB`,
  ].join("; ");
}

Deno.test("ten subscribers do not notice", async (test) => {
  assert(
    ONLY === undefined || ONLY in attacks,
    `there is no attack "${ONLY}", only ${Object.keys(attacks).join(", ")}`,
  );
  await using publisher = start("publisher", publisherSettings, "publisher");
  const ready = await publisher.next("ready") as unknown as Omit<Whereabouts, "goodPid">;
  const goodSettings: GoodSettings = { address: ready.address, subscribers: SUBSCRIBERS, signals: SIGNALS };
  await using good = start("good", goodSettings, "subscribers");
  const { pid: goodPid } = await good.next("ready") as unknown as { pid: number };
  const scene = new Scene(publisher, good, { ...ready, goodPid });
  await scene.settle();
  const rows: string[] = [];
  let judged = 0;
  let again = 0;
  const began = performance.now();
  const mayTryAgain = (): boolean => performance.now() - began < LATEST_AGAIN && again++ < MOST_AGAIN;
  for (const attack of Object.keys(attacks) as Attack[]) {
    if (ONLY !== undefined && attack !== ONLY) continue;
    await test.step(attack, async () => {
      await scene.attack(attack, SECONDS / 3);
      let last = await scene.recovered(attack);
      const delays = new Delays();
      const factors: number[] = [];
      let kept: Memory;
      let outcome: Outcome;
      do {
        delays.addQuiet(await scene.quiet());
        outcome = await scene.attack(attack, SECONDS);
        delays.add(outcome.during);
        assertLess(outcome.held, MOST_HELD, `${outcome.held} bytes in memory`);
        const before = last;
        last = await scene.recovered(attack);
        assertCame(cameTo(outcome, before, last), attacks[attack]);
        // The machine may be slower now than it was: where it matters the quiet afterwards counts, too.
        if (isLate(outcome, delays)) delays.addQuiet(await scene.quiet());
        factors.push(delays.factor);
        kept = { heap: last.heap - before.heap, external: last.external - before.external };
        assertLess(kept.heap, NOISE.heap, `${kept.heap} bytes left in memory`);
        assertLess(kept.external, NOISE.external, `${kept.external} bytes left in buffers`);
      } while (isLate(outcome, delays) && factors.length < TRIES && mayTryAgain());
      if (isQuiet(outcome.others)) judged++;
      rows.push(row(attack, outcome, delays, factors, kept));
      assert(!isLate(outcome, delays), rows.at(-1));
    });
  }
  const took = performance.now() - began;
  const minutes = (took / 60_000).toFixed(1);
  console.log(
    `\n${rows.join("\n")}\n\ndelays judged in ${judged} of ${rows.length} attacks; ${minutes} minutes`,
  );
  if (!MUST_JUDGE) return;
  assertEquals(judged, rows.length, "delays could not be judged");
  assertLess(took, MOST_TIME * SECONDS / 6, "the attacks took too long");
});
