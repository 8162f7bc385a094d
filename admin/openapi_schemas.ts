/**
 * What answers of the HTTP interface are made of, for its description.
 *
 * @module
 */

/** A part of the document. */
export type Json = Readonly<Record<string, unknown>>;

/** Kinds of values. */
export const object = { type: "object" } as const;
export const text = { type: "string" } as const;
export const whole = { type: "integer" } as const;
export const number = { type: "number" } as const;
export const truth = { type: "boolean" } as const;
/** A body of JSON. */
export const json = (schema: Json): Json => ({ "application/json": { schema } });
/** One of the schemas, by its name. */
export const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
/** An object that has all of these. */
export const shape = (properties: Json, more: Json = {}): Json => ({
  ...object,
  properties,
  required: Object.keys(properties),
  ...more,
});
/** An array of these. */
export const list = (items: Json): Json => ({ type: "array", items });
/** Such a value, or none. */
export const orNull = (schema: Json): Json => ({ anyOf: [schema, { type: "null" }] });
/** A cell of a table. */
export const cell: Json = { type: ["string", "number", "boolean", "null"] };
/** Totals by reason or name. */
export const counts: Json = { ...object, additionalProperties: whole };

const moment: Json = { ...whole, description: "Milliseconds since 1970." };
const delay: Json = {
  ...orNull(number),
  description:
    "How old a measurement of late was when it came, in milliseconds; null when that is not known.",
};

/** A metadata table. */
export const table: Json = { name: text, rows: whole, columns: list(shape({ name: text, type: text })) };

