/**
 * What people call the signals whose handles are in a batch.
 *
 * @module
 */
import type { Metadata, SignalTable } from "../../mod.ts";
import type { SignalColumn } from "./columns.ts";

/** What there is to say of a signal; empty texts for what is not known. */
export type SignalName = Readonly<Record<SignalColumn, string>>;

/** Names from metadata, which may be replaced. */
export class SignalNames {
  readonly #signals: SignalTable;
  readonly #metadata: () => Metadata | undefined;
  #known: Metadata | undefined;
  #names: SignalName[] = [];
  #generation = 0;

  /** @param metadata Gives the metadata in force; `undefined` when there is none. */
  constructor(signals: SignalTable, metadata: () => Metadata | undefined) {
    this.#signals = signals;
    this.#metadata = metadata;
  }

  /** Another number when names may have changed. */
  get generation(): number {
    const metadata = this.#metadata();
    if (metadata !== this.#known) {
      this.#known = metadata;
      this.#names = [];
      this.#generation++;
    }
    return this.#generation;
  }

  /** The names of a signal. */
  of(handle: number): SignalName {
    // Notices metadata that was replaced.
    void this.generation;
    return this.#names[handle] ??= this.#find(handle);
  }

  #find(handle: number): SignalName {
    const signalId = this.#signals.idOf(handle);
    const record = this.#known?.measurement(signalId);
    return {
      signalId,
      key: record?.key ?? "",
      pointTag: record?.pointTag ?? "",
      device: record?.deviceAcronym ?? "",
      signalType: record?.signalType ?? "",
      unit: record?.units ?? "",
    };
  }
}
