import { finish, type Steps } from "../metadata/steps.ts";
import { SttpError } from "../transport/errors.ts";
import { networkOfPeer } from "../transport/peer_host.ts";
import { decodeBufferBlockConfirmation } from "../transport/wire/buffer_block.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { decodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import { decodeNotificationHash } from "../transport/wire/notification.ts";
import {
  decodeOperationalModes,
  type OperationalModes,
  usesGzipMetadata,
} from "../transport/wire/operational_modes.ts";
import { decodeSubscribeSteps } from "../transport/wire/subscribe.ts";
import { formatName } from "./delivery.ts";
import type { HeldFilter } from "./filter_account.ts";
import { type KeptRequest, keptRequest } from "./kept_request.ts";
import { partAskedFor } from "./metadata_part.ts";
import { updateProcessingInterval } from "./processing_interval.ts";
import { getPrimaryMetadataSchema, getSignalSelectionSchema } from "./schemas.ts";
import type { Session } from "./session.ts";
import { createSubscription } from "./subscription.ts";
import { userCommand } from "./user_commands.ts";

/**
 * Carries out one command of a subscriber. What it throws as an SttpError is answered Failed with its message.
 *
 * @param body What follows the command's code; a view that is good until the handler is done.
 * @param code The command's code.
 */
export type CommandHandler = (session: Session, body: Uint8Array, code: number) => void | Promise<void>;

/** Of how many bytes a command is taken in at once: that takes less than a millisecond. */
const SHORT = 65_536;

function isLong(body: Uint8Array): boolean {
  return body.length > SHORT;
}

/** Versions of the protocol that are spoken here. */
const VERSIONS: readonly number[] = [1, 2, 3];

const handlers = new Map<number, CommandHandler>([
  [Command.DefineOperationalModes, defineOperationalModes],
  [Command.MetadataRefresh, refreshMetadata],
  [Command.Subscribe, subscribe],
  [Command.Unsubscribe, unsubscribe],
  [Command.ConfirmUpdateSignalIndexCache, confirmCache],
  [Command.RotateCipherKeys, rotateCipherKeys],
  [Command.ConfirmUpdateCipherKeys, confirmCipherKeys],
  [Command.ConfirmBufferBlock, confirmBufferBlock],
  [Command.ConfirmNotification, confirmNotification],
  [Command.UpdateProcessingInterval, updateProcessingInterval],
  [Command.GetPrimaryMetadataSchema, getPrimaryMetadataSchema],
  [Command.GetSignalSelectionSchema, getSignalSelectionSchema],
  ...Array.from({ length: 16 }, (_, i): [number, CommandHandler] => [Command.UserCommand00 + i, userCommand]),
]);

/** A confirmation that changes nothing: the session counts it. */
handlers.set(Command.ConfirmUpdateBaseTimes, () => {});

/** What carries out a command; `undefined` for codes that are not in the protocol. */
export function handlerOf(command: number): CommandHandler | undefined {
  return handlers.get(command);
}

/** §2: first of all, and again while there is no subscription. */
function defineOperationalModes(session: Session, body: Uint8Array): void {
  // They may come again in a longer frame than the first may be, and are kept.
  const { handshakeFrameLength } = session.host.options.limits;
  const { modes, algorithms } = decodeOperationalModes(body.subarray(0, handshakeFrameLength - 1));
  session.askedFor(modes.encoding);
  const problem = problemWith(modes);
  if (problem !== undefined) {
    session.refuse(Command.DefineOperationalModes, "unsupported", problem);
    return;
  }
  if (modes.extension !== 0) {
    throw new SttpError(
      "Refused",
      `UNSUPPORTED EXTENSION: implementation-specific extension ${modes.extension} is not known here.`,
    );
  }
  session.agree(modes, algorithms);
  session.reply(
    Response.Succeeded,
    Command.DefineOperationalModes,
    `Operational modes of STTP version ${modes.version} are in force at ${session.host.options.name}.`,
  );
}

