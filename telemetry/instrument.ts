import { metrics, ProxyTracerProvider, trace } from "@opentelemetry/api";
import { type AdminSystem, type NamedSystem, nameSystems } from "../admin/system.ts";
import { followStatus, type StatusSource } from "../transport/follow_status.ts";
import { SystemMetrics } from "./metrics.ts";
import { PublisherSpans, type SpanMaker, SubscriberSpans } from "./spans.ts";

const SCOPE = "@sttp/sttp";

/**
 * Gives metrics and traces of publishers and subscribers to OpenTelemetry, as far as it is switched on: in Deno, by the
 * environment variable `OTEL_DENO=true`. While it is off, nothing is done and nothing costs.
 *
 * The metrics are those of the admin, under the same names but for `_total` at the end, which exporters to Prometheus add:
 * see `docs/admin.md`. There is a span for each connection, `sttp.publisher.connection` or `sttp.subscriber.connection`,
 * whose events are the kinds of `status()`, and one for each metadata document that a subscriber got,
 * `sttp.subscriber.metadata`.
 *
 * @param systems A publisher or subscriber, or several with names: the attribute `system` of metrics and `sttp.system` of
 * spans.
 * @returns What ends it.
 * @throws {TypeError} When there is none, or one is no system, or its name is none.
 *
 * @example
 * ```ts
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { instrument } from "@sttp/sttp/telemetry";
 *
 * await using publisher = new Publisher({ port: 0 });
 * using _ = instrument({ east: publisher });
 * await publisher.start();
 * ```
 */
export function instrument(systems: AdminSystem | Readonly<Record<string, AdminSystem>>): Disposable {
  const named = nameSystems(systems);
  const parts = new DisposableStack();
  // Where nobody measures or traces, the API hands out instruments that do nothing.
  parts.use(new SystemMetrics(named, metrics.getMeter(SCOPE)));
  if (isTracing()) { for (const system of named) parts.use(traceSystem(system)); }
  return parts;
}

function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer(SCOPE) !== undefined;
}

/** Makes spans of a system's events. */
function traceSystem({ kind, name, system }: NamedSystem): Disposable {
  const tracer = trace.getTracer(SCOPE);
  return kind === "publisher"
    ? makeSpans(system, new PublisherSpans(tracer, name))
    : makeSpans(system, new SubscriberSpans(tracer, name));
}

function makeSpans<Event>(system: Partial<StatusSource<Event>>, spans: SpanMaker<Event>): Disposable {
  const parts = new DisposableStack();
  parts.use(spans);
  if (hasStatus(system)) parts.use(followStatus(system, (event) => spans.take(event)));
  return parts;
}

function hasStatus<Event>(system: Partial<StatusSource<Event>>): system is StatusSource<Event> {
  return system.status !== undefined;
}
