/**
 * Who may connect to a publisher, and who may see what.
 *
 * @module
 */
import type { PeerInfo } from "../transport/channel.ts";
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { hostOf } from "../transport/peer_host.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { type AccessSubject, type CheckedAccess, checkRights, type SignalRights } from "./access_options.ts";
import { Counters } from "./counters.ts";
import type { Definition } from "./definition.ts";
import { KeptByWeight } from "./kept_by_weight.ts";
import type { AccessSnapshot } from "./snapshot.ts";
import type { PublisherStatus } from "./status.ts";
import type { InTurn } from "./turns.ts";
import { allVisible, noneVisible, Visibility } from "./visibility.ts";

/** What {@linkcode Access} needs of its publisher. */
export interface AccessHost {
  /** For how long the application may take to decide. */
  readonly clock: Clock;
  /** What handles mean. */
  readonly signals: SignalTable;
  /** Tells the application. */
  emit(event: PublisherStatus): void;
}

/**
 * Why somebody may not connect.
 *
 * | reason | meaning |
 * | --- | --- |
 * | `denied` | it is one of those denied |
 * | `notAllowed` | it is none of those allowed |
 * | `perAddress` | its address has as many connections as it may have |
 * | `authorizer` | the application said no |
 * | `authorizerFailed` | the application threw, took too long, or gave no answer that can be used |
 */
export type AccessRefusalReason = "denied" | "notAllowed" | "perAddress" | "authorizer" | "authorizerFailed";

/** That somebody may not connect. */
export interface Refusal {
  /** For programs. */
  readonly reason: AccessRefusalReason;
  /** For the subscriber. */
  readonly text: string;
}

/** Bytes of visibilities that are kept for the next to whom the same applies. */
const KEPT_VISIBILITIES = 64 * 1024 ** 2;
/** Which of the lists it is on is not the business of who is refused. */
const NOT_WELCOME = "Connection refused: this publisher does not serve you.";

/** The access options in force, what they come to, and what came of them. */
export class Access {
  readonly #host: AccessHost;
  #options: CheckedAccess;
  #version = 0;
  readonly #refused = new Counters();
  readonly #failed = new Counters();
  #revoked = 0;
  /** What the metadata is that the next are for. */
  #definition: Definition | undefined;
  #visibilities = new KeptByWeight<Visibility>(KEPT_VISIBILITIES);

  /** @param options The options in force at first. */
  constructor(options: CheckedAccess, host: AccessHost) {
    this.#options = options;
    this.#host = host;
  }

  /** Counts the options that were in force. */
  get version(): number {
    return this.#version;
  }

  /** Puts other options in force. */
  replace(options: CheckedAccess): void {
    this.#options = options;
    this.#version++;
    this.#definition = undefined;
  }

  // ---- connections ----

  /**
   * Whether the options keep somebody out.
   *
   * @param sameHost How many other connections its host has.
   */
  refusal(peer: PeerInfo, sameHost: number): Refusal | undefined {
    const { allow, deny, maxConnectionsPerAddress: most } = this.#options;
    if (deny(peer)) return { reason: "denied", text: NOT_WELCOME };
    if (allow?.(peer) === false) return { reason: "notAllowed", text: NOT_WELCOME };
    if (sameHost < most) return undefined;
    const text = `Connection refused: ${hostOf(peer.address)} has ${most} ${
      most === 1 ? "connection" : "connections"
    }, and may have no more.`;
    return { reason: "perAddress", text };
  }

  /** Whether connections are counted by host. */
  get countsHosts(): boolean {
    return this.#options.maxConnectionsPerAddress < Infinity;
  }

  /** Whether the application decides about connections. */
  get asksAboutConnections(): boolean {
    return this.#options.authorizeConnection !== undefined;
  }

