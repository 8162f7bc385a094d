/** What comes in an {@linkcode endlessBody}. */
export interface EndlessSource {
  /** What is to be sent next, when there is something. What comes after the end is thrown away. */
  readonly next: () => Promise<string>;
  /** Called once the reader has gone, or the body has been ended. */
  readonly onEnd: () => void;
}

/**
 * The body of an answer with server-sent events that goes on until its reader goes.
 *
 * @param closing Ends it.
 */
export function endlessBody(
  closing: AbortSignal,
  { next, onEnd }: EndlessSource,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let isOver = false;
  const end = (): void => {
    isOver = true;
    closing.removeEventListener("abort", close);
    onEnd();
  };
  let close = end;
  return new ReadableStream({
    start(controller): void {
      close = () => {
        end();
        controller.close();
      };
      closing.addEventListener("abort", close);
      // Something at once: a proxy may hold back the head of an answer until there is a body.
      controller.enqueue(encoder.encode("retry: 2000\n\n"));
    },
    async pull(controller): Promise<void> {
      const text = await next();
      if (!isOver) controller.enqueue(encoder.encode(text));
    },
    cancel: end,
  });
}
