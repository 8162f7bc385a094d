/**
 * TSSC, the time-series special compression of data packets (§8 of the wire contract).
 *
 * @module
 */
export { TsscDecoder, type TsscDecoderOptions } from "./decoder.ts";
export { TsscEncoder } from "./encoder.ts";
