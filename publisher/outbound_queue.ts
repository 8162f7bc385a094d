import type { Channel } from "../transport/channel.ts";
import type { Clock } from "../transport/clock.ts";
import type { BufferPool } from "./buffer_pool.ts";
import {
  FRAME_OVERHEAD,
  HeldAnswers,
  type Holder,
  type LongAnswer,
  type QueueMemory,
  type SharedFrame,
} from "./queue_memory.ts";

/** Bytes on their way to one or many subscribers; never changed once queued, so that queues can share them. */
export interface OutboundFrame extends SharedFrame {
  /** What goes on the wire: a frame, or a piece of one. */
  readonly bytes: Uint8Array;
  /** How many measurements it carries. */
  readonly measurements: number;
  /** Whether it may be thrown away when the subscriber is slow: data may, answers may not. */
  readonly droppable: boolean;
  /** For data: where its packets begin. */
  readonly starts?: readonly number[];
}

/** Settings of an {@linkcode OutboundQueue}. */
export interface OutboundQueueOptions {
  /** Where the bytes go. The queue is its only writer. */
  readonly channel: Channel;
  /** For how long writes take. */
  readonly clock: Clock;
  /** Bytes of droppable frames to hold, those being written and the objects around frames included. */
  readonly limit: number;
  /**
   * Bytes of answers to hold, the objects around them included; each counts for at most 1 MiB: long ones are shared, and
   * asked for one by one.
   */
  readonly controlLimit: number;
  /** Where small frames are gathered to go out in one write. */
  readonly buffers: BufferPool;
  /** Where account is kept of what all queues hold. */
  readonly memory: QueueMemory;
  /** What is told. Called from the writer loop or a push; must not throw. */
  readonly events: OutboundQueueEvents;
}

/** What an {@linkcode OutboundQueue} tells its session. */
export interface OutboundQueueEvents {
  /** Everything that was queued has been written. */
  onIdle(): void;
  /** Data was thrown away, for this reason. */
  onDropped(reason: DropReason, measurements: number, bytes: number): void;
  /** Too many answers wait, as the text says. The queue takes no more. */
  onControlOverflow(message: string): void;
  /** Writing failed; the channel is of no more use. */
  onFailed(error: unknown): void;
}

/**
 * Why measurements that a subscriber asked for did not go out: `overflow`, its queue was full; `detached`, it was
 * waiting for its queue to drain and its group to start afresh; `closed`, its connection ended before they went.
 */
export type DropReason = "overflow" | "detached" | "closed";

/** Frames at least this long are written where they are; shorter ones are gathered. */
const DIRECT_WRITE = 65_536;
/** Gathered bytes up to so many get memory of their own, which costs less than many sessions' buffers at a time. */
const SMALL_WRITE = 16_384;
/** The most that one write carries, so that a long frame shows progress. */
const MAX_WRITE = 262_144;
/** Who has read nothing for so many milliseconds gives way to who has no room for an answer. */
const PATIENCE = 5_000;
/** Answers up to so many bytes are put together while they wait: the objects around each would take more than it does. */
const SHORT_ANSWER = 512;
/** How many bytes of them are put together at most. */
const JOINED = 4096;
/** What an answer counts for at most when it meets the limit. */
const MAX_CHARGE = 1024 ** 2;

interface QueuedFrame extends OutboundFrame {
  /** With the last piece of an answer, or several short ones together: what they count for. */
  readonly charge?: number;
  /** With several short answers together: the memory that they are the first bytes of. */
  readonly buffer?: Uint8Array;
  /** With a piece of a long answer: which. */
  readonly answer?: LongAnswer | undefined;
}

/** In the place of a frame that has been taken, so that its bytes are not held until the list is shortened. */
const TAKEN: QueuedFrame = { bytes: new Uint8Array(), holders: 0, measurements: 0, droppable: false };

/**
 * What waits to be written to one subscriber, in order, bounded in bytes, with the loop that writes it.
 *
 * Pushing never waits. When droppable frames would exceed the limit, or the queue's share of the memory while all queues
 * together hold too much, all of them are thrown away and counted: what a slow subscriber gets next should be fresh, not
 * the oldest of a backlog.
 */
