import { parseFilter } from "../metadata/filter/parser.ts";
import type { PeerInfo } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { checkKinds, describe, duration, inRange } from "../transport/option_checks.ts";
import { hostOf } from "../transport/peer_host.ts";
import { isGuid, normalizeGuid } from "../transport/wire/guid.ts";
import { AddressRanges } from "./address_ranges.ts";

/** Some peers: those that have one of the addresses and one of the certificates, where either is given. */
export interface PeerSelector {
  /** IP addresses, and ranges of them such as `10.0.0.0/8` or `2001:db8::/32`; default any. */
  readonly addresses?: readonly string[];
  /**
   * Names in certificates, or SHA-256 fingerprints in hex, with or without colons; default any certificate, or none.
   * Who may sign a name decides the TLS option `ca`.
   */
  readonly certificates?: readonly string[];
}

/** Some signals: a filter expression (§9), about ActiveMeasurements unless it says otherwise; or signal IDs. */
export type SignalSelector = string | readonly string[];

/** What may be seen, and what not. */
export interface SignalRights {
  /** May be seen. */
  readonly allow?: SignalSelector;
  /** May not be seen, whoever allows it. */
  readonly deny?: SignalSelector;
}

/**
 * Who may see which signals. As soon as one rule of the publisher's has an `allow`, only what is allowed is seen;
 * while none has, all is seen but what is denied.
 */
export interface SignalRule extends SignalRights {
  /** Whom the rule is about; default everybody. */
  readonly who?: PeerSelector | readonly PeerSelector[];
}

/** A connection that is asked about. */
export interface AccessSubject extends PeerInfo {
  /** The publisher's number for it, counted from 1. */
  readonly id: number;
  /** Who made it: the subscriber (`incoming`) or the publisher (`outgoing`). */
  readonly direction: "incoming" | "outgoing";
}

/**
 * Decides whether a subscriber that connected may stay.
 *
 * @param signal Fires when it has taken too long.
 * @returns `true`; `false`; or a text for the subscriber, why not. What it throws refuses too, and is told in `status()`.
 */
export type AuthorizeConnection = (
  subject: AccessSubject,
  signal: AbortSignal,
) => boolean | string | Promise<boolean | string>;

/**
 * Decides which signals a subscriber may see, of those that the rules let it see. Asked when it first needs to be known,
 * and again when metadata or the access options change.
 *
 * @param signal Fires when it has taken too long.
 * @returns `true`, all of those; `false`, none; or which. What it throws means none, and is told in `status()`.
 */
export type AuthorizeSignals = (
  subject: AccessSubject,
  signal: AbortSignal,
) => boolean | SignalRights | Promise<boolean | SignalRights>;

/**
 * Which signals a subscriber is told of, in its signal index cache, that it asked for and may not see (§5): all that its
 * filter would come to (`requested`), those that it names by ID, key or tag (`named`), or `none`. It learns their IDs;
 * with `requested` it can also find out what their metadata is, by trying filters.
 */
export type UnauthorizedReport = "requested" | "named" | "none";

/** Who may connect to a publisher, and who may see what. */
export interface AccessOptions {
  /** Only these may connect; default everybody. */
  readonly allow?: PeerSelector | readonly PeerSelector[];
  /** These may not, whoever allows them; default nobody. */
  readonly deny?: PeerSelector | readonly PeerSelector[];
  /** Connections from one address at a time; default no limit but the publisher's `maxConnections`. */
  readonly maxConnectionsPerAddress?: number;
  /** Which signals are seen by whom: in metadata, subscriptions, buffer blocks and history. Default all by everybody. */
  readonly signals?: readonly SignalRule[];
  /** The application's own decision about who may connect; asked after all else. */
  readonly authorizeConnection?: AuthorizeConnection | undefined;
  /** The application's own decision about signals; it can't give what the rules deny. */
  readonly authorizeSignals?: AuthorizeSignals | undefined;
  /** Milliseconds that either may take; default 5,000. */
  readonly authorizeTimeout?: number;
  /** Which signals a subscriber is told that it may not see; default `requested`. */
  readonly unauthorized?: UnauthorizedReport;
}

/** A {@linkcode PeerSelector} or several, checked. */
export type PeerTest = (peer: PeerInfo) => boolean;

/** A {@linkcode SignalRule}, checked. */
export interface CheckedSignalRule extends SignalRights {
  /** Whom it is about. */
  readonly isAbout: PeerTest;
}

/** {@linkcode AccessOptions}, checked and complete. */
export interface CheckedAccess {
  /** Whether only these may connect; `undefined`: everybody may. */
  readonly allow: PeerTest | undefined;
  /** Who may not. */
  readonly deny: PeerTest;
  /** Connections from one address at a time. */
  readonly maxConnectionsPerAddress: number;
  /** Which signals are seen by whom. */
  readonly signals: readonly CheckedSignalRule[];
  /** The application's decision about connections. */
  readonly authorizeConnection: AuthorizeConnection | undefined;
  /** The application's decision about signals. */
  readonly authorizeSignals: AuthorizeSignals | undefined;
  /** Milliseconds that either may take. */
  readonly authorizeTimeout: number;
  /** Which signals a subscriber is told that it may not see. */
  readonly unauthorized: UnauthorizedReport;
}

const kinds: Readonly<Record<keyof AccessOptions, string>> = {
  allow: "object",
  deny: "object",
  maxConnectionsPerAddress: "number",
  signals: "object",
  authorizeConnection: "function",
  authorizeSignals: "function",
  authorizeTimeout: "number",
  unauthorized: "string",
};

