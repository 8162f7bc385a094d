import type { HistorySource } from "../history/source.ts";
import { SttpError } from "../transport/errors.ts";
import { formatTicks, ticksNow } from "../transport/wire/ticks.ts";
import { parseTimeConstraint } from "../transport/wire/time_constraint.ts";
import type { SubscribeSettings } from "./kept_request.ts";
import type { CheckedOptions } from "./options.ts";

/** Which part of history a temporal subscription asks for (§11). */
export interface Temporal {
  /** Where it comes from. */
  readonly history: HistorySource;
  /** The first time, in ticks. */
  readonly start: bigint;
  /** The last time, in ticks. */
  readonly stop: bigint;
  /** What else the subscriber says to the history. */
  readonly parameters: string;
  /** Milliseconds for each frame: 0, as fast as possible; -1, as long as it took in its time. May change midway. */
  interval: number;
}

/**
 * What a Subscribe says about history; `undefined` when it asks for live data. Without an end, history ends now.
 *
 * @throws {SttpError} `Refused` when there is no history, the range is none, or the interval is none;
 * `MalformedText` when a time can't be read.
 */
export function temporalOf(
  request: SubscribeSettings,
  { clock, history }: Pick<CheckedOptions, "clock" | "history">,
): Temporal | undefined {
  const { startTimeConstraint, stopTimeConstraint, timeConstraintParameters, processingInterval } = request;
  if (startTimeConstraint === "" && stopTimeConstraint === "") return undefined;
  if (history === undefined) {
    throw new SttpError(
      "Refused",
      "This publisher keeps no history: a temporal subscription is not possible.",
    );
  }
  if (startTimeConstraint === "") {
    throw new SttpError("Refused", "There is a stopTimeConstraint and no startTimeConstraint.");
  }
  const now = ticksNow(clock);
  const start = parseTimeConstraint(startTimeConstraint, now);
  const stop = stopTimeConstraint === "" ? now : parseTimeConstraint(stopTimeConstraint, now);
  if (start > stop) {
    throw new SttpError(
      "Refused",
      `The startTimeConstraint, ${formatTicks(start)}, is after the ` +
        `${stopTimeConstraint === "" ? "present" : "stopTimeConstraint"}, ${formatTicks(stop)}.`,
    );
  }
  if (processingInterval < -1) {
    throw new SttpError(
      "Refused",
      `processingInterval ${processingInterval} is none: -1, 0 or a number of milliseconds expected.`,
    );
  }
  return { history, start, stop, parameters: timeConstraintParameters, interval: processingInterval };
}