  /** Whether the application keeps somebody out. Never rejects. @param ended Fires when the connection has ended. */
  async authorizeConnection(subject: AccessSubject, ended: AbortSignal): Promise<Refusal | undefined> {
    const { authorizeConnection } = this.#options;
    if (authorizeConnection === undefined) return undefined;
    const answer = await this.#ask("connection", subject, ended, async (signal) => {
      const answer = await authorizeConnection(subject, signal);
      if (typeof answer === "boolean" || typeof answer === "string") return answer;
      throw new TypeError(`authorizeConnection gave ${typeof answer}, a boolean or a text expected`);
    });
    if (answer === true) return undefined;
    if (answer === undefined) return { reason: "authorizerFailed", text: NOT_WELCOME };
    return { reason: "authorizer", text: answer === false ? NOT_WELCOME : `Connection refused: ${answer}` };
  }

  /** Counts a connection that was refused. */
  countRefused(reason: string): void {
    this.#refused.add(reason);
  }

  // ---- signals ----

  /** Whether the application decides about signals. */
  get asksAboutSignals(): boolean {
    return this.#options.authorizeSignals !== undefined;
  }

  /**
   * What the rules let somebody see, whatever the application says. Evaluated at one go where that was not done before:
   * what is denied when rules or metadata change is not sent any more when the call that changes them returns.
   */
  visibleByRules(peer: PeerInfo, definition: Definition): Visibility {
    const { signals: rules } = this.#options;
    if (rules.length === 0) return allVisible;
    const about = this.#about(peer);
    return this.#kept(`rules ${about}`, definition, () => {
      const isOpen = rules.every(({ allow }) => allow === undefined);
      return this.#visible(about.map((i) => rules[i]!), isOpen, definition);
    });
  }

  /** Whether {@linkcode Access.visibleByRules} takes no time. */
  knowsVisibleByRules(peer: PeerInfo, definition: Definition): boolean {
    const about = this.#about(peer);
    if (this.#definition === definition && this.#visibilities.get(`rules ${about}`) !== undefined) {
      return true;
    }
    return about.every((i) => {
      const { allow = [], deny = [] } = this.#options.signals[i]!;
      return definition.knowsHandlesOf(allow) && definition.knowsHandlesOf(deny);
    });
  }

  /** Which rules are about somebody. */
  #about(peer: PeerInfo): number[] {
    return this.#options.signals.flatMap((rule, i) => rule.isAbout(peer) ? [i] : []);
  }

  /**
   * What somebody may see, the application's decision included.
   *
   * @param ended As above.
   * @param inTurn How expressions are evaluated.
   * @throws {SttpError} `Closed` as by `inTurn`.
   */
  async visible(
    subject: AccessSubject,
    definition: Definition,
    ended: AbortSignal,
    inTurn: InTurn,
  ): Promise<Visibility> {
    const { signals: rules } = this.#options;
    if (!this.knowsVisibleByRules(subject, definition)) {
      for (const i of this.#about(subject)) await learn(rules[i]!, definition, inTurn);
    }
    const byRules = this.visibleByRules(subject, definition);
    const { authorizeSignals } = this.#options;
    if (authorizeSignals === undefined) return byRules;
    const rights = await this.#ask("signals", subject, ended, async (signal) => {
      const answer = await authorizeSignals(subject, signal);
      if (typeof answer === "boolean") return answer;
      if (typeof answer === "object" && answer !== null) return checkRights(answer, "authorizeSignals");
      throw new TypeError(`authorizeSignals gave ${typeof answer}, a boolean or { allow, deny } expected`);
    });
    if (rights === true) return byRules;
    if (rights === undefined || rights === false) return noneVisible;
    await learn(rights, definition, inTurn);
    const byApplication = this.#kept(`application ${JSON.stringify(rights)}`, definition, () => {
      return this.#visible([rights], rights.allow === undefined, definition);
    });
    const both = byApplication.and(byRules);
    // Those who may see the same share it.
    const same = this.#kept(both.key, definition, () => both);
    return same.equals(both) ? same : both;
  }

  #kept(key: string, definition: Definition, make: () => Visibility): Visibility {
    if (this.#definition !== definition) {
      this.#definition = definition;
      this.#visibilities = new KeptByWeight(KEPT_VISIBILITIES);
    }
    let visibility = this.#visibilities.get(key);
    if (visibility === undefined) {
      visibility = make();
      this.#visibilities.set(key, visibility, 100 + key.length + this.#host.signals.size);
    }
    return visibility;
  }

  /** @param isOpen Whether what nobody allows is visible. */
  #visible(all: readonly SignalRights[], isOpen: boolean, definition: Definition): Visibility {
    const bits = new Uint8Array(this.#host.signals.size).fill(isOpen ? 1 : 0);
    for (const { allow } of all) {
      if (allow === undefined) continue;
      // One that fails allows nothing.
      for (const handle of this.#handlesOf(allow, definition) ?? []) bits[handle] = 1;
    }
    for (const { deny } of all) {
      if (deny === undefined) continue;
      const handles = this.#handlesOf(deny, definition);
      // One that fails might have denied anything.
      if (handles === undefined) return noneVisible;
      for (const handle of handles) bits[handle] = 0;
    }
    return new Visibility(bits);
  }

  #handlesOf(selector: NonNullable<SignalRights["allow"]>, definition: Definition): Int32Array | undefined {
    try {
      return definition.handlesOf(selector);
    } catch (cause) {
      if (!(cause instanceof SttpError)) throw cause;
      this.#failed.add("rule");
      this.#host.emit({ kind: "accessRuleFailed", rule: String(selector), message: cause.message });
      return undefined;
    }
  }

  /** Counts signals that were taken away from running subscriptions. */
  countRevoked(signals: number): void {
    this.#revoked += signals;
  }

  /** Which hidden signals subscribers are told of. */
  get report(): CheckedAccess["unauthorized"] {
    return this.#options.unauthorized;
  }

  // ---- the application ----

  /** Asks the application. @returns `undefined` when it does not answer as it should. */
  async #ask<Answer>(
    about: "connection" | "signals",
    { id, address }: AccessSubject,
    ended: AbortSignal,
    ask: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    const { authorizeTimeout } = this.#options;
    const abort = new AbortController();
    const cut = Promise.withResolvers<never>();
    const stop = (error: SttpError): void => {
      abort.abort(error);
      cut.reject(error);
    };
    const onEnded = (): void => stop(new SttpError("Closed", "the connection has ended"));
    const cancel = this.#host.clock.schedule(
      authorizeTimeout,
      () => stop(new SttpError("TimedOut", `no decision within ${authorizeTimeout} ms`)),
    );
    ended.addEventListener("abort", onEnded);
    try {
      if (ended.aborted) onEnded();
      return await Promise.race([ask(abort.signal), cut.promise]);
    } catch (cause) {
      if (!ended.aborted) {
        this.#failed.add(about);
        const message = cause instanceof Error ? cause.message : String(cause);
        this.#host.emit({ kind: "authorizationFailed", connection: { id, address }, about, message, cause });
      }
      return undefined;
    } finally {
      cancel();
      ended.removeEventListener("abort", onEnded);
    }
  }

  /** What operators see. */
  snapshot(): AccessSnapshot {
    return {
      rules: this.#options.signals.length,
      refused: this.#refused.toObject(),
      failed: this.#failed.toObject(),
      revoked: this.#revoked,
    };
  }
}

/** Evaluates the expressions of a rule in turns. */
async function learn({ allow, deny }: SignalRights, definition: Definition, inTurn: InTurn): Promise<void> {
  for (const selector of [allow, deny]) {
    if (selector !== undefined) await definition.learnHandlesOf(selector, inTurn);
  }
}