export class OutboundQueue implements Holder {
  readonly held: HeldAnswers = new HeldAnswers();
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #controlLimit: number;
  readonly #buffers: BufferPool;
  readonly #memory: QueueMemory;
  readonly #events: OutboundQueueEvents;
  #frames: QueuedFrame[] = [];
  #head = 0;
  /** How much of the first frame has been written already. */
  #headOffset = 0;
  /** Frames of data that wait. */
  #dataFrames = 0;
  #dataBytes = 0;
  #controlBytes = 0;
  #charged = 0;
  /** Of the write in progress. */
  #writingData = 0;
  #writingControl = 0;
  #writingMeasurements = 0;
  /** What the write in progress holds in memory. */
  #writing: QueuedFrame | undefined;
  #running = false;
  #loop: Promise<void> = Promise.resolve();
  /** Whether it takes no more. */
  #closed = false;
  /** Whether it has let go of what waited, too. */
  #over = false;
  #writingSince: number | undefined;
  #waiters: { below: number; resolve: () => void }[] = [];

  /** Bytes written. */
  sentBytes = 0;
  /** Those of them that were data. */
  sentDataBytes = 0;
  /** Measurements written. */
  sentMeasurements = 0;
  /** Writes made. */
  writes = 0;
  /** How many bytes of data were allowed when it last overflowed. */
  overflowLimit = 0;

  /** See {@linkcode OutboundQueueOptions}. */
  constructor(options: OutboundQueueOptions) {
    this.#channel = options.channel;
    this.#clock = options.clock;
    this.#limit = options.limit;
    this.#controlLimit = options.controlLimit;
    this.#buffers = options.buffers;
    this.#memory = options.memory;
    this.#events = options.events;
    this.#memory.join(this);
  }

  /** Whether nothing waits and nothing is being written: the subscriber takes all that it gets. */
  get idle(): boolean {
    return !this.#running;
  }

  /** Bytes of data that wait, those being written included. */
  get dataBytes(): number {
    return this.#dataBytes + this.#writingData;
  }

  /** Bytes of answers that wait, those being written included. */
  get controlBytes(): number {
    return this.#controlBytes + this.#writingControl;
  }

  /** Frames, or pieces of them, that wait; short answers that wait together count as one. */
  get depth(): number {
    return this.#frames.length - this.#head;
  }

  /** For how many milliseconds the present write has been waiting for the subscriber; 0 when there is none. */
  get stalledFor(): number {
    return this.#writingSince === undefined ? 0 : this.#clock.monotonic() - this.#writingSince;
  }

  /**
   * Makes room for an answer among those of all queues. One that is pushed without that is taken all the same.
   *
   * @throws {SttpError} `LimitExceeded` when there is none.
   */
  makeRoom(pieces: readonly Uint8Array[]): void {
    // For who is gone nobody else is to give way.
    if (!this.#closed) this.#memory.makeRoom(pieces, this);
  }

  get isStuck(): boolean {
    return this.stalledFor >= PATIENCE;
  }

  giveWay(): void {
    const { controlBytes, stalledFor } = this;
    this.close();
    // The write in progress ends with the connection, a moment later: for this account it is over.
    this.#releaseWriting();
    const seconds = Math.floor(stalledFor / 1000);
    this.#events.onControlOverflow(
      `${controlBytes} bytes of answers waited that were not read for ${seconds} s, and others needed the memory`,
    );
  }

