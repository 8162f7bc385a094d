/**
 * Which operational modes a publisher accepts.
 *
 * @module
 */
import {
  type Channel,
  Command,
  commandName,
  DefaultOperationalModes,
  encodeCommand,
  encodeOperationalModes,
  type OperationalModes,
  SttpError,
} from "../../mod.ts";
import { Conversation } from "../capture/conversation.ts";
import type { ModesAnswer } from "./report.ts";

/** Whoever has sent so many bytes and no answer among them will not send one. */
const mostBytes = 1024 ** 2;

/**
 * Asks a publisher for modes, over a connection of its own.
 *
 * @param connect Makes the connection.
 * @param timeout Milliseconds that the answer may take.
 * @throws {SttpError} When there is no connection.
 */
export async function askModes(
  connect: () => Promise<Channel>,
  wanted: Partial<OperationalModes>,
  timeout: number,
): Promise<ModesAnswer> {
  const channel = await connect();
  const start = performance.now();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    channel.close();
  }, timeout);
  try {
    const { answer, text } = await converse(channel, { ...DefaultOperationalModes, ...wanted });
    const milliseconds = performance.now() - start;
    return { answer: answer === "closed" && isLate ? "silent" : answer, text, milliseconds };
  } catch (error) {
    if (!(error instanceof SttpError)) throw error;
    return { answer: "failed", text: error.message, milliseconds: performance.now() - start };
  } finally {
    clearTimeout(timer);
    channel.close();
  }
}

async function converse(
  channel: Channel,
  modes: OperationalModes,
): Promise<Pick<ModesAnswer, "answer" | "text">> {
  const question = encodeCommand(Command.DefineOperationalModes, encodeOperationalModes(modes));
  const conversation = new Conversation();
  // So that it knows how texts are encoded.
  await Array.fromAsync(conversation.add("subscriber", question, undefined));
  await channel.write(question);
  const buffer = new Uint8Array(65_536);
  let bytes = 0;
  for (let count; (count = await channel.read(buffer)) !== null;) {
    bytes += count;
    if (bytes > mostBytes) return { answer: "failed", text: `no answer in the first ${mostBytes} bytes` };
    for await (const message of conversation.add("publisher", buffer.subarray(0, count), undefined)) {
      const { name, inResponseTo, details, problems } = message;
      if (name === "") return { answer: "failed", text: problems[0] ?? "what came is TLS, not STTP" };
      const text = String(details["text"] ?? "");
      if (name === "Failed") return { answer: "refused", text };
      if (name !== "Succeeded" || inResponseTo !== commandName(Command.DefineOperationalModes)) continue;
      return { answer: "accepted", text };
    }
  }
  return { answer: "closed", text: "" };
}
