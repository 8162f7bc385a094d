/**
 * A subscriber's connections, one after the other, and what it asks for on each.
 *
 * @module
 */
import type { Channel, PeerInfo } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { Backoff, pause } from "../transport/reconnect.ts";
import type { Taps } from "../transport/taps.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import type { ChannelSource } from "./channel_source.ts";
import { isRefusal } from "./exchange.ts";
import type { GapRecovery } from "./gap_recovery.ts";
import { type HistoryConnection, SharedHistory } from "./history.ts";
import type { ReceivedMetadata } from "./metadata.ts";
import type { SubscribeOptions } from "./options.ts";
import { Session } from "./session.ts";
import type { SessionHost } from "./session_state.ts";
import type { CloseReason } from "./status.ts";
import { Turns } from "./turns.ts";

/** Where a subscriber is. */
export type SubscriberState =
  /** Not running: not yet connected, or closed. */
  | "idle"
  /** A connection is being made. */
  | "connecting"
  /** A publisher is waited for, which connects. */
  | "listening"
  /** Connected; metadata and subscription are being asked for. */
  | "preparing"
  /** Connected and ready. */
  | "connected"
  /** The connection was lost; another attempt follows after a delay. */
  | "waiting";

const transitions: Readonly<Record<SubscriberState, readonly SubscriberState[]>> = {
  idle: ["connecting", "listening"],
  connecting: ["preparing", "waiting", "idle"],
  listening: ["preparing", "idle"],
  preparing: ["connected", "waiting", "listening", "idle"],
  connected: ["waiting", "listening", "idle"],
  waiting: ["connecting", "idle"],
};

/** The least time between two renewals of metadata and subscription, in milliseconds. */
const leastRest = 1000;

/** What there should be a subscription to. */
export interface Wanted {
  /** What is, or will be, subscribed to. */
  subscription: SubscribeOptions;
  /** Whether there should be a subscription: at the next connection, too. */
  subscribing: boolean;
}

/** What a run needs from its subscriber. */
export interface RunHost extends Omit<SessionHost, "observe" | "historyBegins" | "configurationChanged"> {
  /** What to subscribe to; it may change. */
  readonly wanted: Readonly<Wanted>;
  /** Where metadata goes. */
  readonly metadata: ReceivedMetadata;
  /** Those who look at what comes in. */
  readonly taps: Taps;
  /** Told of live data and of the loss of a connection. */
  readonly gaps: GapRecovery | undefined;
  /** The run is over. */
  readonly onEnd: (reason: CloseReason) => void;
}

/** From `connect()`, `listen()` or the first `serve()` to the end. */
export class Run {
  /** Where the connections come from. */
  readonly source: ChannelSource;
  /** Settles when there is a connection that can do what it was made for, or when there will be none. */
  readonly ready: Promise<void>;
  /** Resolves when the run is over. Never rejects. */
  readonly ended: Promise<void>;
  readonly #host: RunHost;
  readonly #retry: boolean;
  readonly #stop = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #state: SubscriberState = "idle";
  /** Whether there was a connection that could do what it was made for. */
  #established: boolean;
  #session: Session | undefined;
  #peer: PeerInfo | undefined;
  /** The connection while it is lent, in the place of live data; and who wants it next. */
  #lent: Session | undefined;
  readonly #borrowers = new Turns();
  /** Whether metadata and subscription are being renewed, and whether they have to be once more. */
  #renewing: "no" | "yes" | "again" = "no";
  /** When they may be renewed once more, so that a publisher can't keep its subscribers busy with that. */
  #restedAt = -Infinity;

  /**
   * Nothing happens before {@linkcode Run.start}.
   *
   * @param source Where connections come from; closed at the end.
   * @param retry Whether to keep trying when the first does not come about.
   */
  constructor(source: ChannelSource, retry: boolean, host: RunHost) {
    this.source = source;
    this.#retry = retry;
    this.#host = host;
    // To whom we listen we are never the ones to give up.
    this.#established = source.incoming;
    this.ready = this.#ready.promise;
    this.ended = this.#ended.promise;
    // Not everybody waits for it.
    this.ready.catch(() => {});
  }

  /** Where it is. */
  get state(): SubscriberState {
    return this.#state;
  }

  /** The connection that there is, if there is one. */
  get session(): Session | undefined {
    return this.#session;
  }

  /** Who is at the other end of it. */
  get peer(): PeerInfo | undefined {
    return this.#peer;
  }

  /** Begins. */
  start(): void {
    this.#supervise().then(this.#ended.resolve);
  }

