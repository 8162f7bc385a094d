/**
 * Metrics and traces of commands that run for long, where OpenTelemetry is switched on.
 *
 * @module
 */
import type { AdminSystem } from "../admin/mod.ts";

/** Where Deno puts what exports, if it is told to. To see that takes no permission, as reading `OTEL_DENO` would. */
const EXPORTER = Symbol.for("opentelemetry.js.api.1");

/**
 * Gives what publishers and subscribers tell to OpenTelemetry, where that is switched on. Elsewhere nothing is loaded.
 *
 * @param systems As the admin takes them, under the same names.
 * @returns What ends it, and the spans that are open; Deno exports those when the process ends.
 */
export async function instrumentWhereOn(
  systems: Readonly<Record<string, AdminSystem>>,
): Promise<Disposable | undefined> {
  if (!(EXPORTER in globalThis)) return undefined;
  const { instrument } = await import("../telemetry/mod.ts");
  return instrument(systems);
}
