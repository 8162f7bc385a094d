/**
 * Options of commands that connect to a publisher.
 *
 * @module
 */
import type { SubscriberOptions } from "../mod.ts";
import { choice, type Option, timeLimit, type ValuesOf } from "./option.ts";
import { readTls, tlsOptions, type TlsOptionTable } from "./tls.ts";

/** The options. */
export interface ConnectionOptionTable extends TlsOptionTable {
  readonly timeout: Option<number>;
  readonly protocol: Option<"1" | "2" | "3">;
}

/** Their values. */
export type ConnectionValues = ValuesOf<ConnectionOptionTable>;

/** Their declarations. */
export const connectionOptions: ConnectionOptionTable = {
  timeout: timeLimit({
    group: "Connection",
    summary: "how long the publisher may take to let us in, and to answer a command",
    default: "10s",
  }),
  protocol: choice("1", "2", "3")({
    group: "Connection",
    summary: "version of the protocol to ask for",
    default: "2",
  }),
  ...tlsOptions,
};

/**
 * What was asked for, as a subscriber takes it.
 *
 * @throws {UsageError} As {@linkcode readTls}.
 */
export async function subscriberOptions(values: ConnectionValues): Promise<SubscriberOptions> {
  const tls = await readTls(values);
  return {
    connectTimeout: values.timeout,
    commandTimeout: values.timeout,
    version: Number(values.protocol) as 1 | 2 | 3,
    ...(tls !== undefined && { tls }),
  };
}
