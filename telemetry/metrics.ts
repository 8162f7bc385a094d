import type { Attributes, Meter, Observable, ObservableResult } from "@opentelemetry/api";
import type { Metric } from "../admin/exposition.ts";
import { metricsOf } from "../admin/metrics.ts";
import type { NamedSystem } from "../admin/system.ts";

/** Snapshots this young serve the next instrument, too: one collection asks for each instrument by itself. */
const FRESH = 50;

/** Observable instruments for all that the systems count, made as it first comes up. */
export class SystemMetrics implements Disposable {
  readonly #systems: readonly NamedSystem[];
  readonly #meter: Meter;
  readonly #instruments = new Map<string, [instrument: Observable<Attributes>, callback: ObserveFunction]>();
  #snapshot: ReadonlyMap<string, Metric> = new Map();
  #takenAt = -Infinity;

  constructor(systems: readonly NamedSystem[], meter: Meter) {
    this.#systems = systems;
    this.#meter = meter;
    this.#take();
  }

  #take(): ReadonlyMap<string, Metric> {
    const now = performance.now();
    if (now - this.#takenAt < FRESH) return this.#snapshot;
    this.#takenAt = now;
    const metrics = metricsOf(this.#systems);
    this.#snapshot = new Map(metrics.map((metric) => [metric.name, metric]));
    for (const metric of metrics) if (!this.#instruments.has(metric.name)) this.#create(metric);
    return this.#snapshot;
  }

  #create({ name, help, type }: Metric): void {
    const options = { description: help };
    const instrument = type === "counter"
      ? this.#meter.createObservableCounter(name, options)
      : this.#meter.createObservableGauge(name, options);
    const callback: ObserveFunction = (result) => {
      for (const { labels, value } of this.#take().get(name)?.samples ?? []) {
        result.observe(value, { ...labels });
      }
    };
    instrument.addCallback(callback);
    this.#instruments.set(name, [instrument, callback]);
  }

  [Symbol.dispose](): void {
    for (const [instrument, callback] of this.#instruments.values()) instrument.removeCallback(callback);
    this.#instruments.clear();
  }
}

type ObserveFunction = (result: ObservableResult<Attributes>) => void;
