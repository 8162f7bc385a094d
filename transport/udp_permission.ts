import { SttpError } from "./errors.ts";

/**
 * Asks for the permission to use an address beforehand: when it is not permitted to open a socket, `node:dgram` throws
 * where nobody can catch it, which ends the program; when it is not to send, it tells of an unknown error.
 *
 * @param what Is to use the address, for the message.
 * @param address `host:port`.
 * @throws {SttpError} `ConnectFailed` when it is not permitted.
 */
export async function demandUdpPermission(what: string, address: string): Promise<void> {
  const failed = (why: string, cause?: unknown): SttpError =>
    new SttpError("ConnectFailed", `${what} ${address}: ${why}`, { cause });
  let state: Deno.PermissionState;
  try {
    ({ state } = await Deno.permissions.request({ name: "net", host: address }));
  } catch (cause) {
    throw failed(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (state !== "granted") throw failed(`not permitted, it takes --allow-net=${address}`);
}