/**
 * Checks access options and fills in the defaults.
 *
 * @throws {RangeError} When a number is out of its range.
 * @throws {TypeError} When an option does not exist or a value is not of its kind.
 * @throws {SttpError} `InvalidFilter` when a filter expression can't be parsed.
 */
export function checkAccess(options: AccessOptions = {}): CheckedAccess {
  checkKinds(options, kinds, "access");
  const { allow, deny, maxConnectionsPerAddress: most, signals = [], unauthorized = "requested" } = options;
  if (!Array.isArray(signals)) throw new TypeError("access.signals must be an array of rules");
  if (!["requested", "named", "none"].includes(unauthorized)) {
    throw new TypeError(`access.unauthorized is "${unauthorized}", one of requested, named, none expected`);
  }
  return {
    allow: allow === undefined ? undefined : checkPeers(allow, "access.allow"),
    deny: deny === undefined ? () => false : checkPeers(deny, "access.deny"),
    maxConnectionsPerAddress: most === undefined
      ? Infinity
      : inRange(most, "access.maxConnectionsPerAddress", 1, Number.MAX_SAFE_INTEGER, true),
    signals: signals.map((rule, i) => checkRule(rule, `access.signals[${i}]`)),
    authorizeConnection: options.authorizeConnection,
    authorizeSignals: options.authorizeSignals,
    authorizeTimeout: duration(options.authorizeTimeout, "access.authorizeTimeout", 5000),
    unauthorized,
  };
}

function checkRule(rule: SignalRule, where: string): CheckedSignalRule {
  if (typeof rule !== "object" || rule === null) throw new TypeError(`${where} must be an object`);
  checkKinds(rule, { who: "object", allow: "any", deny: "any" }, where);
  const rights = checkRights({ allow: rule.allow, deny: rule.deny }, where);
  if (rights.allow === undefined && rights.deny === undefined) {
    throw new TypeError(`${where} neither allows nor denies anything`);
  }
  return { ...rights, isAbout: rule.who === undefined ? () => true : checkPeers(rule.who, `${where}.who`) };
}

/**
 * Checks what may be seen and what not; IDs come back in one spelling.
 *
 * @throws {TypeError} When it is not of its kind.
 * @throws {SttpError} `InvalidFilter` when a filter expression can't be parsed.
 */
export function checkRights(
  rights: { readonly [Name in keyof SignalRights]: SignalRights[Name] | undefined },
  where: string,
): SignalRights {
  checkKinds(rights, { allow: "any", deny: "any" }, where);
  const allow = checkSignals(rights.allow, `${where}.allow`);
  const deny = checkSignals(rights.deny, `${where}.deny`);
  return { ...allow !== undefined && { allow }, ...deny !== undefined && { deny } };
}

function checkSignals(selector: SignalSelector | undefined, where: string): SignalSelector | undefined {
  if (selector === undefined) return undefined;
  if (typeof selector === "string") {
    try {
      parseFilter(selector);
    } catch (error) {
      if (!(error instanceof SttpError)) throw error;
      throw new SttpError(error.code, `${where}: ${error.message}`, { cause: error });
    }
    return selector;
  }
  if (!Array.isArray(selector)) {
    throw new TypeError(
      `${where} must be a filter expression or an array of signal IDs, not ${describe(selector)}`,
    );
  }
  return selector.map((id) => {
    if (typeof id !== "string" || !isGuid(id)) {
      throw new TypeError(`${where}: ${describe(id)} is no signal ID`);
    }
    return normalizeGuid(id);
  });
}

function checkPeers(selectors: PeerSelector | readonly PeerSelector[], where: string): PeerTest {
  const list = Array.isArray(selectors) ? selectors as readonly PeerSelector[] : [selectors as PeerSelector];
  const tests = list.map((selector) => checkPeer(selector, where));
  return (peer) => tests.some((test) => test(peer));
}

function checkPeer(selector: PeerSelector, where: string): PeerTest {
  if (typeof selector !== "object" || selector === null) throw new TypeError(`${where} must be an object`);
  checkKinds(selector, { addresses: "object", certificates: "object" }, where);
  const { addresses, certificates } = selector;
  if (addresses === undefined && certificates === undefined) {
    throw new TypeError(`${where} names neither addresses nor certificates`);
  }
  const ranges = addresses && new AddressRanges(checkTexts(addresses, `${where}.addresses`));
  const isHolder = certificates && checkCertificates(checkTexts(certificates, `${where}.certificates`));
  return (peer) => (ranges?.has(hostOf(peer.address)) ?? true) && (isHolder?.(peer) ?? true);
}

function checkTexts(texts: readonly string[], where: string): readonly string[] {
  if (Array.isArray(texts) && texts.every((text) => typeof text === "string")) return texts;
  throw new TypeError(`${where} must be an array of texts`);
}

const FINGERPRINT = /^[0-9a-f]{64}$/;

function checkCertificates(texts: readonly string[]): PeerTest {
  const names = new Set<string>();
  const fingerprints = new Set<string>();
  for (const text of texts) {
    const fingerprint = text.replaceAll(":", "").trim().toLowerCase();
    if (FINGERPRINT.test(fingerprint)) fingerprints.add(fingerprint);
    else names.add(text);
  }
  return ({ certificate }) =>
    certificate !== undefined && (names.has(certificate.name) || fingerprints.has(certificate.fingerprint));
}