  /** Ends it. @param reason The error for those who wait. */
  stop(reason: SttpError): void {
    this.#stop.abort(reason);
  }

  /** Whether history is being read over the connection, in the place of live data. */
  get isLent(): boolean {
    return this.#lent !== undefined && this.#lent === this.#session;
  }

  /**
   * The connection, for reading history in the place of live data, which goes on when the history is closed. One reader
   * at a time, others wait.
   *
   * @throws {SttpError} `Closed` when there is no connection; `ConnectionLost`, `Aborted`.
   */
  async borrow(signal: AbortSignal | undefined): Promise<HistoryConnection> {
    const { options, wanted, gaps } = this.#host;
    const endTurn = await this.#borrowers.next(signal, "history()");
    const session = this.#session;
    if (session === undefined) {
      endTurn();
      throw new SttpError("Closed", "there is no connection to a publisher");
    }
    this.#lent = session;
    // Whoever has it may not come to give it back.
    session.ended.then(endTurn);
    const giveBack = async (): Promise<void> => {
      if (this.#lent === session) this.#lent = undefined;
      endTurn();
      if (session.state !== "closed") await this.#resume(session);
    };
    try {
      await session.unsubscribe(signal);
      gaps?.interrupted(wanted.subscription.filter ?? "");
    } catch (error) {
      await giveBack();
      throw error;
    }
    return new SharedHistory(session, options, giveBack);
  }

  /** Subscribes to live data again; without an answer, only another connection helps. */
  async #resume(session: Session): Promise<void> {
    const { wanted, emit } = this.#host;
    if (!wanted.subscribing || this.isLent) return;
    try {
      await session.subscribe(wanted.subscription);
    } catch (error) {
      if (session.state === "closed") return;
      if (isRefusal(error)) emit({ kind: "subscribeFailed", error: asSttpError(error) });
      else session.close(asSttpError(error));
    }
  }

  #enter(state: SubscriberState): void {
    if (!transitions[this.#state].includes(state)) {
      throw new SttpError("InvalidState", `a subscriber can't go from ${this.#state} to ${state}`);
    }
    this.#state = state;
  }