function problemWith({ version, encoding }: OperationalModes): string | undefined {
  if (!VERSIONS.includes(version)) {
    return `STTP version ${version} is not supported: versions ${VERSIONS.join(", ")} are.`;
  }
  if (encoding === undefined) return "The string encoding 0x300 is not defined: UTF-8 is 0x200.";
  return undefined;
}

/** §3. */
async function refreshMetadata(session: Session, body: Uint8Array): Promise<void> {
  const { host: { options }, modes, encoding } = session;
  if (!options.allowMetadataRefresh) {
    throw new SttpError("Refused", "This publisher does not allow metadata to be asked for.");
  }
  const taken = (): Steps<HeldFilter> => filterIn(body, session);
  const filter = isLong(body) ? await session.takeIn(body.length, taken) : finish(taken());
  try {
    await session.rights.with(
      async (definition, inTurn) => {
        if (definition === undefined) return { pieces: [], length: 0 };
        const gzip = usesGzipMetadata(modes);
        return await definition.metadataBody(filter, encoding, gzip, partAskedFor(modes), inTurn);
      },
      (metadata) => session.respond(Response.Succeeded, Command.MetadataRefresh, metadata),
    );
  } finally {
    filter.release();
  }
}

/** The filter expressions of a MetadataRefresh. */
function* filterIn(
  body: Uint8Array,
  { encoding, peer, host: { options, filters } }: Session,
): Steps<HeldFilter> {
  const text = decodeMetadataRefresh(body, encoding, options.limits);
  yield;
  return yield* filters.hold(text, networkOfPeer(peer.address));
}

/** §4. */
async function subscribe(session: Session, body: Uint8Array): Promise<void> {
  const taken = (): Steps<KeptRequest> => requestIn(body, session);
  const request = isLong(body) ? await session.takeIn(body.length, taken) : finish(taken());
  try {
    await grant(request, session);
  } finally {
    request.filter.release();
  }
}

/** What a Subscribe asks for. What it is taken from is in memory no longer than this takes. */
function* requestIn(
  body: Uint8Array,
  { encoding, peer, host: { options, filters } }: Session,
): Steps<KeptRequest> {
  const request = yield* decodeSubscribeSteps(body, encoding, options.limits);
  yield;
  return yield* keptRequest(request, filters, networkOfPeer(peer.address));
}

async function grant(request: KeptRequest, session: Session): Promise<void> {
  const { host: { options }, modes } = session;
  const dataChannel = request.dataChannel && await session.openDataChannel(request.dataChannel);
  await session.rights.with(
    (definition, inTurn) => createSubscription(request, modes, definition, options, dataChannel, inTurn),
    (subscription) => {
      session.subscribe(subscription);
      const form = formatName(subscription.delivery);
      const channel = dataChannel === undefined ? "TCP" : "UDP";
      const count = subscription.set.size;
      session.reply(
        Response.Succeeded,
        Command.Subscribe,
        `Client subscribed using ${form} over ${channel} with ${count} ${
          count === 1 ? "signal" : "signals"
        }.`,
      );
    },
  );
}

/** §4. */
function unsubscribe(session: Session): void {
  session.unsubscribe();
  session.reply(Response.Succeeded, Command.Unsubscribe, "Client unsubscribed.");
}

/** §5. */
function confirmCache(session: Session): void {
  if (!session.data.confirmCache()) session.events.add("confirmation without a cache");
}

/** §13. */
function confirmBufferBlock(session: Session, body: Uint8Array): void {
  if (!session.data.confirmBufferBlock(decodeBufferBlockConfirmation(body))) {
    session.events.add("confirmation without a buffer block");
  }
}

/** §14. */
function confirmNotification(session: Session, body: Uint8Array): void {
  session.confirmNotification(decodeNotificationHash(body));
}

/** §12. */
function rotateCipherKeys(session: Session): void {
  session.data.rotateCipherKeys();
  session.reply(Response.Succeeded, Command.RotateCipherKeys, "New cipher keys are sent.");
}

/** §12. */
function confirmCipherKeys(session: Session): void {
  if (!session.data.confirmCipherKeys()) session.events.add("confirmation without cipher keys");
}
