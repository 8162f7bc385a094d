import { formatHostPort } from "../transport/address.ts";
import { type Clock, systemClock } from "../transport/clock.ts";
import { pause } from "../transport/reconnect.ts";
import { createLoggedAdmin } from "./admin.ts";
import { type AdminOptions, LoopbackHosts } from "./options.ts";
import type { AdminSystem } from "./system.ts";

/** Options of {@linkcode serveAdmin}. */
export interface ServeAdminOptions extends AdminOptions {
  /** The address to listen on. Default `127.0.0.1`; others need credentials. */
  readonly hostname?: string;
  /** The TCP port; 0 is any free one. Default 8080. */
  readonly port?: number;
}

/** An admin that listens. */
export interface AdminServer extends AsyncDisposable {
  /** Its address, such as `http://127.0.0.1:8080/`. */
  readonly url: string;
  /** Stops listening and ends what is under way. */
  close(): Promise<void>;
}

/** Milliseconds before it listens again when no connection could be taken in. */
const PAUSE = 100;

const LOOPBACK = /^(?:localhost|::1|127(?:\.\d{1,3}){3})$/i;

/**
 * Serves an admin over HTTP.
 *
 * @param systems As for `createAdmin`.
 * @throws {TypeError} When it is to listen on another address than the machine's own and has no credentials, whose
 * secrets would go over the network as they are: put TLS before it.
 * @throws {TypeError} and {RangeError} As `createAdmin`.
 * @throws {Deno.errors.AddrInUse} And other errors of `Deno.serve`.
 *
 * @example
 * ```ts
 * import { serveAdmin } from "@sttp/sttp/admin";
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { assertEquals } from "@std/assert";
 *
 * await using publisher = new Publisher({ port: 0 });
 * await using server = serveAdmin(publisher, { port: 0 });
 * const response = await fetch(new URL("healthz", server.url));
 * assertEquals(await response.text(), "ok\n");
 * ```
 */
export function serveAdmin(
  systems: AdminSystem | Readonly<Record<string, AdminSystem>>,
  options: ServeAdminOptions = {},
): AdminServer {
  const { hostname = "127.0.0.1", port = 8080, ...adminOptions } = options;
  const withCredentials = (adminOptions.credentials?.length ?? 0) > 0;
  if (!LOOPBACK.test(hostname) && !withCredentials) {
    throw new TypeError(
      `the admin can't listen on ${hostname} without credentials; give some, or use 127.0.0.1`,
    );
  }
  // 127.0.0.2 is the machine's own, too, and is asked under that name.
  const hosts = adminOptions.hosts ?? (withCredentials ? undefined : [...LoopbackHosts, hostname]);
  const { admin, ownLog } = createLoggedAdmin(systems, { ...adminOptions, ...hosts && { hosts } });
  const stop = new AbortController();
  const { signal } = stop;
  const listen = (port: number): Deno.HttpServer<Deno.NetAddr> =>
    Deno.serve(
      { hostname, port, signal, onListen: () => {} },
      (request, { remoteAddr }) =>
        admin.fetch(request, { remoteAddr: "hostname" in remoteAddr ? remoteAddr : undefined }),
    );
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = listen(port);
  } catch (error) {
    admin.close();
    throw error;
  }
  const { addr } = server;
  const address = formatHostPort(addr.hostname, addr.port);
  const ended = keepServing(server, () => listen(addr.port), {
    onError: (error) => ownLog.error("admin.acceptFailed", { address, error }),
    clock: adminOptions.clock ?? systemClock,
    signal,
  });
  const close = async (): Promise<void> => {
    stop.abort();
    admin.close();
    await ended;
  };
  return {
    url: `http://${address}${adminOptions.basePath ?? ""}/`,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Resolves when a server has been stopped. Where it can't take in a connection, such as for lack of file descriptors,
 * `Deno.serve` gives up its listener, and the program with it unless that is caught. Connections that it has go on.
 *
 * @param again Listens at the same address again.
 */
async function keepServing(
  first: Deno.HttpServer,
  again: () => Deno.HttpServer,
  { onError, clock, signal }: {
    readonly onError: (error: unknown) => void;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  let server: Deno.HttpServer | undefined = first;
  do {
    try {
      server ??= again();
      await server.finished;
    } catch (error) {
      server = undefined;
      onError(error);
      await pause(clock, PAUSE, signal);
    }
  } while (!signal.aborted);
}
