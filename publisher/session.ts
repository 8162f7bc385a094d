import type { Channel } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { BufferBlockFlags, Command, commandName, Response } from "../transport/wire/codes.ts";
import { encodeDataStartTime } from "../transport/wire/data_packet.ts";
import {
  encodeResponse,
  FRAME_HEADER_LENGTH,
  FrameReader,
  readCommand,
  RESPONSE_HEADER_LENGTH,
  writeResponseHeader,
} from "../transport/wire/frame.ts";
import { encodeNotification } from "../transport/wire/notification.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import type { DataChannelSettings } from "../transport/wire/subscribe.ts";
import { encodeText, type TextEncoding } from "../transport/wire/text.ts";
import type { BufferPool } from "./buffer_pool.ts";
import {
  BufferBlockSender,
  type BufferPayload,
  compressesBlocks,
  type SignalPlace,
} from "./buffer_blocks.ts";
import { CacheSwitch } from "./cache_switch.ts";
import { handlerOf } from "./commands.ts";
import { Counters } from "./counters.ts";
import { DataChannel, DatagramTotals, destinationOf, sealFrame } from "./data_channel.ts";
import type { DatagramSockets } from "./datagram_sockets.ts";
import type { Definition } from "./definition.ts";
import { formatName } from "./delivery.ts";
import type { MemberSink } from "./group.ts";
import type { MetadataBody } from "./metadata_body.ts";
import type { CheckedOptions } from "./options.ts";
import { identityOf, type NotificationFeed, type Notifications } from "./notifications.ts";
import { type OutboundFrame, OutboundQueue } from "./outbound_queue.ts";
import { PayloadCipher } from "./payload_cipher.ts";
import { Replay } from "./replay.ts";
import type { Placement, Router } from "./router.ts";
import { type CloseReason, type SessionState, SessionTransitions } from "./session_state.ts";
import { nextTurn } from "./shared_gzip.ts";
import type { ConnectionSnapshot, SubscriptionSnapshot } from "./snapshot.ts";
import type { ConnectionReference, PublisherStatus } from "./status.ts";
import type { Subscription } from "./subscription.ts";
import type { Temporal } from "./temporal.ts";
import { UserCommands } from "./user_commands.ts";

/** What a session needs of its publisher. */
export interface SessionHost {
  /** The publisher's options. */
  readonly options: CheckedOptions;
  /** The metadata in force; `undefined` when none is defined. */
  readonly definition: Definition | undefined;
  /** What handles mean. */
  readonly signals: SignalTable;
  /** Brings data to sessions. */
  readonly router: Router;
  /** Buffers to gather small writes in. */
  readonly writeBuffers: BufferPool;
  /** Where data over UDP leaves from; `undefined` when there is none. */
  readonly datagramSockets: DatagramSockets | undefined;
  /** What subscribers are notified of. */
  readonly notifications: Notifications;
  /** Tells the application. */
  emit(event: PublisherStatus): void;
}

/** How much an idle session reads at a time: commands are short. */
const READ_SIZE = 1024;
/** Answers that may wait before the next command is taken: a subscriber that does not read is not served further. */
const ANSWERS_AHEAD = 262_144;
/** Bytes of answers that may wait when another notification is sent. */
const NOTIFY_AHEAD = 16_384;
/** For how long a refused subscriber may read why, in milliseconds (§2). */
const LEAVING_TIME = 1000;
/** For how long one subscriber's commands may keep the others waiting, in milliseconds. */
const COMMAND_SLICE = 10;

/**
 * One subscriber's command channel, from its first byte to its last: a state, the commands that it takes in that
 * state, timers from the host's clock, and an outbound queue.
 */
