/**
 * `sttp decode`: explains a recording.
 *
 * @module
 */
import { commandName, Response, responseName } from "../../mod.ts";
import { suggestion } from "../arguments.ts";
import type { Conversation, Message } from "../capture/conversation.ts";
import { Conversations } from "../capture/conversations.ts";
import type { CaptureEvent } from "../capture/format.ts";
import { readRecording } from "../capture/recording.ts";
import { elapsed, measurementLines, messageText, messageValue, type TextOptions } from "../capture/render.ts";
import { type Command, type Context, defineCommand } from "../command.ts";
import { timeText } from "../data/cell_text.ts";
import { ExitCode, readingFailed, UsageError } from "../exit_codes.ts";
import { file, flag, port, words } from "../option.ts";
import { many, plain } from "../text.ts";

/** `sttp decode`. */
export const decode: Command = defineCommand({
  name: "decode",
  summary: "Explain a recorded session, message by message",
  description:
    "Reads what `sttp capture` recorded, or tcpdump or Wireshark (pcap, pcapng), and says what was said: who sent " +
    "each message, when, and what is in it; " +
    "and where something is wrong. What was said over TLS can't be seen. Payloads that are encrypted " +
    "are read where the recording has the keys, which the publisher sends. " +
    "Ends with exit code 5 when something could not be understood.",
  operands: { file: file({ summary: "the recording; - for standard input", required: true }) },
  options: {
    values: flag({ summary: "show every measurement" }),
    full: flag({ summary: "show long texts to their end" }),
    port: port({
      summary: "of a network's recording show all connections to this TCP port, whatever is said",
    }),
    only: words({ summary: "show only messages of this name, such as Subscribe" }),
  },
  examples: [
    { line: "decode session.sttpcap", explanation: "what was said, a line for each message" },
    {
      line: "decode --only Subscribe --only Failed session.sttpcap",
      explanation: "who asked for what, and was refused what",
    },
    {
      line: "decode --values --json session.sttpcap",
      explanation: "everything, as a line of JSON for each message",
    },
  ],
  settle(given): void {
    const only = given.texts("only").flatMap((text) => text.split(",")).map((text) => text.trim());
    if (given.text("values") === undefined || only.length === 0) return;
    if (only.map(nameOfMessage).includes(responseName(Response.DataPacket))) return;
    if (given.outranks("values", "only")) given.exclude("values", "only");
    else {given.leaveOut("values", "is for messages of the name DataPacket, which --only leaves out", [
        "only",
      ]);}
  },
  run: async (options, context) => await new Explaining(options, context).run(),
});

const codes = Array.from({ length: 256 }, (_, code) => code);
/** What messages can be called. */
const names: readonly string[] = [...codes.map(commandName), ...codes.map(responseName)];

/** A name as messages have it, whatever its case. @throws {UsageError} When there is no such message. */
function nameOfMessage(given: string): string {
  const name = names.find((name) => name.toLowerCase() === given.toLowerCase());
  if (name !== undefined) return name;
  const meant = suggestion(given, names);
  throw new UsageError(
    `--only has "${given}", the name of a message expected${
      meant === undefined ? "" : `; did you mean ${meant}?`
    }`,
  );
}

/** What is told to the command. */
interface DecodeOptions {
  readonly file: string;
  readonly values: boolean;
  readonly full: boolean;
  readonly port: number | undefined;
  readonly only: readonly string[];
}

/** One run of the command. */
class Explaining {
  readonly #options: DecodeOptions;
  readonly #context: Context;
  readonly #conversations = new Conversations();
  readonly #only: ReadonlySet<string>;
  #messages = 0;
  #problems = 0;
  /** Bytes that came when their connection had ended long ago. */
  #late = 0;
  #start: bigint | undefined;
  /** Whose messages were shown last. */
  #shown = 0;

  constructor(options: DecodeOptions, context: Context) {
    this.#options = options;
    this.#context = context;
    this.#only = new Set(options.only.map(nameOfMessage));
  }

