import { SttpError } from "../transport/errors.ts";

/** A notification that a subscriber has not confirmed. */
export interface PendingNotification {
  /** Tells it from the subscriber's others; a uint32. */
  readonly hash: number;
  /** What it says. */
  readonly text: string;
}

/** A subscriber that is notified, here or not. */
export interface NotifiedSubscriber {
  /** Who it is: `certificate:` and the certificate's name, else `client:` and `source@address`. */
  readonly subscriber: string;
  /** When it last came or went, in milliseconds since 1970. */
  readonly lastSeen: number;
  /** What it has not confirmed, the oldest first. */
  readonly pending: readonly PendingNotification[];
}

/** Where a publisher keeps notifications beyond its own life. */
export interface NotificationStore {
  /** What was saved last; nothing when there was no such time. Called once, at the publisher's first start. */
  load(): Promise<readonly NotifiedSubscriber[]>;
  /**
   * Saves everything, in place of what was saved before. Calls do not overlap.
   *
   * @param subscribers As they are at the call: what changes while it is being saved comes with the next call.
   */
  save(subscribers: readonly NotifiedSubscriber[]): Promise<void>;
}

/**
 * Notifications in a JSON file, which is replaced as a whole, so that a crash leaves the old one or the new one. Needs
 * the permissions to read and write the file and the one beside it, whose name ends in `.new`.
 *
 * @example
 * ```ts
 * import { FileNotificationStore, Publisher } from "@sttp/sttp/publisher";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.remove(path);
 * await using publisher = new Publisher({ notifications: { store: new FileNotificationStore(path) } });
 * assertEquals(publisher.stats().notifications.pending, 0);
 * ```
 */
export class FileNotificationStore implements NotificationStore {
  readonly #path: string;

  /**
   * Nothing is read or written yet.
   *
   * @param path Where the file is, or will be.
   */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Reads the file.
   *
   * @throws {SttpError} `MalformedText` when it is not a file of this kind.
   */
  async load(): Promise<readonly NotifiedSubscriber[]> {
    let text: string;
    try {
      text = await Deno.readTextFile(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch (cause) {
      throw new SttpError("MalformedText", `${this.#path} is not JSON`, { cause });
    }
    if (!Array.isArray(content) || !content.every(isSubscriber)) {
      throw new SttpError("MalformedText", `${this.#path} does not hold notifications`);
    }
    return content;
  }

  /**
   * Writes the file beside the old one, then puts it in its place. However much it is, everything else has its turn
   * after each piece.
   */
  async save(subscribers: readonly NotifiedSubscriber[]): Promise<void> {
    const path = `${this.#path}.new`;
    const encoder = new TextEncoder();
    {
      using file = await Deno.open(path, { write: true, create: true, truncate: true });
      for (const piece of piecesOf(subscribers)) {
        const bytes = encoder.encode(piece);
        for (let offset = 0; offset < bytes.length;) offset += await file.write(bytes.subarray(offset));
      }
      await file.sync();
    }
    await Deno.rename(path, this.#path);
  }
}

/** A piece of the file has so many characters, and up to a notification more: it takes less than a millisecond. */
const PIECE = 65_536;

/** The file, piece by piece. */
function* piecesOf(subscribers: readonly NotifiedSubscriber[]): Generator<string, void> {
  let piece = "";
  for (const part of partsOf(subscribers)) {
    piece += part;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  yield piece;
}

/** What `JSON.stringify()` makes of them, notification by notification. */
function* partsOf(subscribers: readonly NotifiedSubscriber[]): Generator<string, void> {
  yield "[";
  for (const [i, { pending, ...subscriber }] of subscribers.entries()) {
    const head = JSON.stringify(subscriber).slice(0, -1);
    yield `${i === 0 ? "" : ","}${head},"pending":[`;
    for (const [j, notification] of pending.entries()) {
      yield (j === 0 ? "" : ",") + JSON.stringify(notification);
    }
    yield "]}";
  }
  yield "]";
}

function isSubscriber(value: unknown): value is NotifiedSubscriber {
  const { subscriber, lastSeen, pending } = Object(value) as Partial<NotifiedSubscriber>;
  return typeof subscriber === "string" && typeof lastSeen === "number" && Array.isArray(pending) &&
    pending.every((notification: unknown) => {
      const { hash, text } = Object(notification) as Partial<PendingNotification>;
      return typeof hash === "number" && typeof text === "string";
    });
}
