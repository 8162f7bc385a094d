import { type Admin, createAdmin } from "./admin.ts";
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
  const admin: Admin = createAdmin(systems, { ...adminOptions, ...hosts && { hosts } });
  const stop = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { hostname, port, signal: stop.signal, onListen: () => {} },
      (request, { remoteAddr }) =>
        admin.fetch(request, { remoteAddr: "hostname" in remoteAddr ? remoteAddr : undefined }),
    );
  } catch (error) {
    admin.close();
    throw error;
  }
  const { addr } = server;
  const host = addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname;
  const close = async (): Promise<void> => {
    stop.abort();
    admin.close();
    await server.finished;
  };
  return {
    url: `http://${host}:${addr.port}${adminOptions.basePath ?? ""}/`,
    close,
    [Symbol.asyncDispose]: close,
  };
}
