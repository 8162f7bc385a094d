/**
 * Finding out what a publisher speaks, and how it is.
 *
 * @module
 */
import { type Channel, type OperationalModes, SttpError, type TlsOptions } from "../../mod.ts";
import { dial } from "../dial.ts";
import { probeTls } from "./certificate.ts";
import { askModes } from "./modes.ts";
import type { ModesAnswer, ProbeReport } from "./report.ts";
import { probeCompact, probeSession, probeUdp, type SessionOptions } from "./session.ts";

/** What to find out. */
export interface ProbeOptions {
  readonly address: string;
  readonly tls: (() => Promise<TlsOptions>) | undefined;
  readonly filter: string;
  /** The version to subscribe with; default the highest that is accepted. */
  readonly version: 1 | 2 | 3 | undefined;
  /** Milliseconds: how long to count, to wait for the first data, and to wait for answers. */
  readonly duration: number;
  readonly wait: number;
  readonly timeout: number;
  /** Whether to look at one session only. */
  readonly quick: boolean;
  readonly signal: AbortSignal;
  /** Is told what comes next, for who waits. */
  readonly onStep: (step: string) => void;
}

const versions = [3, 2, 1] as const;
const encodings = ["utf-8", "utf-16le", "utf-16be"] as const;
/** Milliseconds that an answer to operational modes is waited for: some publishers that accept them say nothing. */
const patience = 5000;

/**
 * Finds out about a publisher, one connection after the other, so as not to burden it.
 *
 * @throws {SttpError} `Aborted`.
 */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const { address, tls: source, filter, duration, wait, timeout, quick, signal, onStep } = options;
  const connect = (stop: AbortSignal = signal): Promise<Channel> => dial(address, source, timeout, stop);
  const report = { address, tls: null, versions: [], encodings: [], session: null, compact: null, udp: null };
  const found: { -readonly [Name in keyof ProbeReport]: ProbeReport[Name] } = { ...report, problem: null };
  try {
    if (source !== undefined) {
      onStep("looking at the certificate");
      found.tls = await probeTls(address, await source(), connect, timeout);
      if (!found.tls.trusted) throw new SttpError("HandshakeFailed", found.tls.problem ?? "not trusted");
    }
    if (!quick) {
      const answer = Math.min(patience, timeout);
      const ask = (modes: Partial<OperationalModes>): Promise<ModesAnswer> =>
        askModes(connect, modes, answer);
      found.versions = await inTurn(versions, async (version) => {
        onStep(`asking for version ${version}`);
        return { version, ...await ask({ version }) };
      });
      const accepted = found.versions.find(({ answer }) => answer === "accepted");
      if (accepted !== undefined) {
        const { version } = accepted;
        found.encodings = await inTurn(encodings, async (encoding) => {
          onStep(`asking for ${encoding}`);
          return { encoding, ...await ask({ version, encoding }) };
        });
      }
    }
    const version = options.version ?? (quick ? 2 : highest(found));
    // Why it accepts none is best told by a subscription that fails.
    const session: SessionOptions = {
      address,
      filter,
      version: version ?? 2,
      duration,
      wait,
      timeout,
      signal,
      connect,
    };
    onStep("counting measurements");
    found.session = await probeSession(session);
    if (!quick && found.session.data.format !== null) {
      onStep("trying compact measurements");
      found.compact = await probeCompact(session);
      onStep("trying UDP");
      found.udp = await probeUdp(session);
    }
  } catch (error) {
    if (!(error instanceof SttpError) || error.code === "Aborted") throw error;
    found.problem = error.message;
  }
  return found;
}

function highest({ versions }: Pick<ProbeReport, "versions">): 1 | 2 | 3 | undefined {
  // One that says nothing may accept it, but is better asked for one that it answers.
  return (versions.find(({ answer }) => answer === "accepted") ??
    versions.find(({ answer, version }) => answer === "silent" && version < 3) ??
    versions.find(({ answer }) => answer === "silent"))?.version;
}

async function inTurn<Item, Result>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const item of items) results.push(await ask(item));
  return results;
}

/** Figures of a session in one line, as monitoring plugins append them. */
export function performanceData({ tls, session }: ProbeReport): string {
  const figures: string[] = [];
  const add = (name: string, value: number | null | undefined, unit: string): void => {
    if (value !== null && value !== undefined && Number.isFinite(value)) {
      figures.push(`${name}=${Number(value.toFixed(3))}${unit}`);
    }
  };
  add("connect", session?.connectMilliseconds, "ms");
  add("first_data", session?.data.firstMilliseconds, "ms");
  add("rate", session?.data.rate, "");
  add("age", session?.data.ageMilliseconds, "ms");
  add("signals", session?.subscription?.signals, "");
  add("certificate_days", tls?.certificate?.daysLeft, "");
  return figures.join(" ");
}
