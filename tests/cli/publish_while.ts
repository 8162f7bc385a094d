/**
 * Data for programs that are looked at for a while.
 *
 * @module
 */
import { type Meeting, until } from "../integration/support.ts";

/** Publishes one round after the other, once somebody has subscribed, until somebody has seen enough. */
export async function publishWhile<T>(meeting: Meeting, watching: Promise<T>): Promise<T> {
  let done = false;
  const watched = watching.finally(() => done = true);
  watched.catch(() => {});
  await until(() =>
    done || meeting.publisher.stats().open.some(({ subscription }) => subscription?.confirmed === true)
  );
  while (!done) {
    await meeting.publish(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return await watched;
}
