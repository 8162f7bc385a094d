import { describe } from "../transport/option_checks.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { Measurement, MeasurementBatch } from "../transport/wire/batch.ts";

/**
 * Writes measurements given as objects into a batch, in the place of what is in it; the handle of an unknown signal is -1.
 *
 * @throws {TypeError} When a signal ID is not a GUID, or another field not of its kind.
 */
export function fillBatch(
  batch: MeasurementBatch,
  measurements: Iterable<Measurement>,
  signals: SignalTable,
): void {
  batch.clear();
  for (const { signalId, ticks, value, flags } of measurements) {
    if (typeof ticks !== "bigint") throw wrongField("ticks", "bigint", ticks);
    if (typeof value !== "number") throw wrongField("value", "number", value);
    if (typeof flags !== "number") throw wrongField("flags", "number", flags);
    batch.add(signals.handleOf(signalId) ?? -1, ticks, value, flags);
  }
}

function wrongField(name: string, kind: string, value: unknown): TypeError {
  return new TypeError(`a measurement's ${name} must be a ${kind}, not ${describe(value)}`);
}
