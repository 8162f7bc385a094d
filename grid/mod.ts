/**
 * A synthetic grid: devices like phasor measurement units with believable, repeatable values, for demonstrations, tests
 * and benchmarks. Nothing else in the package depends on it.
 *
 * @example
 * ```ts
 * import { Grid } from "@sttp/sttp/grid";
 * import { assertEquals } from "@std/assert";
 *
 * const grid = await Grid.create({ devices: 2, framesPerSecond: 60 });
 * const metadata = grid.metadata();
 * assertEquals(metadata.table("DeviceDetail")?.rowCount, 2);
 * ```
 *
 * @module
 */
export { Grid } from "./grid.ts";
export type { GridDevice, GridOptions, GridPhasor, GridSignal, GridSignalType } from "./layout.ts";
