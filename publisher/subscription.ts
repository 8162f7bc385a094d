import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import { usesGzipCache } from "../transport/wire/operational_modes.ts";
import type { CacheBlock } from "./cache_block.ts";
import type { DataChannel } from "./data_channel.ts";
import { type Delivery, deliveryOf } from "./delivery.ts";
import type { Definition } from "./definition.ts";
import type { KeptRequest } from "./kept_request.ts";
import type { CheckedOptions } from "./options.ts";
import { noSignals } from "./selection.ts";
import type { SignalSet } from "./signal_set.ts";
import { type Temporal, temporalOf } from "./temporal.ts";
import type { InTurn } from "./turns.ts";

/** A Subscribe command that was granted. */
export interface Subscription {
  /** What was asked for. */
  readonly request: KeptRequest;
  /** The signals it comes to. */
  readonly set: SignalSet;
  /** How many more it would come to if the subscriber might see them, as far as it is told. */
  readonly unauthorized: number;
  /** The form of its data. */
  readonly delivery: Delivery;
  /** Its signal index cache. */
  readonly cache: CacheBlock;
  /** Where its data goes; `undefined`: over the command channel. */
  readonly dataChannel: DataChannel | undefined;
  /** Which part of history it is about; `undefined`: live data. */
  readonly temporal: Temporal | undefined;
}

/**
 * Grants a Subscribe command, or says why not.
 *
 * @param definition What the subscriber may see of the metadata in force; without it every filter comes to nothing.
 * @param dataChannel Where its data is to go; `undefined`: over the command channel.
 * @param inTurn How its filter expression is evaluated and its cache made.
 * @throws {SttpError} `InvalidFilter`, or `Refused` for what this publisher does not offer; `MalformedText` for
 * times that are none; `Closed` as by `inTurn`.
 */
export async function createSubscription(
  request: KeptRequest,
  modes: OperationalModes,
  definition: Definition | undefined,
  options: CheckedOptions,
  dataChannel: DataChannel | undefined,
  inTurn: InTurn,
): Promise<Subscription> {
  const { nanValueFilter, udp } = options;
  const temporal = temporalOf(request, options);
  const selection = await definition?.select(request.filter, inTurn) ?? noSignals;
  const datagramLength = dataChannel && udp?.maxDatagramLength;
  return {
    request,
    set: selection.set,
    unauthorized: selection.unauthorized,
    delivery: deliveryOf(request, modes, nanValueFilter, datagramLength),
    cache: await selection.cache(usesGzipCache(modes), modes.encoding ?? "utf-8", inTurn),
    dataChannel,
    temporal,
  };
}
