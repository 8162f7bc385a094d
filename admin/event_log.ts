import type { Clock } from "../transport/clock.ts";
import { clip } from "./query.ts";
import type { NamedSystem } from "./system.ts";

/** Something that happened in a system. */
export interface LoggedEvent {
  /** The admin's number for it, counted from 1. */
  readonly number: number;
  /** In which system. */
  readonly system: string;
  /** When the admin heard of it, in milliseconds since 1970. */
  readonly at: number;
  /** What, as the system's status tells it; errors as code and message. */
  readonly event: Readonly<Record<string, unknown>> & { readonly kind: string };
}

/** Events that are kept, against memory that grows with time. */
const KEPT = 1_000;
/** Characters that a text in an event may have. */
const MAX_TEXT = 2_000;

/** What happened lately in systems, for any number of readers that come and go. */
export class EventLog {
  /** Tells this log from that of an earlier run of the program. */
  readonly run: string;
  readonly #clock: Clock;
  readonly #events: LoggedEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #onEvent: () => void;
  readonly #streams = new Set<AsyncIterator<unknown>>();
  #isClosed = false;
  #last = 0;

  /** @param onEvent Called at every event. */
  constructor(systems: readonly NamedSystem[], clock: Clock, onEvent: () => void = () => {}) {
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.run = clock.now().toString(36);
    for (const system of systems) this.#follow(system);
  }

  /** The number of the last event; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** The events kept, the earliest first. */
  get events(): readonly LoggedEvent[] {
    return this.#events;
  }

  /** The events after one of them, and how many of those are no longer kept. */
  after(number: number): { readonly missed: number; readonly events: readonly LoggedEvent[] } {
    const first = this.#last - this.#events.length;
    const skipped = Math.max(0, number - first);
    return { missed: Math.max(0, first - number), events: this.#events.slice(skipped) };
  }

  /** Calls a function at the next event, once; the result takes it back. */
  onNext(callback: () => void): () => void {
    this.#waiting.add(callback);
    return () => this.#waiting.delete(callback);
  }

  /** Listens no more; what there is stays. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.return?.();
  }

  /** Reads a system's status from one start to the next: it ends with each stop. */
  async #follow({ name, system }: NamedSystem): Promise<void> {
    for (let heard = true; heard && system.status !== undefined && !this.#isClosed;) {
      heard = false;
      const stream = system.status();
      this.#streams.add(stream);
      for await (const event of stream) {
        heard = true;
        this.#add(name, event);
      }
      this.#streams.delete(stream);
    }
  }

  #add(system: string, event: { readonly kind: string }): void {
    const plain = JSON.parse(JSON.stringify(event, toPlain));
    this.#events.push({ number: ++this.#last, system, at: this.#clock.now(), event: plain });
    if (this.#events.length > KEPT) this.#events.shift();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const callback of waiting) callback();
    this.#onEvent();
  }
}

/** What JSON can't say, and what is nobody's business: the error underneath an error. */
function toPlain(name: string, value: unknown): unknown {
  if (name === "cause") return undefined;
  if (typeof value === "bigint") return String(value);
  if (typeof value === "string") return clip(value, MAX_TEXT);
  if (value instanceof Error) {
    return { code: (value as { code?: unknown }).code, message: clip(value.message, MAX_TEXT) };
  }
  return value;
}
