/**
 * What a subscriber's commands say.
 *
 * @module
 */
import {
  Command,
  decodeBufferBlockConfirmation,
  type DecodedOperationalModes,
  decodeMetadataRefresh,
  decodeNotificationHash,
  SttpError,
  type SubscribeRequest,
  type TextEncoding,
} from "../../mod.ts";
import { many } from "../text.ts";

/** What a message says: for programs, and in a line for people. */
export interface Explanation {
  /** For programs, turned into JSON. */
  readonly details: Readonly<Record<string, unknown>>;
  /** For people; texts of peers in it are not yet fit for a terminal. */
  readonly summary: string;
}

const nothing: Explanation = { details: {}, summary: "" };

/** Operational modes in words. */
export function explainModes({ modes, bits, algorithms }: DecodedOperationalModes): Explanation {
  const { version, encoding, extension } = modes;
  const kinds = [...modes.tssc ? ["TSSC"] : [], ...modes.gzip ? ["gzip"] : []];
  const compresses = [
    ...modes.compressPayloadData ? ["data"] : [],
    ...modes.compressSignalIndexCache ? ["cache"] : [],
    ...modes.compressMetadata ? ["metadata"] : [],
  ];
  const summary = [
    `version ${version}`,
    encoding ?? "an encoding that there is not",
    compresses.length === 0 ? "no compression" : `compressed: ${compresses.join(", ")}`,
    kinds.length === 0 ? "by no kind" : `by ${kinds.join(" and ")}`,
    ...extension === 0 ? [] : [`extension ${extension}`],
    ...algorithms === "" ? [] : [algorithms],
  ].join("; ");
  const details = {
    version,
    encoding: encoding ?? null,
    kinds,
    compresses,
    receivesExternalMetadata: modes.receiveExternalMetadata,
    receivesInternalMetadata: modes.receiveInternalMetadata,
    extension,
    bits: `0x${bits.toString(16).padStart(8, "0")}`,
    algorithms,
  };
  return { details, summary };
}

/** A subscription in words: what was asked for, as it was asked. */
export function explainSubscribe(request: SubscribeRequest): Explanation {
  const { filterExpression, dataChannel, startTimeConstraint, stopTimeConstraint, text } = request;
  const details = {
    filter: filterExpression,
    throttled: request.throttled,
    includeTime: request.includeTime,
    ...dataChannel && { udpPort: dataChannel.localPort },
    ...startTimeConstraint !== "" && { startTimeConstraint, stopTimeConstraint },
    connectionString: text,
  };
  return { details, summary: text };
}

/**
 * Explains a command that changes nothing in how the rest is read.
 *
 * @throws {SttpError} When it can't be read.
 */
export function explainCommand(code: number, body: Uint8Array, encoding: TextEncoding): Explanation {
  switch (code) {
    case Command.MetadataRefresh: {
      const filters = decodeMetadataRefresh(body, encoding);
      return { details: { filters }, summary: filters === "" ? "all" : filters };
    }
    case Command.UpdateProcessingInterval: {
      if (body.length < 4) {
        throw new SttpError("MalformedFrame", `an interval of ${body.length} bytes, 4 expected`);
      }
      const milliseconds = viewOf(body).getInt32(0);
      const meaning = milliseconds < 0
        ? "the publisher's choice"
        : milliseconds === 0
        ? "as fast as possible"
        : "";
      return { details: { milliseconds }, summary: meaning || `${milliseconds} ms a frame` };
    }
    case Command.ConfirmNotification: {
      const hash = decodeNotificationHash(body);
      return { details: { hash }, summary: hexOf(hash) };
    }
    case Command.ConfirmBufferBlock: {
      const sequence = decodeBufferBlockConfirmation(body);
      return { details: { sequence }, summary: `block ${sequence}` };
    }
    default:
      return body.length === 0 ? nothing : explainBytes(body);
  }
}

/** Bytes that mean nothing here. */
export function explainBytes(bytes: Uint8Array): Explanation {
  const shown = bytes.subarray(0, 16).toHex() + (bytes.length > 16 ? "..." : "");
  return {
    details: { bytes: bytes.length, begin: bytes.subarray(0, 64).toHex() },
    summary: `${many(bytes.length, "byte")}: ${shown}`,
  };
}

/** A number as it is on the wire. */
export function hexOf(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
