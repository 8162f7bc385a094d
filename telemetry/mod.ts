/**
 * Metrics and traces by OpenTelemetry, off unless it is switched on.
 *
 * @module
 */
export { instrument } from "./instrument.ts";