  /** Queues an answer, in one piece or several. */
  pushControl(answer: Uint8Array | readonly Uint8Array[]): void {
    if (this.#closed) return;
    const pieces = (answer instanceof Uint8Array ? [answer] : answer).filter(({ length }) => length > 0);
    const length = pieces.reduce((sum, { length }) => sum + length, 0);
    const charge = Math.min(length, MAX_CHARGE) + FRAME_OVERHEAD * pieces.length;
    if (this.#charged + charge > this.#controlLimit) {
      this.#closed = true;
      this.#events.onControlOverflow(`more than ${this.#controlLimit} bytes of answers waited`);
      return;
    }
    this.#charged += charge;
    if (!this.#join(pieces, length, charge)) this.#pushPieces(pieces, charge);
  }

  /** Queues pieces that the caller keeps within bounds of its own; they are not dropped. */
  pushBounded(pieces: readonly Uint8Array[]): void {
    if (this.#closed) return;
    this.#pushPieces(pieces.filter(({ length }) => length > 0), 0);
  }

  /** Puts a short answer together with those that wait last. @returns Whether they are short, too, and leave room. */
  #join(pieces: readonly Uint8Array[], length: number, charge: number): boolean {
    const last = this.#frames.at(-1);
    if (length > SHORT_ANSWER || last === undefined || last.droppable || last.answer !== undefined) {
      return false;
    }
    const from = last.bytes.length;
    let { buffer } = last;
    if (from > (buffer === undefined ? SHORT_ANSWER : JOINED - length)) return false;
    if (buffer === undefined || from + length > buffer.length) {
      // Where data comes between them it is for two only, which are to take no more room than apart.
      const size = Math.max(from + length, buffer === undefined ? 0 : 2 * buffer.length);
      buffer = new Uint8Array(Math.min(size, JOINED));
      buffer.set(last.bytes);
      this.#memory.holdAnswer([buffer], this);
      this.#release(last);
    }
    let end = from;
    for (const piece of pieces) {
      buffer.set(piece, end);
      end += piece.length;
    }
    this.#frames[this.#frames.length - 1] = {
      ...last,
      bytes: buffer.subarray(0, end),
      buffer,
      charge: (last.charge ?? 0) + charge,
    };
    this.#controlBytes += length;
    return true;
  }

  #pushPieces(pieces: readonly Uint8Array[], charge: number): void {
    const answer = this.#memory.holdAnswer(pieces, this);
    pieces.forEach((bytes, i) => {
      const isLast = i === pieces.length - 1;
      // Its holders are counted by its bytes.
      this.#frames.push({
        bytes,
        holders: 0,
        measurements: 0,
        droppable: false,
        charge: isLast ? charge : 0,
        answer,
      });
      this.#controlBytes += bytes.length;
    });
    this.#start();
  }

  /**
   * Queues data.
   *
   * @returns Whether it was taken; if not, it and all data that waited has been dropped.
   */
  pushData(frame: OutboundFrame): boolean {
    if (this.#closed) {
      this.#events.onDropped("closed", frame.measurements, frame.bytes.length);
      return true;
    }
    const limit = Math.min(this.#limit, this.#memory.dataLimit);
    if (this.dataBytes + frame.bytes.length + FRAME_OVERHEAD * (this.#dataFrames + 1) > limit) {
      this.overflowLimit = Math.floor(limit);
      this.#dropData("overflow", frame.measurements, frame.bytes.length);
      return false;
    }
    this.#frames.push(frame);
    this.#dataFrames++;
    this.#dataBytes += frame.bytes.length;
    this.#memory.hold(frame);
    this.#start();
    return true;
  }

  /** Resolves when at most `bytes` of answers wait, or the queue is closed. */
  controlBelow(bytes: number): Promise<void> {
    if (this.#closed || this.controlBytes <= bytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ below: bytes, resolve }));
  }

  /** Resolves when nothing is being written any more. */
  async drained(): Promise<void> {
    while (this.#running) await this.#loop;
  }

  /**
   * Drops what waits, counting the data under `closed`, and takes no more.
   *
   * @returns When the write in progress is over, which the channel must have been closed for if it may hang.
   */
  close(): Promise<void> {
    if (!this.#over) {
      this.#over = this.#closed = true;
      this.#dropData("closed", 0, 0);
      for (const frame of this.#frames) this.#release(frame);
      this.#frames = [];
      this.#controlBytes = 0;
      this.#memory.leave(this);
      this.#wake();
    }
    return this.#loop;
  }

  #dropData(reason: DropReason, measurements: number, bytes: number): void {
    const kept: QueuedFrame[] = [];
    let keptBytes = 0;
    for (let i = this.#head; i < this.#frames.length; i++) {
      const frame = this.#frames[i]!;
      const begun = i === this.#head && this.#headOffset > 0;
      if (!frame.droppable) {
        kept.push(frame);
      } else if (begun && !this.#closed) {
        // The rest of a frame must follow its start.
        kept.push(frame);
        keptBytes = frame.bytes.length - this.#headOffset;
      } else {
        measurements += frame.measurements;
        bytes += frame.bytes.length - (begun ? this.#headOffset : 0);
        this.#release(frame);
      }
    }
    this.#frames = kept;
    this.#head = 0;
    this.#dataFrames = keptBytes > 0 ? 1 : 0;
    this.#dataBytes = keptBytes;
    if (bytes > 0) this.#events.onDropped(reason, measurements, bytes);
  }

  #start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#loop = this.#run();
  }

  async #run(): Promise<void> {
    // What is pushed in the same turn goes out in the same write.
    await undefined;
    let gathering: Uint8Array<ArrayBuffer> | undefined;
    try {
      while (!this.#closed && this.depth > 0) {
        let bytes = this.#takeDirect();
        if (bytes === undefined) {
          const length = this.#gatherable();
          bytes = length <= SMALL_WRITE
            ? new Uint8Array(length)
            : (gathering ??= this.#buffers.take()).subarray(0, length);
          this.#gather(bytes);
        }
        this.#writingSince = this.#clock.monotonic();
        await this.#channel.write(bytes);
        this.#settle(bytes.length);
      }
      this.#running = false;
      if (!this.#closed) this.#events.onIdle();
    } catch (error) {
      this.#running = false;
      this.#lose();
      this.#events.onFailed(error);
    } finally {
      if (gathering !== undefined) this.#buffers.give(gathering);
    }
  }

  /** The next write when it needs no gathering: a long frame, or a lone one. */
  #takeDirect(): Uint8Array | undefined {
    const frame = this.#frames[this.#head]!;
    const left = frame.bytes.length - this.#headOffset;
    if (left < DIRECT_WRITE && this.depth > 1) return undefined;
    const from = this.#headOffset;
    if (left <= MAX_WRITE) {
      this.#take(frame, left);
      this.#writing = frame;
      return from === 0 ? frame.bytes : frame.bytes.subarray(from);
    }
    this.#headOffset += MAX_WRITE;
    this.#account(frame, MAX_WRITE);
    return frame.bytes.subarray(from, from + MAX_WRITE);
  }

  /** How many bytes of short frames can go out together. */
  #gatherable(): number {
    let length = 0;
    for (let i = this.#head; i < this.#frames.length; i++) {
      const left = this.#frames[i]!.bytes.length - (i === this.#head ? this.#headOffset : 0);
      if (left >= DIRECT_WRITE || left > this.#buffers.size - length) break;
      length += left;
    }
    return length;
  }

  /** Copies frames until they fill a buffer. */
  #gather(into: Uint8Array): void {
    for (let length = 0; length < into.length;) {
      const frame = this.#frames[this.#head]!;
      const left = frame.bytes.length - this.#headOffset;
      into.set(this.#headOffset === 0 ? frame.bytes : frame.bytes.subarray(this.#headOffset), length);
      length += left;
      this.#take(frame, left);
      this.#release(frame);
    }
    this.#writing = { bytes: into, holders: 0, measurements: 0, droppable: true };
    this.#memory.hold(this.#writing);
  }

  #take(frame: QueuedFrame, bytes: number): void {
    this.#headOffset = 0;
    this.#frames[this.#head++] = TAKEN;
    if (this.#head === this.#frames.length) {
      this.#frames.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && 2 * this.#head >= this.#frames.length) {
      this.#frames.splice(0, this.#head);
      this.#head = 0;
    }
    this.#account(frame, bytes);
    this.#writingMeasurements += frame.measurements;
    this.#charged -= frame.charge ?? 0;
    if (frame.droppable) this.#dataFrames--;
  }

  /** Lets go of a frame's memory. */
  #release(frame: QueuedFrame): void {
    if (frame.droppable) this.#memory.release(frame);
    else this.#memory.releasePiece(frame.buffer ?? frame.bytes, this, frame.answer);
  }

  /** Moves bytes from those that wait to those being written. */
  #account(frame: OutboundFrame, bytes: number): void {
    if (frame.droppable) {
      this.#dataBytes -= bytes;
      this.#writingData += bytes;
    } else {
      this.#controlBytes -= bytes;
      this.#writingControl += bytes;
    }
  }

  #settle(bytes: number): void {
    this.sentBytes += bytes;
    this.sentDataBytes += this.#writingData;
    this.sentMeasurements += this.#writingMeasurements;
    this.writes++;
    this.#endWrite();
    if (this.#waiters.length > 0) this.#wake();
  }

  /** Counts what a failed write carried. */
  #lose(): void {
    if (this.#writingData > 0) {
      this.#events.onDropped("closed", this.#writingMeasurements, this.#writingData);
    }
    this.#endWrite();
    this.close();
  }

  #endWrite(): void {
    this.#writingData = this.#writingControl = this.#writingMeasurements = 0;
    this.#writingSince = undefined;
    this.#releaseWriting();
  }

  #releaseWriting(): void {
    if (this.#writing !== undefined) this.#release(this.#writing);
    this.#writing = undefined;
  }

  #wake(): void {
    const { controlBytes } = this;
    this.#waiters = this.#waiters.filter(({ below, resolve }) => {
      if (!this.#closed && controlBytes > below) return true;
      resolve();
      return false;
    });
  }
}
