/**
 * What OpenTelemetry exports, collected in this process.
 *
 * @module
 */

/** A span, as far as tests look at it. */
export interface CollectedSpan {
  readonly name: string;
  readonly events?: readonly { readonly name: string }[];
}

/** A metric, as far as tests look at it. */
export interface CollectedMetric {
  readonly name: string;
  readonly sum?: CollectedPoints;
  readonly gauge?: CollectedPoints;
}

interface CollectedPoints {
  readonly dataPoints: readonly { readonly asDouble?: number; readonly attributes: readonly Attribute[] }[];
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

/** Takes what is exported, by OTLP with JSON. */
export class Collector implements AsyncDisposable {
  /** The last of each name. */
  readonly metrics: Map<string, CollectedMetric> = new Map();
  readonly spans: CollectedSpan[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url);
      const body = await request.json();
      for (const { scopeMetrics = [] } of body.resourceMetrics ?? []) {
        for (const { metrics } of scopeMetrics) {
          for (const metric of metrics) this.metrics.set(metric.name, metric);
        }
      }
      for (const { scopeSpans = [] } of body.resourceSpans ?? []) {
        for (const { spans } of scopeSpans) this.spans.push(...spans);
      }
      return new Response(pathname.startsWith("/v1/") ? "{}" : null, {
        headers: { "content-type": "application/json" },
      });
    });
  }

  /** What makes Deno export to it. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_DENO_CONSOLE: "ignore",
    };
  }

  /** The first span of this name. */
  span(name: string): CollectedSpan | undefined {
    return this.spans.find((span) => span.name === name);
  }

  /** The systems that a metric has values of which are not 0. */
  systemsOf(metric: string): string[] {
    const { sum, gauge } = this.metrics.get(metric) ?? {};
    const values = (sum ?? gauge)?.dataPoints.filter(({ asDouble = 0 }) => asDouble !== 0) ?? [];
    return values.map(({ attributes }) =>
      attributes.find(({ key }) => key === "system")?.value.stringValue ?? ""
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}
