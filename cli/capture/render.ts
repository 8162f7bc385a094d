/**
 * Explained messages as text and as JSON.
 *
 * @module
 */
import { stateFlagNames } from "../../mod.ts";
import { timeText, valueText } from "../data/cell_text.ts";
import type { Styles } from "../output.ts";
import { plain } from "../text.ts";
import type { Conversation, Message } from "./conversation.ts";
import type { Sender } from "./format.ts";

/** Characters of a message that are shown to people, unless they want all. */
const SHOWN = 400;

const arrows: Readonly<Record<Sender, string>> = { subscriber: ">", publisher: "<", datagram: "<~" };
const places: Readonly<Record<Sender, string>> = {
  subscriber: "byte OFFSET of what the subscriber sent",
  publisher: "byte OFFSET of what the publisher sent",
  datagram: "datagram OFFSET",
};

/** Where a message is, in words. */
export function placeOf({ from, offset }: Pick<Message, "from" | "offset">): string {
  return places[from].replace("OFFSET", String(offset));
}

/** How text is written. */
export interface TextOptions {
  readonly styles: Styles;
  /** When the recording begins, from which times count; `undefined` when it has no times. */
  readonly start: bigint | undefined;
  /** Whether texts are shown to their end. */
  readonly full: boolean;
}

/** A message in lines: what it is, then its problems. */
export function messageText(message: Message, { styles, start, full }: TextOptions): string[] {
  const { from, ticks, name, inResponseTo, summary, problems } = message;
  const title = `${name || "?"}${inResponseTo === undefined ? "" : ` (${inResponseTo})`}`;
  const arrow = from === "subscriber" ? styles.cyan(arrows[from]) : styles.green(arrows[from]);
  const shown = plain(summary, full ? Infinity : SHOWN);
  return [
    `${elapsed(ticks, start)} ${arrow} ${styles.bold(title)}${shown === "" ? "" : `  ${shown}`}`,
    ...problems.map((problem) =>
      `${" ".repeat(13)}${styles.red("!")} ${placeOf(message)}: ${plain(problem, full ? Infinity : SHOWN)}`
    ),
  ];
}

/** Seconds since the start, in a column of its own. */
export function elapsed(ticks: bigint | undefined, start: bigint | undefined): string {
  if (ticks === undefined || start === undefined) return " ".repeat(12);
  return (Number(ticks - start) / 1e7).toFixed(6).padStart(12);
}

/** A data packet's measurements, a line each. */
export function* measurementLines({ signals, tags }: Conversation, message: Message): Generator<string> {
  const { measurements } = message;
  for (let i = 0; i < (measurements?.length ?? 0); i++) {
    const signalId = signals.idOf(measurements!.signals[i]!)!;
    const tag = tags.get(signalId);
    const flags = stateFlagNames(measurements!.flags[i]!).join(" ");
    const name = tag === undefined ? signalId : `${signalId} ${plain(tag, 60)}`;
    const time = timeText(measurements!.ticks[i]!);
    yield `${" ".repeat(15)}${time} ${name} ${valueText(measurements!.values[i]!)}${
      flags === "" ? "" : ` ${flags}`
    }`;
  }
}

/** A message for programs. @param values Whether a data packet's measurements are in it. */
export function messageValue(
  conversation: Conversation,
  connection: number,
  message: Message,
  values: boolean,
): Record<string, unknown> {
  const { ticks, from, offset, length, name, inResponseTo, details, problems, measurements } = message;
  return {
    kind: "message",
    connection,
    time: ticks === undefined ? null : timeText(ticks),
    from,
    offset,
    length,
    name: name || null,
    ...inResponseTo !== undefined && { inResponseTo },
    ...details,
    problems,
    ...values && measurements !== undefined && { measurements: measurementValues(conversation, message) },
  };
}

function measurementValues({ signals }: Conversation, { measurements }: Message): unknown[] {
  return Array.from({ length: measurements!.length }, (_, i) => ({
    signalId: signals.idOf(measurements!.signals[i]!),
    time: timeText(measurements!.ticks[i]!),
    value: valueOf(measurements!.values[i]!),
    flags: measurements!.flags[i],
  }));
}

/** A text that becomes JSON as it is. TypeScript does not know it yet. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** A value for JSON: the shortest number that is this float32, minus zero included; what is no number as a text. */
function valueOf(value: number): unknown {
  return Number.isFinite(value) ? rawJson(valueText(value)) : String(value);
}