  /** Runs until there is a reason not to go on. Never rejects. */
  async #supervise(): Promise<void> {
    const { signal } = this.#stop;
    const { options: { reconnect, clock }, emit } = this.#host;
    const backoff = reconnect && new Backoff(reconnect);
    const { address, incoming } = this.source;
    let reason: CloseReason | undefined;
    while (reason === undefined) {
      this.#enter(incoming ? "listening" : "connecting");
      if (incoming) emit({ kind: "listening", address });
      else emit({ kind: "connecting", address, attempt: backoff?.attempt ?? 0 });
      let readyAt: number | undefined;
      const { refused, error } = await this.#connection(() => {
        readyAt = clock.monotonic();
        this.#established = true;
        this.#ready.resolve();
      });
      if (readyAt !== undefined) backoff?.lasted(clock.monotonic() - readyAt);
      if (signal.aborted) {
        reason = { kind: "disconnected" };
      } else if (incoming) {
        emit({ kind: "connectionLost", error });
      } else if (refused) {
        reason = { kind: "refused", error };
      } else if (!this.#established && !this.#retry) {
        reason = { kind: "connectFailed", error };
      } else {
        emit({ kind: "connectionLost", error });
        const delayMilliseconds = backoff?.next();
        if (backoff === undefined || delayMilliseconds === undefined) {
          reason = { kind: "lost", error };
        } else {
          this.#enter("waiting");
          emit({ kind: "reconnecting", attempt: backoff.attempt, delayMilliseconds });
          await pause(clock, delayMilliseconds, signal);
          if (signal.aborted) reason = { kind: "disconnected" };
        }
      }
    }
    await this.source.close();
    this.#enter("idle");
    // No effect when connect() has its answer already.
    this.#ready.reject(reason.kind === "disconnected" ? signal.reason : reason.error);
    this.#host.onEnd(reason);
  }

  /** One connection from its opening to its end. @returns Why it ended, and whether coming back would not help. */
  async #connection(onReady: () => void): Promise<{ refused: boolean; error: SttpError }> {
    const { signal } = this.#stop;
    const { wanted, taps, gaps, counters, emit } = this.#host;
    let channel: Channel;
    try {
      channel = await this.source.next(signal);
    } catch (error) {
      return { refused: false, error: asSttpError(error) };
    }
    const session: Session = new Session(channel, {
      ...this.#host,
      observe: (batch: MeasurementBatch, from: number, isDatagram: boolean) => {
        taps.show(batch, from);
        if (gaps === undefined || isDatagram || !isWhole(wanted.subscription)) return;
        gaps.observe(batch, from, this.isLent);
      },
      historyBegins: () => gaps?.beginGap(wanted.subscription.filter ?? ""),
      configurationChanged: () => {
        counters.configurationChanges++;
        emit({ kind: "configurationChanged" });
        this.#renew(session);
      },
    });
    const close = (): void => session.close();
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) close();
    this.#enter("preparing");
    this.#session = session;
    this.#peer = channel.peer;
    this.#renewing = "yes";
    session.start();
    const failure = await this.#prepare(session, !this.#established);
    // connect() reports what goes wrong the first time; later it is the status that does, and a connection on which
    // only the subscription was refused is kept: a change of the publisher's configuration may bring it back.
    const isKept = failure === undefined || (this.#established && failure.code === "Refused");
    if (!isKept) {
      session.close();
    } else if (session.state !== "closed") {
      if (failure !== undefined) emit({ kind: "subscribeFailed", error: failure });
      this.#enter("connected");
      onReady();
    }
    this.#renewed(session);
    const end = await session.ended;
    // What is recovered may be in its consumer's hands for long, while there is nothing to subscribe over.
    this.#session = this.#peer = undefined;
    await gaps?.lost(wanted.subscription.filter ?? "");
    signal.removeEventListener("abort", close);
    if (end.kind !== "closed") return { refused: end.kind === "refused", error: end.error };
    return { refused: failure?.code === "Refused", error: failure ?? end.error };
  }

  /**
   * Gets metadata and subscription.
   *
   * @param isFirst Whether filters for metadata that the publisher refuses are a failure: later they were good once.
   * @returns Why there is no subscription, if there should be one; or why it can't be meant so.
   */
  async #prepare(session: Session, isFirst: boolean = false): Promise<SttpError | undefined> {
    const { options: { autoRequestMetadata, metadataFilters }, metadata, wanted, emit } = this.#host;
    try {
      // It may take long to read, and another connection may bring the next.
      if (autoRequestMetadata) await metadata.refresh(session, metadataFilters, session.over);
    } catch (error) {
      // A publisher may forbid it, and a subscription does not need it.
      const failure = asSttpError(error);
      if (session.state === "closed") return failure;
      emit({ kind: "metadataFailed", error: failure });
      if (isFirst && metadataFilters !== "" && failure.code === "Refused") return failure;
    }
    try {
      if (wanted.subscribing && !this.isLent) await session.subscribe(wanted.subscription);
    } catch (error) {
      return asSttpError(error);
    }
    return undefined;
  }

  /**
   * Gets metadata and subscription anew, after what is under way and a pause as long as that took; once for any number of
   * changes meanwhile.
   */
  async #renew(session: Session): Promise<void> {
    if (this.#renewing !== "no") {
      this.#renewing = "again";
      return;
    }
    this.#renewing = "again";
    const { options: { clock }, emit } = this.#host;
    const delay = this.#restedAt - clock.monotonic();
    if (delay > 0) await pause(clock, delay, session.over);
    if (session.over.aborted) return;
    this.#renewing = "yes";
    const begun = clock.monotonic();
    const failure = await this.#prepare(session);
    const done = clock.monotonic();
    this.#restedAt = done + Math.max(done - begun, leastRest);
    if (session.over.aborted) return;
    if (failure !== undefined) emit({ kind: "subscribeFailed", error: failure });
    this.#renewed(session);
  }

  #renewed(session: Session): void {
    const again = this.#renewing === "again";
    this.#renewing = "no";
    if (again && session.state !== "closed") this.#renew(session);
  }
}

/** Whether a subscription asks for all live data, so that a gap shows. */
export function isWhole({ throttled, includeTime = true, startTimeConstraint }: SubscribeOptions): boolean {
  return !throttled && includeTime && startTimeConstraint === undefined;
}

/** Whether an operation failed because the connection went, which has nothing to do with what was asked for. */
export function isLoss(error: unknown, session: Session): boolean {
  if (session.state !== "closed" || !(error instanceof SttpError)) return false;
  return error.code === "ConnectionLost" || error.code === "TimedOut" || error.code === "Closed";
}

function asSttpError(error: unknown): SttpError {
  if (error instanceof SttpError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SttpError("ConnectFailed", `no connection could be made: ${message}`, { cause: error });
}
