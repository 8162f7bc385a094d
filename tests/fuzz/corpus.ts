/**
 * What real programs sent: the recorded sessions, taken apart into pieces to damage.
 *
 * @module
 */
import { Command, readCommand, readResponses, Response } from "../../transport/mod.ts";
import { captureFrames, captureNames } from "../support/capture.ts";
import { joined } from "./mutate.ts";

/** Pieces of the recordings by what they are; none twice. */
export interface Corpus {
  /** Bodies of commands, by command. */
  readonly commands: ReadonlyMap<number, readonly Uint8Array[]>;
  /** Bodies of responses, by response. */
  readonly responses: ReadonlyMap<number, readonly Uint8Array[]>;
  /** Bodies of answers to MetadataRefresh. */
  readonly metadata: readonly Uint8Array[];
  /** All that clients said, with frame lengths, one for each session. */
  readonly clientSessions: readonly Uint8Array[];
  /** Frames of servers, the first and last of each session. */
  readonly serverSessions: readonly (readonly Uint8Array[])[];
}

/** The most pieces of one kind: packets are many and much alike. */
const MOST = 80;
let corpus: Corpus | undefined;

/** The corpus, read once. */
export function recorded(): Corpus {
  return corpus ??= read();
}

/** The bodies of a command; never empty. */
export function commandBodies(code: number): readonly Uint8Array[] {
  return recorded().commands.get(code) ?? [new Uint8Array(0)];
}

/** The bodies of a response; never empty. */
export function responseBodies(code: number): readonly Uint8Array[] {
  return recorded().responses.get(code) ?? [new Uint8Array(0)];
}

function read(): Corpus {
  const commands = new Pieces();
  const responses = new Pieces();
  const metadata = new Pieces();
  const clientSessions: Uint8Array[] = [];
  const serverSessions: Uint8Array[][] = [];
  for (const name of captureNames()) {
    const { client, server } = captureFrames(name);
    clientSessions.push(joined(...client));
    serverSessions.push([...server.slice(0, 12), ...server.slice(-2)]);
    for (const frame of client) {
      const { code, body } = readCommand(frame.subarray(4));
      commands.add(code, body);
    }
    for (const frame of server) {
      for (const { code, inResponseTo, body } of readResponses(frame.subarray(4))) {
        if (code === Response.Succeeded && inResponseTo === Command.MetadataRefresh) metadata.add(code, body);
        else responses.add(code, body);
      }
    }
  }
  return {
    commands: commands.byCode,
    responses: responses.byCode,
    metadata: [...metadata.byCode.values()].flat(),
    clientSessions,
    serverSessions,
  };
}

class Pieces {
  readonly byCode = new Map<number, Uint8Array[]>();
  readonly #known = new Set<string>();

  add(code: number, body: Uint8Array): void {
    const key = `${code} ${body.toHex()}`;
    const list = this.byCode.get(code) ?? [];
    if (this.#known.has(key) || list.length === MOST) return;
    this.#known.add(key);
    this.byCode.set(code, list);
    list.push(body.slice());
  }
}
