import { type Channel, channel } from "node:diagnostics_channel";

/** What a diagnostics channel is told. */
export interface DiagnosticsMessage<Event> {
  /** Whom it happened to. */
  readonly source: object;
  /** What. */
  readonly event: Event;
}

/**
 * Events for any number of readers, each with a bounded buffer of its own: a reader that does not read loses the
 * oldest events, is told how many, and holds nobody up.
 */
export class StatusStream<Event> {
  readonly #capacity: number;
  readonly #missed: (count: number) => Event;
  readonly #readers = new Set<Reader<Event>>();
  readonly #source: object | undefined;
  readonly #diagnostics: Channel | undefined;

  /**
   * @param capacity How many events are kept for a reader.
   * @param missed Makes the event that tells a reader how many it has lost.
   * @param diagnostics The diagnostics channel that hears of all events, too, and whose they are; default none.
   */
  constructor(
    capacity: number,
    missed: (count: number) => Event,
    diagnostics?: { readonly name: string; readonly source: object },
  ) {
    this.#capacity = capacity;
    this.#missed = missed;
    this.#source = diagnostics?.source;
    this.#diagnostics = diagnostics && channel(diagnostics.name);
  }

  /** Hands an event to every reader, and to those who listen to the diagnostics channel. */
  emit(event: Event): void {
    if (this.#diagnostics?.hasSubscribers) {
      const message: DiagnosticsMessage<Event> = { source: this.#source!, event };
      // Listeners may do anything, such as to end connections, and events happen in the midst of things.
      queueMicrotask(() => this.#diagnostics!.publish(message));
    }
    for (const reader of this.#readers) reader.push(event);
  }

  /** A reader of the events from now on, until it returns or the stream ends. */
  read(): AsyncIterableIterator<Event> {
    const reader = new Reader<Event>(this.#capacity, this.#missed, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    return reader;
  }

  /** Ends all present readers, once they have read what they hold. */
  end(): void {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
  }
}

class Reader<Event> implements AsyncIterableIterator<Event> {
  readonly #capacity: number;
  readonly #missedEvent: (count: number) => Event;
  readonly #release: () => void;
  readonly #waiting: ((result: IteratorResult<Event>) => void)[] = [];
  #events: Event[] = [];
  #missed = 0;
  #ended = false;

  constructor(capacity: number, missedEvent: (count: number) => Event, release: () => void) {
    this.#capacity = capacity;
    this.#missedEvent = missedEvent;
    this.#release = release;
  }

  push(event: Event): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ value: event, done: false });
    if (this.#events.length === this.#capacity) {
      this.#events.shift();
      this.#missed++;
    }
    this.#events.push(event);
  }

  end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<Event>> {
    if (this.#missed > 0) {
      const value = this.#missedEvent(this.#missed);
      this.#missed = 0;
      return Promise.resolve({ value, done: false });
    }
    if (this.#events.length > 0) return Promise.resolve({ value: this.#events.shift()!, done: false });
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<Event>> {
    this.#release();
    this.#events = [];
    this.#missed = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Event> {
    return this;
  }
}