  async run(): Promise<ExitCode> {
    const { output, input, signal } = this.#context;
    const { file, port } = this.#options;
    const note = (text: string): void => void output.note(text).catch(() => {});
    const stream = file === "-" ? input : (await Deno.open(file)).readable;
    let failure: unknown;
    try {
      for await (const event of readRecording(stream, { port, note })) {
        if (signal.aborted) break;
        await this.#take(event);
      }
    } catch (error) {
      failure = readingFailed(file === "-" ? "standard input" : file, error);
      if (this.#conversations.count === 0) throw failure;
      // What was read before is complete, so it deserves its end.
    }
    for (const [connection, conversation] of this.#conversations.entries()) {
      await this.#leftOver(connection, conversation);
    }
    await this.#tellLate();
    const [connections, messages, problems] = [this.#conversations.count, this.#messages, this.#problems];
    if (output.json) await output.value({ kind: "summary", connections, messages, problems });
    else {await output.note(
        `${many(connections, "connection")}, ${many(messages, "message")}, ${many(problems, "problem")}`,
      );}
    if (failure !== undefined) throw failure;
    return problems === 0 ? ExitCode.Ok : ExitCode.BadInput;
  }

  async #take(event: CaptureEvent): Promise<void> {
    const { connection, ticks } = event;
    this.#start ??= ticks;
    const conversation = this.#conversations.of(connection);
    if (event.kind === "bytes") {
      if (conversation === undefined) {
        this.#late += event.bytes.length;
        return;
      }
      for await (const message of conversation.add(event.from, event.bytes, ticks)) {
        await this.#show(connection, conversation, message);
      }
    } else if (this.#context.output.json) {
      const time = ticks === undefined ? null : timeText(ticks);
      const more = event.kind === "opened" ? event.peers : { reason: event.reason };
      await this.#context.output.value({ kind: event.kind, connection, time, ...more });
    } else {
      const begun = event.kind === "opened"
        ? `subscriber ${event.peers.subscriber || "?"}, publisher ${event.peers.publisher || "?"}`
        : event.reason;
      const time = ticks === undefined ? "" : `, ${timeText(ticks)}`;
      await this.#heading(
        connection,
        event.kind === "opened" ? `begins${time}: ${begun}` : `ended: ${begun}`,
        ticks,
      );
    }
    const over = event.kind === "ended" ? this.#conversations.end(connection) : undefined;
    if (over !== undefined) await this.#leftOver(...over);
  }

  /** A line about a connection. */
  async #heading(connection: number, text: string, ticks: bigint | undefined): Promise<void> {
    const { output } = this.#context;
    this.#shown = connection;
    const title = output.outStyles.bold(`connection ${connection}`);
    await output.line(`${elapsed(ticks, this.#start)} - ${title} ${plain(text)}`);
  }

  async #show(connection: number, conversation: Conversation, message: Message): Promise<void> {
    this.#messages++;
    this.#problems += message.problems.length;
    if (this.#only.size > 0 && !this.#only.has(message.name)) return;
    const { output } = this.#context;
    const { values } = this.#options;
    if (output.json) return await output.value(messageValue(conversation, connection, message, values));
    if (this.#shown !== connection && this.#conversations.count > 1) {
      await this.#heading(connection, "goes on", message.ticks);
    }
    const lines = messageText(message, this.#text);
    if (values) lines.push(...measurementLines(conversation, message));
    await output.line(lines.join("\n"));
  }

  get #text(): TextOptions {
    return { styles: this.#context.output.outStyles, start: this.#start, full: this.#options.full };
  }

  /** Says that there were bytes which nobody could expect any more. */
  async #tellLate(): Promise<void> {
    if (this.#late === 0) return;
    this.#problems++;
    const { output } = this.#context;
    if (output.json) return await output.value({ kind: "late", bytes: this.#late });
    await output.note(`${many(this.#late, "byte")} of connections that had ended long before were not read`);
  }

  /** Says what is no whole message. */
  async #leftOver(connection: number, conversation: Conversation): Promise<void> {
    for (const from of ["subscriber", "publisher"] as const) {
      const { unread, incomplete, offset } = conversation.leftOver(from);
      const bytes = unread || incomplete;
      if (bytes === 0) continue;
      const { output } = this.#context;
      if (output.json) {
        await output.value({ kind: unread > 0 ? "unread" : "incomplete", connection, from, offset, bytes });
      } else {
        const what = unread > 0 ? "could not be read" : "begin a message that does not end";
        await this.#heading(
          connection,
          `${many(bytes, "byte")} of the ${from} from ${offset} on ${what}`,
          undefined,
        );
      }
    }
  }
}
