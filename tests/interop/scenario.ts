/**
 * What the scenarios have in common: a partner, a folder for files, and the metadata that all of them use.
 *
 * @module
 */
import type { SeenTables } from "./ours.ts";
import { filePath, type ReadyPartner } from "./partners.ts";
import { Program } from "./program.ts";

/** One check against one partner. */
export interface Scenario {
  /** What is shown. */
  readonly name: string;
  /** Runs it; the result says what was compared. */
  readonly run: (stage: Stage) => Promise<string>;
}

/** Makes a scenario. */
export function scenario(name: string, run: (stage: Stage) => Promise<string>): Scenario {
  return { name, run };
}

/** Settings of a partner's subscriber program; see `sttpapi/subscriber.py`. */
export interface PartnerSubscriberSettings {
  readonly filter: string;
  readonly tssc?: boolean;
  readonly gzip?: boolean;
  readonly version?: number;
  readonly metadata?: boolean;
  readonly metadataFilters?: string;
  /** Wait for our publisher to connect; goapi only. */
  readonly listen?: boolean;
  readonly settings?: Record<string, unknown>;
}

/** The metadata that every scenario publishes, as a file. */
export const METADATA: URL = new URL("testdata/metadata.xml", import.meta.url);

/** Everything that is subscribed to unless a scenario is about filters. */
export const ALL = "FILTER ActiveMeasurements WHERE True";

/** The same without the status words. */
export const NO_STATUS = "FILTER ActiveMeasurements WHERE SignalType <> 'STAT'";

/** A partner and a folder of its own, for one scenario. */
export class Stage implements AsyncDisposable {
  /** The partner. */
  readonly partner: ReadyPartner;
  readonly #folder: string;
  #files = 0;

  private constructor(partner: ReadyPartner, folder: string) {
    this.partner = partner;
    this.#folder = folder;
  }

  /** Prepares for one scenario. */
  static async set(partner: ReadyPartner): Promise<Stage> {
    return new Stage(partner, await Deno.makeTempDir({ prefix: "sttp-interop-" }));
  }

  /** A path for a new file. */
  file(): string {
    return `${this.#folder}/${this.#files++}.txt`;
  }

  /** Starts the partner's subscriber on a port of this machine; what it receives is in `out`. */
  subscriber(port: number, settings: PartnerSubscriberSettings): { program: Program; out: string } {
    const out = this.file();
    const chosen = { address: `127.0.0.1:${port}`, out, ...settings };
    const program = this.partner.name === "sttpapi"
      ? this.python("subscriber.py", chosen)
      : Program.start(this.partner.command, [JSON.stringify(chosen)]);
    return { program, out };
  }

  /** Starts sttpapi's publisher and waits until it listens. */
  async publisher(
    settings: { port?: number; doubleTicks?: boolean } = {},
  ): Promise<{ program: Program; port: number; tables: SeenTables }> {
    const program = this.python("publisher.py", { metadata: filePath(METADATA), ...settings });
    const { port, tables } = await program.next("listening");
    return { program, port: Number(port), tables: tables as SeenTables };
  }

  /** Starts one of the programs in `sttpapi/`. */
  python(program: string, settings: object): Program {
    // -B: no compiled files beside the sources.
    const path = filePath(new URL(`sttpapi/${program}`, import.meta.url));
    return Program.start(this.partner.command, ["-B", path, JSON.stringify(settings)]);
  }

  /** Removes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** The signal IDs of the metadata in its order, taken from the text and not by the code under test. */
export async function signalIds(where: (signalType: string) => boolean = () => true): Promise<string[]> {
  const xml = await Deno.readTextFile(METADATA);
  const rows = xml.matchAll(/<SignalID>(.*?)<\/SignalID>[^]*?<SignalAcronym>(.*?)<\/SignalAcronym>/g);
  return [...rows].filter((row) => where(row[2]!)).map((row) => row[1]!);
}
