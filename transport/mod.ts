/**
 * The wire and what carries it: codecs for everything that STTP sends, and the channels it is sent over.
 *
 * Most programs need only a few things from here: {@linkcode Ticks}, {@linkcode StateFlags},
 * {@linkcode MeasurementBatch} and {@linkcode SttpError}. The rest is for tools that look at the protocol itself.
 *
 * @module
 */
export * from "./address.ts";
export * from "./certificates.ts";
export * from "./channel.ts";
export * from "./cipher.ts";
export * from "./clock.ts";
export * from "./errors.ts";
export * from "./limits.ts";
export * from "./memory_channel.ts";
export * from "./signal_table.ts";
export type { MeasurementTap } from "./taps.ts";
export * from "./tcp.ts";
export * from "./tls.ts";
export * from "./udp.ts";
export * from "./wire/base_times.ts";
export * from "./wire/batch.ts";
export * from "./wire/buffer_block.ts";
export * from "./wire/cipher_keys.ts";
export * from "./wire/codes.ts";
export * from "./wire/compact.ts";
export * from "./wire/connection_string.ts";
export * from "./wire/data_packet.ts";
export * from "./wire/frame.ts";
export * from "./wire/guid.ts";
export * from "./wire/gzip.ts";
export * from "./wire/metadata_refresh.ts";
export * from "./wire/notification.ts";
export * from "./wire/operational_modes.ts";
export * from "./wire/signal_index_cache.ts";
export * from "./wire/state_flags.ts";
export * from "./wire/subscribe.ts";
export * from "./wire/text.ts";
export * from "./wire/ticks.ts";
export * from "./wire/time_constraint.ts";
export * from "./wire/tssc/mod.ts";
