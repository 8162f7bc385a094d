import { type Span, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import type { PublisherStatus } from "../publisher/status.ts";
import type { SubscriberStatus } from "../subscriber/status.ts";

/** Turns events into spans. */
export interface SpanMaker<Event> extends Disposable {
  /** Takes an event. */
  take(event: Event): void;
}

/** Ends of a connection that are no error. */
const orderly: readonly string[] = ["peerClosed", "disconnected", "stopped"];

/** A span for each connection of a publisher, with what happened on it. */
export class PublisherSpans implements SpanMaker<PublisherStatus> {
  readonly #tracer: Tracer;
  readonly #system: string;
  readonly #open = new Map<number, Span>();

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
      this.#open.set(
        id,
        this.#tracer.startSpan("sttp.publisher.connection", { kind: SpanKind.SERVER, attributes }),
      );
      return;
    }
    const span = this.#open.get(id);
    if (span === undefined) return;
    if (event.kind !== "disconnected") {
      span.addEvent(event.kind, simple(event));
      return;
    }
    span.setAttribute("sttp.close_reason", event.reason);
    if (!orderly.includes(event.reason)) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: event.message });
    }
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
  #span: Span | undefined;

  constructor(tracer: Tracer, system: string) {
    this.#tracer = tracer;
    this.#system = system;
  }

  take(event: SubscriberStatus): void {
    if (event.kind === "connected") {
      this[Symbol.dispose]();
      const attributes = { "sttp.system": this.#system, "network.peer.address": event.peer };
      this.#span = this.#tracer.startSpan("sttp.subscriber.connection", {
        kind: SpanKind.CLIENT,
        attributes,
      });
      return;
    }
    if (event.kind === "metadata") {
      const startTime = Date.now() - event.requestMilliseconds - event.parseMilliseconds;
      const attributes = { "sttp.system": this.#system, ...simple(event) };
      this.#tracer.startSpan("sttp.subscriber.metadata", { startTime, attributes }).end();
      return;
    }
    this.#span?.addEvent(event.kind, simple(event));
    if (event.kind === "connectionLost") {
      this.#span?.setStatus({ code: SpanStatusCode.ERROR, message: event.error.message });
    }
    if (event.kind === "connectionLost" || event.kind === "closed") this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#span?.end();
    this.#span = undefined;
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
