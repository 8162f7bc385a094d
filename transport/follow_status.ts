/** Something that tells what happens to it: a `Publisher`, a `Subscriber` or a `SubscriberListener`. */
export interface StatusSource<Event> {
  /** What happens from now on, until it stops. */
  status(): AsyncIterableIterator<Event>;
}

/**
 * Hands over all events of something that can be started and stopped again and again: its status ends with each stop.
 *
 * @param take Must not throw.
 * @returns What ends it.
 */
export function followStatus<Event>(source: StatusSource<Event>, take: (event: Event) => void): Disposable {
  let status = source.status();
  let isStopped = false;
  (async (): Promise<void> => {
    // One that ends at once will never tell anything again.
    for (let heard = true; heard && !isStopped; status = source.status()) {
      heard = false;
      for await (const event of status) {
        heard = true;
        take(event);
      }
    }
    status.return?.();
  })();
  return {
    [Symbol.dispose](): void {
      isStopped = true;
      status.return?.();
    },
  };
}
