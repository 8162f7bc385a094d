import type { Steps } from "../metadata/steps.ts";
import type { SubscribeRequest } from "../transport/wire/subscribe.ts";
import type { FilterAccount, HeldFilter } from "./filter_account.ts";
import { clipped, flatCopy } from "./flat_text.ts";

/** The settings of a Subscribe command, without its text. */
export type SubscribeSettings = Omit<SubscribeRequest, "text">;

/** What is kept of a Subscribe command as long as its subscription lasts. */
export interface KeptRequest extends SubscribeSettings {
  /** Holds the filter expression. */
  readonly filter: HeldFilter;
}

/** How many characters of settings without a meaning are kept, of all of a Subscribe command together. */
const EXTRA_LENGTH = 8192;

/**
 * Takes from a Subscribe command what is to be kept, in copies, so that its text is not: the filter expression, held
 * once, and the beginning of what is only shown.
 *
 * @param network Whose it is, see `networkOf`.
 * @throws {SttpError} `LimitExceeded` when there is no room for its filter expression.
 */
export function* keptRequest(
  request: SubscribeRequest,
  filters: FilterAccount,
  network: string,
): Steps<KeptRequest> {
  const { text, assemblyInfo: { source, version, updatedOn }, dataChannel, ...settings } = request;
  const filter = yield* filters.hold(request.filterExpression, network, text.length);
  return {
    ...settings,
    filter,
    filterExpression: filter.text,
    // Longer ones than this are not times.
    startTimeConstraint: clipped(request.startTimeConstraint),
    stopTimeConstraint: clipped(request.stopTimeConstraint),
    timeConstraintParameters: flatCopy(request.timeConstraintParameters),
    assemblyInfo: { source: clipped(source), version: clipped(version), updatedOn: clipped(updatedOn) },
    dataChannel: dataChannel && { ...dataChannel, interface: clipped(dataChannel.interface) },
    extra: keptExtra(request.extra),
  };
}

/** The settings without a meaning, clipped, as far as they fit. */
function keptExtra(extra: ReadonlyMap<string, string>): Map<string, string> {
  const kept = new Map<string, string>();
  let room = EXTRA_LENGTH;
  for (const [key, value] of extra) {
    const shown = clipped(value);
    room -= key.length + shown.length;
    if (room < 0) break;
    kept.set(flatCopy(key), shown);
  }
  return kept;
}
