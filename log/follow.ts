import { levelOf, type LoggedStatus } from "./events.ts";
import type { Logger } from "./logger.ts";
import { followStatus, type StatusSource } from "../transport/follow_status.ts";

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
  return follow("publisher", log, publisher, options);
}

/** Logs what happens to a subscriber: `subscriber.connected` and so on, by the kinds of `SubscriberStatus`. */
export function logSubscriber(
  log: Logger,
  subscriber: StatusSource<LoggedStatus["subscriber"]>,
  options?: FollowOptions,
): Disposable {
  return follow("subscriber", log, subscriber, options);
}

/** Logs what happens to a listener: `listener.connected` and so on, by the kinds of `SubscriberListenerStatus`. */
export function logListener(
  log: Logger,
  listener: StatusSource<LoggedStatus["listener"]>,
  options?: FollowOptions,
): Disposable {
  return follow("listener", log, listener, options);
}

function follow<Role extends keyof LoggedStatus>(
  role: Role,
  log: Logger,
  source: StatusSource<LoggedStatus[Role]>,
  { name }: FollowOptions = {},
): Disposable {
  const system = name === undefined ? {} : { system: name };
  return followStatus(source, (event) => {
    const { kind, ...fields } = event;
    log.log(levelOf(role, event), `${role}.${kind}`, { ...system, ...fields });
  });
}
