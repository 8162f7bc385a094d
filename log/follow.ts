import { levelOf, type LoggedStatus } from "./events.ts";
import type { Logger } from "./logger.ts";

/** Something that tells what happens to it: a `Publisher`, a `Subscriber` or a `SubscriberListener`. */
export interface StatusSource<Event> {
  /** What happens from now on. */
  status(): AsyncIterableIterator<Event>;
}

/** Settings of {@linkcode logPublisher} and its like. */
export interface FollowOptions {
  /** A name that tells it from others of its kind: the field `system` of every line. Default: none. */
  readonly name?: string;
}

/**
 * Logs what happens to a publisher, from one start to the next: `publisher.connected` and so on, by the kinds of
 * `PublisherStatus`.
 *
 * @returns What ends it.
 *
 * @example
 * ```ts
 * import { Logger, logPublisher } from "@sttp/sttp/log";
 * import { Publisher } from "@sttp/sttp/publisher";
 * import { assertMatch } from "@std/assert";
 *
 * const lines: string[] = [];
 * const log = new Logger({ output: (line) => lines.push(line) });
 * const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
 * using _ = logPublisher(log, publisher, { name: "east" });
 *
 * await publisher.start();
 * await publisher.stop();
 * assertMatch(lines[0]!, /"level":"info","event":"publisher.started","system":"east","address":"127.0.0.1:\d+"/);
 * ```
 */
export function logPublisher(
  log: Logger,
  publisher: StatusSource<LoggedStatus["publisher"]>,
  options?: FollowOptions,
): Disposable {
  return new Follower("publisher", log, publisher, options);
}

/** Logs what happens to a subscriber: `subscriber.connected` and so on, by the kinds of `SubscriberStatus`. */
export function logSubscriber(
  log: Logger,
  subscriber: StatusSource<LoggedStatus["subscriber"]>,
  options?: FollowOptions,
): Disposable {
  return new Follower("subscriber", log, subscriber, options);
}

/** Logs what happens to a listener: `listener.connected` and so on, by the kinds of `SubscriberListenerStatus`. */
export function logListener(
  log: Logger,
  listener: StatusSource<LoggedStatus["listener"]>,
  options?: FollowOptions,
): Disposable {
  return new Follower("listener", log, listener, options);
}

/** Reads a status from one run to the next, until it is told to stop. */
class Follower<Role extends keyof LoggedStatus> implements Disposable {
  readonly #role: Role;
  readonly #log: Logger;
  readonly #system: { readonly system?: string };
  #status: AsyncIterableIterator<LoggedStatus[Role]>;
  #isStopped = false;

  constructor(
    role: Role,
    log: Logger,
    source: StatusSource<LoggedStatus[Role]>,
    { name }: FollowOptions = {},
  ) {
    this.#role = role;
    this.#log = log;
    this.#system = name === undefined ? {} : { system: name };
    this.#status = source.status();
    this.#follow(source);
  }

  async #follow(source: StatusSource<LoggedStatus[Role]>): Promise<void> {
    for (let heard = true; heard && !this.#isStopped; this.#status = source.status()) {
      heard = false;
      for await (const event of this.#status) {
        heard = true;
        const { kind, ...fields } = event;
        this.#log.log(levelOf(this.#role, event), `${this.#role}.${kind}`, { ...this.#system, ...fields });
      }
    }
    this.#status.return?.();
  }

  [Symbol.dispose](): void {
    this.#isStopped = true;
    this.#status.return?.();
  }
}
