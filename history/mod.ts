/**
 * Measurements of the past, for temporal subscriptions (§11): {@linkcode SqliteHistory} records what a publisher
 * publishes in a file, {@linkcode MemoryHistory} in memory.
 *
 * @module
 */
export { MemoryHistory, type MemoryHistoryOptions } from "./memory_history.ts";
export type { HistoryRange, HistoryRequest, HistorySource, HistoryStats } from "./source.ts";
export { SqliteHistory, type SqliteHistoryOptions } from "./sqlite_history.ts";
