/**
 * Connecting to a publisher without a `Subscriber`.
 *
 * @module
 */
import { type Channel, connectTcp, connectTls, customaryPort, parseTarget, type TlsSource } from "../mod.ts";

/**
 * Connects as a subscriber does.
 *
 * @param timeout Milliseconds after which to give up.
 * @throws {SttpError} As `connectTcp` and `connectTls`.
 */
export function dial(
  address: string,
  tls: TlsSource | undefined,
  timeout: number,
  signal: AbortSignal,
): Promise<Channel> {
  const target = { ...parseTarget(address, customaryPort(tls)), timeout, signal };
  return tls === undefined ? connectTcp(target) : connectTls({ ...target, tls });
}
