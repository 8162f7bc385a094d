/**
 * The limits that stand between a peer's numbers and our memory.
 *
 * @module
 */

/**
 * The most that codecs and sessions accept, unless told otherwise. Every one of these sizes comes from the other
 * side; none of them is believed before it has met its limit.
 *
 * | name | default | what it stops |
 * | --- | --- | --- |
 * | `handshakeFrameLength` | 8,197 | a stranger (a web browser, a port scanner) whose first bytes read as a huge frame |
 * | `commandFrameLength` | 8 MiB | a subscriber that fills the publisher's memory with one endless command |
 * | `responseFrameLength` | 512 MiB | a publisher that fills the subscriber's memory with one endless response |
 * | `connectionStringLength` | 4 MiB | a Subscribe whose text costs more to take apart than to send |
 * | `connectionStringPairs` | 1,024 | a Subscribe of a million tiny pairs, each of which costs far more than its bytes |
 * | `filterLength` | 2 Mi characters | a filter expression that takes long to read |
 * | `filterMilliseconds` | 2,000 | a filter expression that keeps the publisher busy |
 * | `allFiltersLength` | 64 Mi characters | long filter expressions on many connections, which a publisher must keep |
 * | `allSubscriptionsLength` | 1 GiB | subscriptions to ever other signals, each with an encoder that knows all of them |
 * | `allQueuesLength` | 1 GiB | many connections that read nothing of ever other data, or of ever other long answers |
 * | `metadataLength` | 1 GiB | a gzip bomb in place of metadata |
 * | `cacheLength` | 128 MiB | a gzip bomb in place of a signal index cache |
 * | `gzipRatio` | 250 | a gzip bomb under the other limits: a MiB or more of output from next to nothing |
 * | `cacheEntries` | 1,048,576 | a cache that announces or carries entries without end |
 * | `signalIndex` | 4,194,303 | a table sized by an index: one entry with index 2^31 - 1 |
 * | `bufferBlockLength` | 16 MiB | a gzip bomb in place of a buffer block |
 * | `packetMeasurements` | 1,048,576 | a packet whose few bytes stand for millions of measurements |
 */
export interface Limits {
  /** Bytes of a frame before the peer has shown that it speaks STTP (§1). */
  readonly handshakeFrameLength: number;
  /** Bytes of a frame with a command. */
  readonly commandFrameLength: number;
  /** Bytes of a frame with responses; metadata of 300,000 measurements takes 240 MB when it is not compressed. */
  readonly responseFrameLength: number;
  /** Bytes of a Subscribe's connection string. */
  readonly connectionStringLength: number;
  /** Pairs in a connection string. */
  readonly connectionStringPairs: number;
  /** Characters of a filter expression, in a Subscribe or a MetadataRefresh; room for 50,000 signal IDs. */
  readonly filterLength: number;
  /**
   * Milliseconds that the evaluation of one filter expression may take, without those in which others have their turn.
   */
  readonly filterMilliseconds: number;
  /**
   * Characters of the filter expressions of all of a publisher's connections together, equal ones counted once; those of
   * one host, or of one IPv6 network of 64 bits, half of it. Those of up to 4,096 characters are taken beyond that, too.
   */
  readonly allFiltersLength: number;
  /**
   * Bytes that all of a publisher's subscriptions together may take: some 150 for each signal, those to the same signals
   * counted once; those of one host, or of one IPv6 network of 64 bits, half of it. Those of up to 16 KiB are taken
   * beyond that, too.
   */
  readonly allSubscriptionsLength: number;
  /**
   * Bytes that may wait to be sent over all of a publisher's connections together, what several of them get counted once.
   * Beyond that, a connection may hold its equal share of data, at least 256 KiB; for a long answer those are disconnected
   * who do not read theirs, or it is refused.
   */
  readonly allQueuesLength: number;
  /** Bytes of metadata after decompression. */
  readonly metadataLength: number;
  /** Bytes of a signal index cache after decompression. */
  readonly cacheLength: number;
  /** Bytes of gzip output for a byte of input, once the output is over 1 MiB. */
  readonly gzipRatio: number;
  /** Entries of a signal index cache, and its unauthorized signals. */
  readonly cacheEntries: number;
  /** The highest signal index. */
  readonly signalIndex: number;
  /** Bytes of a buffer block's payload, after decompression. */
  readonly bufferBlockLength: number;
  /** Measurements of one data packet; 32 KB of TSSC can hold 262,144. */
  readonly packetMeasurements: number;
}

/** The limits in force where none are given; see {@linkcode Limits}. */
export const DefaultLimits: Limits = Object.freeze({
  handshakeFrameLength: 8_197,
  commandFrameLength: 8 * 1024 ** 2,
  responseFrameLength: 512 * 1024 ** 2,
  connectionStringLength: 4 * 1024 ** 2,
  connectionStringPairs: 1024,
  filterLength: 2 * 1024 ** 2,
  filterMilliseconds: 2_000,
  allFiltersLength: 64 * 1024 ** 2,
  allSubscriptionsLength: 1024 ** 3,
  allQueuesLength: 1024 ** 3,
  metadataLength: 1024 ** 3,
  cacheLength: 128 * 1024 ** 2,
  gzipRatio: 250,
  cacheEntries: 1_048_576,
  signalIndex: 4_194_303,
  bufferBlockLength: 16 * 1024 ** 2,
  packetMeasurements: 1_048_576,
});
