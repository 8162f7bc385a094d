import { type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import type { PublisherStatus } from "../publisher/status.ts";
import type { SubscriberStatus } from "../subscriber/status.ts";

/** Turns events into spans. */
export interface SpanMaker<Event> extends Disposable {
  /** Takes an event. */
  take(event: Event): void;
}

/** Events that one span may have: a connection may last for months, and its peer can cause some as fast as it likes. */
const MAX_EVENTS = 128;

/** Ends of a connection that are no error. */
const orderly: readonly string[] = ["peerClosed", "disconnected", "stopped"];

/** A span for each connection of a publisher, with what happened on it. */
export class PublisherSpans implements SpanMaker<PublisherStatus> {
  readonly #tracer: Tracer;
  readonly #system: string;
  readonly #open = new Map<number, ConnectionSpan>();

  constructor(tracer: Tracer, system: string) {
    this.#tracer = tracer;
    this.#system = system;
  }

  take(event: PublisherStatus): void {
    if (event.kind === "stopped") return this[Symbol.dispose]();
    if (!("connection" in event)) return;
    const { id, address } = event.connection;
    if (event.kind === "connected") {
      const attributes = {
        "sttp.system": this.#system,
        "sttp.connection": id,
        "network.peer.address": address,
      };
      const span = this.#tracer.startSpan("sttp.publisher.connection", { kind: SpanKind.SERVER, attributes });
      this.#open.set(id, new ConnectionSpan(span));
      return;
    }
    const span = this.#open.get(id);
    if (span === undefined) return;
    if (event.kind !== "disconnected") return span.add(event);
    span.span.setAttribute("sttp.close_reason", event.reason);
    if (!orderly.includes(event.reason)) span.fail(event.message);
    span.end();
    this.#open.delete(id);
  }

  [Symbol.dispose](): void {
    for (const span of this.#open.values()) span.end();
    this.#open.clear();
  }
}

/** A span for each connection of a subscriber, with what happened on it, and one for each metadata document. */
export class SubscriberSpans implements SpanMaker<SubscriberStatus> {
  readonly #tracer: Tracer;
  readonly #system: string;
  #span: ConnectionSpan | undefined;

  constructor(tracer: Tracer, system: string) {
    this.#tracer = tracer;
    this.#system = system;
  }

  take(event: SubscriberStatus): void {
    if (event.kind === "connected") {
      this[Symbol.dispose]();
      const attributes = { "sttp.system": this.#system, "network.peer.address": event.peer };
      const options = { kind: SpanKind.CLIENT, attributes };
      this.#span = new ConnectionSpan(this.#tracer.startSpan("sttp.subscriber.connection", options));
      return;
    }
    if (event.kind === "metadata") {
      const startTime = Date.now() - event.requestMilliseconds - event.parseMilliseconds;
      const attributes = { "sttp.system": this.#system, ...simple(event) };
      this.#tracer.startSpan("sttp.subscriber.metadata", { startTime, attributes }).end();
      return;
    }
    this.#span?.add(event);
    if (event.kind === "connectionLost") this.#span?.fail(event.error.message);
    if (event.kind === "connectionLost" || event.kind === "closed") this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#span?.end();
    this.#span = undefined;
  }
}

/** A span with no more than so many events. */
class ConnectionSpan {
  readonly span: Span;
  #events = 0;

  constructor(span: Span) {
    this.span = span;
  }

  add(event: { readonly kind: string }): void {
    if (++this.#events <= MAX_EVENTS) this.span.addEvent(event.kind, simple(event));
  }

  fail(message: string): void {
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: message.slice(0, MAX_TEXT) });
  }

  end(): void {
    const left = this.#events - MAX_EVENTS;
    if (left > 0) this.span.setAttribute("sttp.events_left_out", left);
    this.span.end();
  }
}

/** Characters that a text in a span may have. */
const MAX_TEXT = 1_000;

/** What of an event can be an attribute: numbers, truths, and texts of bounded length. */
function simple(event: object): Record<string, string | number | boolean> {
  const result: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === "kind") continue;
    if (typeof value === "string") result[`sttp.${name}`] = value.slice(0, MAX_TEXT);
    else if (typeof value === "number" || typeof value === "boolean") result[`sttp.${name}`] = value;
    else if (value instanceof Error) result[`sttp.${name}`] = value.message.slice(0, MAX_TEXT);
  }
  return result;
}
