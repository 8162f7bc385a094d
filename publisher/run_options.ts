import { AsyncLocalStorage } from "node:async_hooks";
import { SttpError } from "../transport/errors.ts";
import { checkKinds, inRange, longestDelay } from "../transport/option_checks.ts";
import type { Publisher } from "./publisher.ts";

/** How `Publisher.start` starts. */
export interface StartOptions {
  /**
   * Starts what accompanies the publisher for as long as it runs, such as an HTTP admin. It is called when the publisher
   * listens; what it gives is disposed of first of all when the publisher stops. When it fails, `start()` fails with what
   * it threw, and nothing stays open. Neither it nor the disposal may wait for `stop()`, which waits for them: that throws
   * `InvalidState`. Default: nothing.
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
  /** Milliseconds that subscribers get to take what was published for them, up to 2^31 - 1; default 1,000. */
  readonly drain?: number;
}

/** @throws {TypeError} When an option does not exist or is not of its kind. */
export function checkStart(options: StartOptions): StartOptions {
  checkKinds(options, { admin: "function" }, "start()");
  return options;
}

/**
 * How long a publisher is to drain, in milliseconds.
 *
 * @throws {TypeError} When an option does not exist or is not of its kind.
 * @throws {RangeError} When it is no such number.
 */
export function drainOf(options: StopOptions): number {
  checkKinds(options, { drain: "number" }, "stop()");
  const { drain = 1000 } = options;
  return inRange(drain, "drain", 0, longestDelay, false);
}

/** In which of the calls below the present code runs. */
const within = new AsyncLocalStorage<symbol>();

/** What accompanies a publisher, from its start to its end. */
export class Companion {
  #started: AsyncDisposable | undefined;
  /** The call of the application's that is waited for. */
  #call: symbol | undefined;

  /**
   * Starts it, if anything is to be started.
   *
   * @throws {TypeError} When that gives nothing that can be disposed of; and what it throws itself.
   */
  async start(publisher: Publisher, admin: StartOptions["admin"]): Promise<void> {
    if (admin === undefined) return;
    const started = await this.#wait(() => admin(publisher));
    if (typeof started?.[Symbol.asyncDispose] !== "function") {
      throw new TypeError("the option admin has to give an AsyncDisposable, such as serveAdmin() does");
    }
    this.#started = started;
  }

  /** Ends it, if there is one. @throws What it throws itself. */
  async end(): Promise<void> {
    const started = this.#started;
    this.#started = undefined;
    if (started !== undefined) await this.#wait(() => started[Symbol.asyncDispose]());
  }

  async #wait<Result>(call: () => Result | PromiseLike<Result>): Promise<Result> {
    const token = this.#call = Symbol();
    try {
      return await within.run(token, call);
    } finally {
      this.#call = undefined;
    }
  }

  /** @throws {SttpError} `InvalidState` when it is what calls, whose end `stop()` would wait for. */
  checkIsNotCaller(): void {
    if (this.#call === undefined || within.getStore() !== this.#call) return;
    throw new SttpError("InvalidState", "stop() waits for the option admin, so that can't call it");
  }
}
