/**
 * A table of the latest values that renews itself on a terminal.
 *
 * @module
 */
import { type MeasurementBatch, stateFlagNames } from "../mod.ts";
import { timeText, valueText } from "./data/cell_text.ts";
import type { MeasurementWriter } from "./data/format.ts";
import type { SignalNames } from "./data/signal_names.ts";
import type { Output } from "./output.ts";
import { alignColumns, plain } from "./text.ts";

/** Lines of the log below the table. */
const LOG_LINES = 3;

// The terminal's other screen, so that what was there before is there again afterwards; without cursor.
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const END_OF_LINE = "\x1b[K";
const END_OF_SCREEN = "\x1b[J";

/** Shows the latest value of as many signals as there is room for. */
export class LiveTable implements MeasurementWriter {
  readonly #output: Output;
  readonly #names: SignalNames;
  readonly #title: () => string;
  readonly #encoder = new TextEncoder();
  /** Handles in the order in which they came first. */
  readonly #order: number[] = [];
  readonly #latest: { ticks: bigint; value: number; flags: number }[] = [];
  readonly #log: string[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #leave = (): void => {
    try {
      Deno.stdout.writeSync(this.#encoder.encode(LEAVE));
    } catch {
      // It has hung up.
    }
  };
  #drawing: Promise<void> | undefined;
  #failure: unknown;

  /**
   * Takes over the terminal.
   *
   * @param title Gives the line at the top.
   * @param interval Milliseconds between two drawings.
   */
  constructor(output: Output, names: SignalNames, title: () => string, interval: number = 500) {
    this.#output = output;
    this.#names = names;
    this.#title = title;
    // Also when the process ends in the middle of it.
    globalThis.addEventListener("unload", this.#leave);
    this.#drawing = this.#write(ENTER);
    this.#timer = setInterval(() => this.#redraw(), interval);
    this.#redraw();
  }

  /** Takes over values; they show when it is drawn next. */
  write(batch: MeasurementBatch): Promise<void> {
    // Nobody looks at it any more.
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    for (let i = 0; i < batch.length; i++) {
      const handle = batch.signals[i]!;
      const latest = this.#latest[handle];
      const [ticks, value, flags] = [batch.ticks[i]!, batch.values[i]!, batch.flags[i]!];
      if (latest === undefined) {
        this.#order.push(handle);
        this.#latest[handle] = { ticks, value, flags };
      } else {
        latest.ticks = ticks;
        latest.value = value;
        latest.flags = flags;
      }
    }
    return Promise.resolve();
  }

  /** Shows a line of the log below the table. @returns Whether it is shown: true. */
  log(line: string): true {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
    return true;
  }

  #redraw(): void {
    // A terminal that is slow gets fewer pictures, not a queue of them.
    this.#drawing = (this.#drawing ?? Promise.resolve()).then(() => this.#write(this.#picture())).catch(
      (error) => {
        this.#failure ??= error;
      },
    );
  }

  #write(text: string): Promise<void> {
    return this.#output.out.write(this.#encoder.encode(text));
  }

  #picture(): string {
    const { columns, rows } = this.#output.out.size();
    const { bold, dim, yellow } = this.#output.outStyles;
    const room = Math.max(1, rows - 3 - LOG_LINES);
    const shown = this.#order.slice(0, room);
    // A narrow terminal still has room for values.
    const isNarrow = columns < 40;
    const nameWidth = Math.min(40, Math.max(8, columns - 12));
    const cells = shown.map((handle) => {
      const { pointTag, key, signalId, signalType, unit } = this.#names.of(handle);
      const { ticks, value, flags } = this.#latest[handle]!;
      return [
        endOf(plain(pointTag || key || signalId), nameWidth),
        ...isNarrow ? [] : [plain(signalType, 8)],
        valueText(value),
        plain(unit, 8),
        timeText(ticks).slice(0, 23),
        stateFlagNames(flags).join(" ") || "Normal",
      ];
    });
    const headings = ["Signal", ...isNarrow ? [] : ["Type"], "Value", "Unit", "Time (UTC)", "State"];
    const [heading, ...lines] = alignColumns(
      headings.map((heading) => ({ heading, right: heading === "Value" })),
      cells,
    ).map((line) => line.slice(0, columns));
    const more = this.#order.length - shown.length;
    const picture = [
      bold(plain(this.#title(), columns)),
      dim(heading!),
      ...lines,
      more > 0 ? dim(`and ${more} more`) : "",
      ...this.#log.map((line) => yellow(plain(line, columns))),
    ];
    return `${HOME}${picture.slice(0, rows).join(`${END_OF_LINE}\n`)}${END_OF_LINE}${END_OF_SCREEN}`;
  }

  /** Shows what was there before the table. */
  async finish(): Promise<void> {
    clearInterval(this.#timer);
    await this.#drawing;
    globalThis.removeEventListener("unload", this.#leave);
    await this.#write(LEAVE);
  }

  /** As {@linkcode LiveTable.finish}. */
  abandon(): Promise<void> {
    return this.finish();
  }
}

/** A name in so many characters: its end, which tells it from its neighbours. */
function endOf(name: string, width: number): string {
  return name.length <= width ? name : `..${name.slice(2 - width)}`;
}