/** What answers are made of, by name. */
export const schemas: Json = {
  Problem: shape({
    error: shape({
      code: { ...text, description: "For programs." },
      message: { ...text, description: "For people." },
    }, {
      description:
        "A filter expression's mistake has, besides, kind, offset, line, column, found, expected, suggestion.",
      additionalProperties: true,
    }),
  }),
  Rates: shape({
    measurementsPerSecond: number,
    bytesPerSecond: number,
    seconds: { ...number, description: "Over how many seconds these are means." },
  }),
  Certificate: shape({
    name: text,
    fingerprint: { ...text, description: "SHA-256, in hex." },
    validTo: moment,
  }),
  ShownCertificate: shape({
    name: text,
    fingerprint: { ...text, description: "SHA-256, in hex." },
    validTo: moment,
    expired: truth,
    own: { ...truth, description: "Whether it is the system's own." },
    connection: orNull(whole),
    address: text,
  }),
  System: {
    description: "A publisher or a subscriber in short.",
    oneOf: [reference("Publisher"), reference("Subscriber")],
  },
  Publisher: shape({
    kind: { const: "publisher" },
    system: text,
    name: text,
    nodeId: orNull(text),
    state: { ...text, enum: ["stopped", "starting", "running", "stopping"] },
    address: orNull(text),
    certificate: { ...orNull(reference("Certificate")), description: "Its own." },
    startedAt: orNull(moment),
    metadata: orNull(shape({ generation: whole, signals: whole })),
    published: shape({ batches: whole, measurements: whole, unknownSignals: whole }),
    sent: shape({ measurements: whole, bytes: whole }),
    notifications: shape({ subscribers: whole, pending: whole, confirmed: whole, givenUp: whole }),
    dropped: { ...counts, description: "Measurements that subscribers did not get, by reason." },
    connections: shape({ open: whole, accepted: whole, closed: counts, handshakesFailed: counts }),
    waitingBytes: { ...whole, description: "Over all connections; what several of them get counts once." },
    bans: list(reference("Ban")),
    access: shape({ rules: whole, refused: counts, failed: counts, revoked: whole }),
    links: list(shape({
      address: text,
      state: text,
      attempt: whole,
      connections: whole,
      connection: orNull(whole),
      problem: orNull(text),
    }, { description: "A listening subscriber that it connects to." })),
    history: orNull(reference("History")),
    groups: { ...whole, description: "How many groups of subscribers share an encoder." },
    rates: reference("Rates"),
    delay,
  }),
  Subscriber: shape({
    kind: { const: "subscriber" },
    system: text,
    state: text,
    filter: { ...text, description: "Its first 200 characters." },
    rates: reference("Rates"),
    delay,
    counters: shape({
      connections: whole,
      refused: counts,
      bytes: whole,
      frames: whole,
      packets: whole,
      dataBytes: whole,
      measurements: whole,
      caches: whole,
      tsscResets: whole,
      cipherKeys: whole,
      udp: { ...counts, description: "What came over UDP, and what became of measurements." },
      metadataRefreshes: whole,
      configurationChanges: whole,
      bufferBlocks: whole,
      notifications: whole,
      pauses: whole,
      gaps: shape({ open: whole, filled: whole, measurements: whole, failures: whole, givenUp: whole }),
      dropped: counts,
      waiting: whole,
      signals: whole,
    }),
  }),
  History: shape({
    first: { ...orNull(text), description: "The earliest measurement's time, ISO 8601." },
    last: { ...orNull(text), description: "The latest measurement's time, ISO 8601." },
    recorded: whole,
    lost: whole,
    blocks: whole,
    bytes: whole,
    damagedBlocks: whole,
    failing: { ...truth, description: "Whether recording fails at present." },
    problem: orNull(text),
  }),
  Group: shape({
    id: whole,
    signals: whole,
    format: text,
    throttleInterval: {
      ...orNull(number),
      description: "Milliseconds between the latest values; null where all are sent.",
    },
    withoutNaN: truth,
    members: whole,
    detachedMembers: { ...whole, description: "Those that get nothing at present." },
    measurements: { ...whole, description: "Published for it, whether or not somebody was attached." },
    encoded: { ...whole, description: "Those of them that were encoded, into `packets` of so many `bytes`." },
    packets: whole,
    bytes: whole,
    resets: { ...whole, description: "How often the encoder started afresh." },
    connections: list(whole),
  }),
  Modes: shape({
    version: whole,
    gzip: truth,
    tssc: truth,
    encoding: text,
    extension: whole,
    receiveExternalMetadata: truth,
    receiveInternalMetadata: truth,
    compressPayloadData: truth,
    compressSignalIndexCache: truth,
    compressMetadata: truth,
  }),
  Connection: shape({
    system: text,
    id: whole,
    subscriberId: { ...text, format: "uuid" },
    address: text,
    direction: { ...text, enum: ["incoming", "outgoing"] },
    tls: {
      ...orNull(shape({ protocol: text })),
      description: "The version of TLS on its command channel; null without TLS.",
    },
    certificate: { ...orNull(reference("Certificate")), description: "The peer's." },
    identity: { ...orNull(text), description: "Who it is over several connections, for notifications." },
    state: { ...text, enum: ["awaitingModes", "ready", "subscribed", "leaving", "closed"] },
    connectedAt: moment,
    lastReceivedAt: moment,
    modes: { ...orNull(reference("Modes")), description: "What was agreed; null before that." },
    algorithms: { ...text, description: "The compression algorithms that it named, as a connection string." },
    rights: {
      ...orNull(shape({ visible: whole, hidden: whole })),
      description: "How many signals it may see; null before it has asked for anything.",
    },
    subscription: orNull(shape({
      filter: { ...text, description: "Lists have the first 200 characters." },
      signals: whole,
      unauthorized: { ...whole, description: "Signals that it may not see, as far as it is told." },
      format: text,
      confirmed: {
        ...truth,
        description: "Whether its signal index cache is confirmed, so that data is sent.",
      },
      group: orNull(whole),
      replay: orNull(shape({
        state: { ...text, enum: ["running", "complete", "cancelled"] },
        processingInterval: number,
        measurements: whole,
        at: orNull(text),
      }, { description: "History on its way." })),
      client: shape({ source: text, version: text, updatedOn: text }),
      extra: {
        ...object,
        additionalProperties: text,
        description:
          "Settings without a meaning here; values are hidden unless they can't be secrets. Not in lists.",
      },
    })),
    cacheIndex: whole,
    latency: {
      ...orNull(number),
      description: "Milliseconds from sending its latest signal index cache to its confirmation.",
    },
    sent: shape({
      measurements: whole,
      bytes: whole,
      dataBytes: { ...whole, description: "Those of the bytes that were data packets." },
    }),
    dataChannel: {
      ...orNull(shape({
        to: text,
        from: text,
        datagrams: whole,
        bytes: whole,
        measurements: whole,
        errors: whole,
        lastError: orNull(text),
      })),
      description: "Data over UDP; null while it goes over the command channel.",
    },
    cipher: {
      ...orNull(shape({ index: whole, rotations: whole })),
      description: "The key that payloads are encrypted with; null while they are not.",
    },
    bufferBlocks: orNull(shape({
      sent: whole,
      confirmed: whole,
      retransmitted: whole,
      dropped: whole,
      waiting: whole,
      waitingBytes: whole,
    })),
    receivedBytes: whole,
    queue: shape({ dataBytes: whole, controlBytes: whole, frames: whole, stalledFor: number }, {
      description: "What waits to be written; stalledFor is in milliseconds.",
    }),
    dropped: { ...counts, description: "Measurements that it did not get, by reason." },
    overflowedAt: {
      ...orNull(moment),
      description: "When it was too slow last, so that data was dropped; now, while it waits for fresh data.",
    },
    droppedMeasurements: whole,
    events: { ...counts, description: "How often things happened, such as commands by name." },
    closed: orNull(shape({ at: moment, reason: text, message: text })),
    rates: reference("Rates"),
    bytesPerMeasurement: { ...orNull(number), description: "Of data packets." },
    encoderResets: {
      ...orNull(whole),
      description: "How often the encoder that serves it started afresh; null while none does.",
    },
  }),
  Readiness: shape({
    ready: truth,
    checks: list(shape({
      system: text,
      check: { ...text, enum: ["running", "metadata", "stalls", "overflows", "history", "connected"] },
      ok: truth,
    })),
  }),
  Signal: shape({
    signalId: { ...text, format: "uuid" },
    pointTag: text,
    key: text,
    device: text,
    type: text,
    units: text,
    description: text,
    expected: { ...number, description: "Measurements a second that its device should send." },
    received: { ...number, description: "Measurements a second that there are." },
    latest: orNull(shape({
      value: { ...orNull(number), description: "null: NaN or infinite." },
      time: moment,
      flags: whole,
    })),
  }),
  Device: shape({
    device: text,
    name: text,
    framesPerSecond: number,
    signals: whole,
    silent: whole,
    expected: number,
    received: number,
  }),
  Ban: shape({
    id: whole,
    kind: { ...text, enum: ["certificate", "host"] },
    name: text,
    until: moment,
    reason: text,
  }),
  TableChange: shape({
    name: text,
    presence: { ...text, enum: ["added", "removed", "both"] },
    addedColumns: list(text),
    removedColumns: list(text),
    added: whole,
    removed: whole,
    changed: whole,
    unchanged: whole,
    rows: list(shape({
      change: { ...text, enum: ["added", "removed", "changed"] },
      row: text,
      cells: list(shape({ column: text, before: cell, after: cell })),
    })),
  }),
  Table: shape(table),
};