export class Session {
  /** The publisher's number for it. */
  readonly id: number;
  /** The ID that the subscriber is given in its signal index cache. */
  readonly subscriberId: string = crypto.randomUUID();
  /** What it needs of the publisher. */
  readonly host: SessionHost;
  /** Who made the connection. */
  readonly direction: "incoming" | "outgoing";
  /** Its commands to the application. */
  readonly userCommands: UserCommands = new UserCommands(this);
  readonly #channel: Channel;
  readonly #queue: OutboundQueue;
  readonly #sink: MemberSink;
  readonly #dropped = new Counters();
  readonly #events = new Counters();
  readonly #connectedAt: number;
  #lastReceivedAt: number;
  #receivedBytes = 0;
  #state: SessionState = "awaitingModes";
  /** Why it was refused; that the subscriber then closes the connection is no reason of its own. */
  #farewell: { reason: CloseReason; message: string } | undefined;
  #closed: { at: number; reason: CloseReason; message: string } | undefined;
  #modes: OperationalModes | undefined;
  #encodingAskedFor: TextEncoding = "utf-8";
  #algorithms = "";
  #caches: CacheSwitch<Subscription> | undefined;
  #placement: Placement | undefined;
  /** History for the subscription in force, running or over. */
  #replay: Replay | undefined;
  /** Where data goes; `undefined`: over the command channel. */
  #dataChannel: DataChannel | undefined;
  readonly #datagrams = new DatagramTotals();
  #cipher: PayloadCipher | undefined;
  #notifications: NotificationFeed | undefined;
  #bufferBlocks: BufferBlockSender | undefined;
  #configurationChangedWaits = false;
  #overflowed = false;
  #cancelTimer: () => void;

