import type { Publisher } from "./publisher.ts";

/** How `Publisher.start` starts. */
export interface StartOptions {
  /**
   * Starts what accompanies the publisher for as long as it runs, such as an HTTP admin. It is called when the publisher
   * listens; what it gives is disposed of first of all when the publisher stops. When it fails, `start()` fails with what
   * it threw, and nothing stays open. Default: nothing.
   *
   * @example
   * ```ts
   * import { serveAdmin } from "@sttp/sttp/admin";
   * import { Publisher } from "@sttp/sttp/publisher";
   *
   * await using publisher = new Publisher({ port: 0 });
   * await publisher.start({ admin: (publisher) => serveAdmin(publisher, { port: 0 }) });
   * ```
   */
  readonly admin?: (publisher: Publisher) => AsyncDisposable | Promise<AsyncDisposable>;
}

/** How `Publisher.stop` stops. */
export interface StopOptions {
  /** Milliseconds that subscribers get to take what was published for them; default 1,000. */
  readonly drain?: number;
}

/**
 * Starts what is to accompany a publisher, if anything is.
 *
 * @throws {TypeError} When that gives nothing that can be disposed of; and what it throws itself.
 */
export async function startAdmin(
  publisher: Publisher,
  admin: StartOptions["admin"],
): Promise<AsyncDisposable | undefined> {
  const started = await admin?.(publisher);
  if (admin === undefined || typeof started?.[Symbol.asyncDispose] === "function") return started;
  throw new TypeError("the option admin has to give an AsyncDisposable, such as serveAdmin() does");
}
