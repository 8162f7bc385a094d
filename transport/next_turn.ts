/** Lets timers, sockets and everything else that waits have a turn. */
export function nextTurn(): Promise<void> {
  // A timer: setImmediate and message ports come round without polling the sockets, and would starve them.
  return new Promise((resolve) => setTimeout(resolve, 0));
}