  /** @param direction Who made the connection: the subscriber, or the publisher. */
  constructor(
    id: number,
    channel: Channel,
    host: SessionHost,
    direction: "incoming" | "outgoing" = "incoming",
  ) {
    const { options, writeBuffers } = host;
    const { clock } = options;
    this.id = id;
    this.host = host;
    this.direction = direction;
    this.#channel = channel;
    this.#connectedAt = this.#lastReceivedAt = clock.now();
    this.#queue = new OutboundQueue({
      channel,
      clock,
      limit: options.outboundQueueLimit,
      controlLimit: options.controlQueueLimit,
      buffers: writeBuffers,
      events: {
        onIdle: () => this.#onIdle(),
        onDropped: (reason, measurements) => this.#dropped.add(reason, measurements),
        onControlOverflow: () =>
          this.#closeSoon(
            "controlOverflow",
            `more than ${options.controlQueueLimit} bytes of answers waited`,
          ),
        onFailed: (error) => this.close("connectionLost", messageOf(error)),
      },
    });
    this.#sink = this.#createSink();
    this.#cancelTimer = clock.schedule(
      options.handshakeTimeout,
      () => this.close("handshakeTimeout", `no operational modes within ${options.handshakeTimeout} ms`),
    );
  }

  /** Where it stands. */
  get state(): SessionState {
    return this.#state;
  }

  /** For events. */
  get reference(): ConnectionReference {
    return { id: this.id, address: this.#channel.peer.address };
  }

  /** What was agreed. @throws {SttpError} `InvalidState` before that. */
  get modes(): OperationalModes {
    if (this.#modes === undefined) throw new SttpError("InvalidState", "no operational modes are agreed yet");
    return this.#modes;
  }

  /** The session's encoding; before one is agreed the one that was asked for, and before that UTF-8. */
  get encoding(): TextEncoding {
    return this.#modes?.encoding ?? this.#encodingAskedFor;
  }

  /** The subscriber can read texts in this encoding, whether or not its modes are granted. */
  askedFor(encoding: TextEncoding | undefined): void {
    if (encoding !== undefined) this.#encodingAskedFor = encoding;
  }

  /** Resolves when nothing waits to be written any more. */
  async drained(): Promise<void> {
    await this.#queue.drained();
    await this.#dataChannel?.drained();
  }

  /** Serves the subscriber until the connection ends, whoever ends it. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#read();
      this.close("peerClosed", "the subscriber closed the connection");
    } catch (error) {
      this.#fail(error);
    }
    await this.#queue.close();
  }

  #fail(error: unknown): void {
    if (!(error instanceof SttpError)) {
      this.host.emit({ kind: "internalError", message: messageOf(error), cause: error });
      this.close("internalError", "an internal error occurred");
    } else if (error.code !== "FrameTooLong") {
      this.close("connectionLost", error.message);
    } else if (this.#state === "awaitingModes") {
      this.close("notSttp", `the first ${error.message}: this is not STTP`);
    } else {
      this.close("frameTooLong", error.message);
    }
  }

  async #read(): Promise<void> {
    const { limits, clock } = this.host.options;
    const frames = new FrameReader({ maxLength: limits.handshakeFrameLength, readSize: READ_SIZE });
    for (;;) {
      const length = await this.#channel.read(frames.writable());
      if (length === null || this.#state === "closed") return;
      this.#receivedBytes += length;
      this.#lastReceivedAt = clock.now();
      // Who is leaving is read from, so that the refusal arrives, but not listened to.
      if (this.#state === "leaving") continue;
      frames.commit(length);
      let sliceStart = clock.monotonic();
      for (;;) {
        const payload = frames.next();
        if (payload === undefined) break;
        await this.#take(payload);
        if (this.#isEnding()) break;
        if (this.#state !== "awaitingModes") frames.maxLength = limits.commandFrameLength;
        if (clock.monotonic() - sliceStart > COMMAND_SLICE) {
          await nextTurn();
          sliceStart = clock.monotonic();
        }
      }
    }
  }

  #isEnding(): boolean {
    return this.#state === "closed" || this.#state === "leaving";
  }

  async #take(payload: Uint8Array): Promise<void> {
    if (payload.length === 0 && this.#state !== "awaitingModes") {
      this.#events.add("empty frame");
      return;
    }
    if (this.#state === "awaitingModes" && payload[0] !== Command.DefineOperationalModes) {
      const first = payload.length === 0 ? "an empty frame" : commandName(payload[0]!);
      this.close("notSttp", `the first command was ${first}, DefineOperationalModes expected`);
      return;
    }
    const { code, body } = readCommand(payload);
    const name = commandName(code);
    const handler = handlerOf(code);
    this.#events.add(handler === undefined ? "unknown command" : name);
    try {
      if (handler === undefined) throw new SttpError("Refused", `Command ${name} is not known here.`);
      await handler(this, body, code);
    } catch (error) {
      const message = error instanceof SttpError ? error.message : `${name} failed: internal error.`;
      if (!(error instanceof SttpError)) {
        this.host.emit({ kind: "internalError", message: messageOf(error), cause: error });
      }
      this.failed(code, message);
    }
    await this.#queue.controlBelow(ANSWERS_AHEAD);
  }

  // ---- what command handlers do ----

  /** Puts operational modes in force (§2). @throws {SttpError} `Refused` while there is a subscription. */
  agree(modes: OperationalModes, algorithms: string): void {
    if (this.#caches?.latest !== undefined || this.#caches?.isUnconfirmed) {
      throw new SttpError("Refused", "Operational modes can't be changed while there is a subscription.");
    }
    this.#modes = modes;
    this.#algorithms = algorithms;
    this.#caches = new CacheSwitch<Subscription>(modes.version, {
      sendCache: (subscription, cacheIndex) =>
        this.#queue.pushControl(subscription.cache.frame(this.subscriberId, cacheIndex)),
      activate: (subscription, cacheIndex) => this.#activate(subscription, cacheIndex),
      deactivate: () => this.#deactivate(),
    });
    if (this.#state !== "awaitingModes") return;
    this.#cancelTimer();
    this.#enter("ready");
    this.#scheduleHeartbeat();
    this.#notify(undefined);
  }

  /** Answers with text, in the session's encoding. */
  reply(response: Response, command: number, text: string): void {
    this.#queue.pushControl(encodeResponse(response, command, encodeText(text, this.encoding)));
  }

  /** Answers Failed. @param cause What the application threw, for its operators. */
  failed(code: number, message: string, cause?: unknown): void {
    if (this.#isEnding()) return;
    const command = commandName(code);
    this.#events.add(handlerOf(code) === undefined ? "unknown command failed" : `${command} failed`);
    this.host.emit({
      kind: "commandFailed",
      connection: this.reference,
      command,
      message,
      ...cause !== undefined && { cause },
    });
    this.reply(Response.Failed, code, message);
  }

  /** Answers with a body that exists already, in pieces. */
  respond(response: Response, command: number, body: MetadataBody): void {
    const header = new Uint8Array(FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH);
    writeResponseHeader(response, command, body.length, header, 0);
    this.#queue.pushControl([header, ...body.pieces]);
  }

  /** Answers Failed and ends the connection a moment later, so that the text arrives. */
  refuse(command: number, reason: CloseReason, text: string): void {
    if (this.#state !== "awaitingModes") throw new SttpError("Refused", text);
    this.reply(Response.Failed, command, text);
    this.#cancelTimer();
    this.#farewell = { reason, message: text };
    this.#enter("leaving");
    this.host.emit({ kind: "refused", connection: this.reference, message: text });
    this.#cancelTimer = this.host.options.clock.schedule(LEAVING_TIME, () => this.close(reason, text));
  }

  /** Puts a subscription in the place of the one there is, as §5 wants it. */
  subscribe(subscription: Subscription): void {
    if (this.#isEnding()) return;
    if (this.#state === "ready") this.#enter("subscribed");
    if (subscription.dataChannel !== undefined) this.#encrypt();
    if (this.#placement !== undefined) this.#placement.group.beforeMove(this.#placement.member);
    this.#caches!.subscribe(subscription);
    const filter = subscription.request.filterExpression;
    this.host.emit({
      kind: "subscribed",
      connection: this.reference,
      filter,
      signals: subscription.set.size,
    });
    this.#notify(subscription.request.assemblyInfo.source);
  }

  /** Ends the subscription, if there is one. */
  unsubscribe(): void {
    this.#bufferBlocks?.clear();
    this.#caches!.unsubscribe();
    if (this.#state !== "subscribed") return;
    this.#enter("ready");
    this.host.emit({ kind: "unsubscribed", connection: this.reference });
  }

  /** The subscriber has its new signal index cache. */
  confirmCache(): void {
    if (!this.#caches!.confirm()) this.#events.add("confirmation without a cache");
  }

  /**
   * A way for data over UDP.
   *
   * @throws {SttpError} `Refused` when there is none to this subscriber.
   */
  async openDataChannel({ localPort }: DataChannelSettings): Promise<DataChannel> {
    const { datagramSockets, options } = this.host;
    if (datagramSockets === undefined || options.udp === undefined) {
      throw new SttpError("Refused", "This publisher sends data over TCP only: leave out dataChannel.");
    }
    const to = destinationOf(this.#channel.peer.address, localPort);
    return new DataChannel({
      socket: await datagramSockets.socketTo(to.hostname),
      to,
      limit: options.udp.queueLimit,
      totals: this.#datagrams,
      onIdle: () => this.#onDataIdle(),
      onDropped: (reason, measurements) => this.#dropped.add(reason, measurements),
    });
  }

  /** Sends cipher keys, unless there are some, if payloads are to be encrypted (§12). They stay in force to the end. */
  #encrypt(): void {
    const { clock, udp } = this.host.options;
    if (udp?.encrypt !== true || this.#cipher !== undefined) return;
    this.#cipher = new PayloadCipher({
      clock,
      interval: udp.keyRotationInterval,
      send: (frame) => this.#queue.pushControl(frame),
    });
  }

  /** Replaces cipher keys. @throws {SttpError} `Refused` when there are none, or only just new ones. */
  rotateCipherKeys(): void {
    if (this.#cipher === undefined) {
      throw new SttpError("Refused", "RotateCipherKeys: payloads are not encrypted, so there are no keys.");
    }
    this.#cipher.rotate();
  }

  /** The subscriber has its new cipher keys. */
  confirmCipherKeys(): void {
    if (this.#cipher?.confirm() !== true) this.#events.add("confirmation without cipher keys");
  }

  /** The subscriber has a buffer block. */
  confirmBufferBlock(sequence: number): void {
    if (this.#bufferBlocks?.confirm(sequence) !== true) {
      this.#events.add("confirmation without a buffer block");
    }
  }

  /** Sends a buffer block, behind the data that was published before it. @returns Whether it is subscribed to and sent. */
  sendBufferBlock(handle: number, payload: BufferPayload): boolean {
    if (this.#isEnding() || this.#placeOf(handle) === undefined) return false;
    this.#placement?.group.flush();
    const place = this.#placeOf(handle);
    if (place === undefined) return false;
    this.#bufferBlocks ??= this.#createBlockSender();
    return this.#bufferBlocks.send(handle, place, payload);
  }

  #placeOf(handle: number): SignalPlace | undefined {
    const signalIndex = this.#caches?.active?.set.indexes[handle] ?? -1;
    if (signalIndex < 0) return undefined;
    return { signalIndex, cacheFlag: this.#caches!.cacheIndex === 1 ? BufferBlockFlags.CacheIndex : 0 };
  }

  #createBlockSender(): BufferBlockSender {
    const { options } = this.host;
    return new BufferBlockSender({
      clock: options.clock,
      options: options.bufferBlocks,
      compresses: compressesBlocks(this.modes, this.#algorithms),
      timeout: () => 1000 * (this.#caches?.latest?.request.bufferBlockRetransmissionTimeout ?? 5),
      waitingBytes: () => this.#queue.controlBytes,
      cipher: () => this.#cipher,
      placeOf: (handle) => this.#placeOf(handle),
      send: (frame) => {
        const { udp } = options;
        if (udp === undefined || this.#dataChannel?.sendBlock(frame, udp.maxDatagramLength) !== true) {
          this.#queue.pushBounded(frame);
        }
      },
    });
  }

  /** The subscriber has a notification. */
  confirmNotification(hash: number): void {
    if (this.#notifications?.confirm(hash) !== true) this.#events.add("confirmation without a notification");
  }

  /** Sends notifications from here on, if it can be told whose they are. @param source What the client calls itself. */
  #notify(source: string | undefined): void {
    const identity = this.#notifications === undefined && identityOf(this.#channel.peer, source);
    if (!identity) return;
    this.#notifications = this.host.notifications.attach(identity, {
      send: (notification) =>
        this.#queue.pushControl(
          encodeResponse(
            Response.Notify,
            Command.Subscribe,
            encodeNotification(notification, this.encoding),
          ),
        ),
      room: () => this.#queue.controlBelow(NOTIFY_AHEAD),
    });
  }

  // ---- what the publisher does ----

  /** Tells the subscriber that metadata has changed; once is enough while it has not read that. */
  configurationChanged(): void {
    if (this.#modes === undefined || this.#isEnding() || this.#configurationChangedWaits) return;
    this.#configurationChangedWaits = true;
    this.#queue.pushControl(encodeResponse(Response.ConfigurationChanged, Command.Subscribe));
  }

  /** Ends the connection at once. Of several reasons the first counts. */
  close(reason: CloseReason, message: string): void {
    if (this.#state === "closed") return;
    this.#enter("closed");
    this.#closed = { at: this.host.options.clock.now(), ...this.#farewell ?? { reason, message } };
    this.#cancelTimer();
    this.#cipher?.dispose();
    this.#notifications?.detach();
    this.#bufferBlocks?.clear();
    // First, so that the last of the group's open packet is counted and not queued.
    this.#queue.close();
    this.#deactivate();
    this.#channel.close();
  }

  /** Closes when the present publication is over, which must not lose members on its way. */
  #closeSoon(reason: CloseReason, message: string): void {
    queueMicrotask(() => this.close(reason, message));
  }

  #enter(state: SessionState): void {
    if (!SessionTransitions[this.#state].includes(state)) {
      throw new SttpError("InvalidState", `a session can't go from ${this.#state} to ${state}`);
    }
    this.#state = state;
  }

  #scheduleHeartbeat(): void {
    const { clock, heartbeatInterval, stallTimeout } = this.host.options;
    this.#cancelTimer = clock.schedule(heartbeatInterval, () => {
      this.#scheduleHeartbeat();
      const stalledFor = this.#queue.stalledFor;
      if (stallTimeout > 0 && stalledFor >= stallTimeout) {
        this.close("stalled", `the subscriber read nothing for ${Math.round(stalledFor / 1000)} s`);
      } else if (this.#queue.idle) {
        // With something on its way already there is no need to say that we live.
        this.#queue.pushControl(encodeResponse(Response.NoOP, Command.Subscribe));
      }
    });
  }

  // ---- data ----

  #activate(subscription: Subscription, cacheIndex: 0 | 1): void {
    this.#deactivate();
    const { set, delivery } = subscription;
    this.#dataChannel = subscription.dataChannel;
    if (subscription.temporal !== undefined) {
      return this.#startReplay(subscription, subscription.temporal, cacheIndex);
    }
    if (set.size === 0) return;
    this.#placement = this.host.router.join(set, delivery, this.#sink, cacheIndex);
  }

  #startReplay(subscription: Subscription, temporal: Temporal, cacheIndex: 0 | 1): void {
    const { options: { clock }, signals, router, emit } = this.host;
    this.#replay = new Replay({
      clock,
      signals,
      router,
      subscription,
      temporal,
      sink: this.#sink,
      cacheIndex,
      waiting: () => this.#dataChannel?.waiting ?? this.#queue.dataBytes,
      onComplete: (text) => {
        this.#leaveGroup();
        this.#processingComplete(text);
      },
      onFailed: (error) => emit({ kind: "internalError", message: messageOf(error), cause: error }),
    });
    this.#placement = this.#replay.placement;
  }

  /** History for the subscription in force is at its end (§11). */
  #processingComplete(message: string): void {
    if (this.#state === "closed") return;
    const body = encodeText(message, this.encoding);
    this.#queue.pushControl(encodeResponse(Response.ProcessingComplete, Command.Subscribe, body));
    this.host.emit({ kind: "processingComplete", connection: this.reference, message });
  }

  /** Changes the pace of history. @returns Whether the latest subscription is about history. */
  setProcessingInterval(interval: number): boolean {
    const temporal = this.#caches?.latest?.temporal;
    if (temporal === undefined) return false;
    temporal.interval = interval;
    this.#replay?.wake();
    return true;
  }

  #deactivate(): void {
    const cancelled = this.#replay?.cancel();
    this.#replay = undefined;
    this.#leaveGroup();
    if (cancelled) this.#processingComplete("Replay was cancelled.");
  }

  #leaveGroup(): void {
    const placement = this.#placement;
    this.#placement = undefined;
    this.#overflowed = false;
    if (placement !== undefined) this.host.router.leave(placement);
  }

  #createSink(): MemberSink {
    const queue = this.#queue;
    const dataChannel = (): DataChannel | undefined => this.#dataChannel;
    return {
      get idle(): boolean {
        return (dataChannel() ?? queue).idle;
      },
      get isDatagram(): boolean {
        return dataChannel() !== undefined;
      },
      sendData: (frame) => this.#sendData(frame),
      sendDataStartTime: (ticks) =>
        queue.pushControl(
          encodeResponse(Response.DataStartTime, Command.Subscribe, encodeDataStartTime(ticks)),
        ),
      sendBaseTimes: (frame) => queue.pushControl(frame),
      countDetached: (measurements) => this.#dropped.add("detached", measurements),
      attached: (missed) => {
        this.#dropped.add("detached", missed);
        if (!this.#overflowed) return;
        this.#overflowed = false;
        this.host.emit({ kind: "resynchronised", connection: this.reference, measurements: missed });
      },
    };
  }

  #sendData(frame: OutboundFrame): boolean {
    if (this.#dataChannel !== undefined && this.#state !== "closed") {
      this.#dataChannel.send(frame, this.#cipher);
      return true;
    }
    const before = this.#dropped.get("overflow");
    if (this.#queue.pushData(this.#cipher === undefined ? frame : sealFrame(frame, this.#cipher))) {
      return true;
    }
    this.#overflowed = true;
    this.#events.add("overflow");
    const measurements = this.#dropped.get("overflow") - before;
    this.host.emit({ kind: "overflow", connection: this.reference, measurements });
    const { slowSubscriberPolicy, outboundQueueLimit } = this.host.options;
    if (slowSubscriberPolicy === "disconnect") {
      this.#closeSoon("slow", `more than ${outboundQueueLimit} bytes of data waited`);
    }
    return false;
  }

  #onIdle(): void {
    this.#configurationChangedWaits = false;
    this.#onDataIdle();
  }

  #onDataIdle(): void {
    if (this.#placement !== undefined) this.#placement.group.memberIdle(this.#placement.member);
    this.#replay?.wake();
  }

  // ---- for operators ----

  /** Measurements and bytes written. */
  get sent(): { measurements: number; bytes: number } {
    const { measurements, bytes } = this.#datagrams;
    return {
      measurements: this.#queue.sentMeasurements + measurements,
      bytes: this.#queue.sentBytes + bytes,
    };
  }

  /** Why it ended; `undefined` while it is open. */
  get closed(): { readonly reason: CloseReason; readonly message: string } | undefined {
    return this.#closed;
  }

  /** What operators see. */
  snapshot(): ConnectionSnapshot {
    const { peer } = this.#channel;
    const queue = this.#queue;
    const dropped = new Counters();
    dropped.addAll(this.#dropped.toObject());
    const placement = this.#placement;
    if (placement !== undefined) dropped.add("detached", placement.group.missedBy(placement.member));
    return {
      id: this.id,
      subscriberId: this.subscriberId,
      address: peer.address,
      direction: this.direction,
      certificate: peer.certificate ?? null,
      identity: this.#notifications?.identity ?? null,
      state: this.#state,
      connectedAt: this.#connectedAt,
      lastReceivedAt: this.#lastReceivedAt,
      modes: this.#modes ?? null,
      algorithms: this.#algorithms,
      subscription: this.#subscriptionSnapshot(),
      cacheIndex: this.#caches?.cacheIndex ?? 0,
      sent: this.sent,
      dataChannel: this.#dataChannel === undefined
        ? null
        : { to: this.#dataChannel.to, from: this.#dataChannel.from, ...this.#datagrams },
      cipher: this.#cipher === undefined
        ? null
        : { index: this.#cipher.index, rotations: this.#cipher.rotations },
      bufferBlocks: this.#bufferBlocks?.snapshot() ?? null,
      receivedBytes: this.#receivedBytes,
      queue: {
        dataBytes: queue.dataBytes,
        controlBytes: queue.controlBytes,
        frames: queue.depth,
        stalledFor: queue.stalledFor,
      },
      dropped: dropped.toObject(),
      events: this.#events.toObject(),
      closed: this.#closed ?? null,
    };
  }

  #subscriptionSnapshot(): SubscriptionSnapshot | null {
    const latest = this.#caches?.latest;
    if (latest === undefined) return null;
    return {
      filter: latest.request.filterExpression,
      signals: latest.set.size,
      unauthorized: 0,
      format: formatName(latest.delivery),
      confirmed: latest === this.#caches?.active,
      group: this.#replay === undefined ? this.#placement?.group.id ?? null : null,
      replay: latest === this.#caches?.active ? this.#replay?.snapshot() ?? null : null,
      client: latest.request.assemblyInfo,
      extra: Object.fromEntries(latest.request.extra),
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
