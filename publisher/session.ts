import type { Steps } from "../metadata/steps.ts";
import type { Channel, PeerInfo } from "../transport/channel.ts";
import { SttpError } from "../transport/errors.ts";
import { hostOf } from "../transport/peer_host.ts";
import { Command, commandName, Response } from "../transport/wire/codes.ts";
import {
  encodeResponse,
  FRAME_HEADER_LENGTH,
  readCommand,
  RESPONSE_HEADER_LENGTH,
  writeResponseHeader,
} from "../transport/wire/frame.ts";
import { encodeNotification } from "../transport/wire/notification.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import type { DataChannelSettings } from "../transport/wire/subscribe.ts";
import { encodeText, type TextEncoding } from "../transport/wire/text.ts";
import type { BufferPayload } from "./buffer_blocks.ts";
import type { Refusal } from "./access.ts";
import type { AccessSubject } from "./access_options.ts";
import { CommandReader, type CommandTaker, isEnding } from "./command_reader.ts";
import { handlerOf } from "./commands.ts";
import { Counters, DatedCounters } from "./counters.ts";
import type { DataChannel } from "./data_channel.ts";
import { DataPath, type DataPathOwner } from "./data_path.ts";
import { clipped } from "./flat_text.ts";
import type { MetadataBody } from "./metadata_body.ts";
import { identityOf, type NotificationFeed } from "./notifications.ts";
import { OutboundQueue } from "./outbound_queue.ts";
import { renewRights } from "./rights_renewal.ts";
import type { SessionHost } from "./session_host.ts";
import { SessionRights } from "./session_rights.ts";
import { type CloseReason, type SessionState, SessionTransitions } from "./session_state.ts";
import type { ConnectionSnapshot, RightsSnapshot } from "./snapshot.ts";
import type { ConnectionReference } from "./status.ts";
import type { Subscription } from "./subscription.ts";
import type { InTurn } from "./turns.ts";
import { UserCommands } from "./user_commands.ts";

/** Answers that may wait before the next command is taken: a subscriber that does not read is not served further. */
const ANSWERS_AHEAD = 262_144;
/** Bytes of answers that may wait when another notification is sent. */
const NOTIFY_AHEAD = 16_384;
/** For how long a refused subscriber may read why, in milliseconds (§2). */
const LEAVING_TIME = 1000;
/**
 * How soon it is tried, in milliseconds, whether who has ended its side of the connection is still there; then after
 * twice as long, and so on. The last time, after 5 s in all, its connection ends.
 */
const FIRST_KNOCK = 20;
const LAST_KNOCK = 2560;

/**
 * One subscriber's command channel, from its first byte to its last: a state, the commands that it takes in that
 * state, timers from the host's clock, and an outbound queue.
 */
export class Session implements CommandTaker, DataPathOwner {
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
  /** What waits to be written to its command channel. */
  readonly queue: OutboundQueue;
  /** Measurements that the subscriber did not get, by reason. */
  readonly dropped: DatedCounters;
  /** How often things happened. */
  readonly events: Counters = new Counters();
  /** Its subscriptions and their data. */
  readonly data: DataPath;
  /** What it may see. */
  readonly rights: SessionRights;
  readonly #channel: Channel;
  readonly #connectedAt: number;
  readonly #commands: CommandReader;
  #state: SessionState = "awaitingModes";
  /** Why it was refused; that the subscriber then closes the connection is no reason of its own. */
  #farewell: { reason: CloseReason; message: string } | undefined;
  #closed: { at: number; reason: CloseReason; message: string } | undefined;
  #modes: OperationalModes | undefined;
  #encodingAskedFor: TextEncoding = "utf-8";
  #algorithms = "";
  #notifications: NotificationFeed | undefined;
  #configurationChangedWaits = false;
  readonly #ended = new AbortController();
  /** Once the input has ended, resolves with the connection. */
  #lastWords: PromiseWithResolvers<false> | undefined;
  #cancelKnock: (() => void) | undefined;
  #cancelTimer: () => void;

  /** @param direction Who made the connection: the subscriber, or the publisher. */
  constructor(
    id: number,
    channel: Channel,
    host: SessionHost,
    direction: "incoming" | "outgoing" = "incoming",
  ) {
    const { options, writeBuffers, queueMemory } = host;
    const { clock } = options;
    this.id = id;
    this.host = host;
    this.direction = direction;
    this.#channel = channel;
    this.#connectedAt = clock.now();
    this.dropped = new DatedCounters(clock);
    this.#commands = new CommandReader(channel, options, host.commandTurns);
    this.queue = new OutboundQueue({
      channel,
      clock,
      limit: options.outboundQueueLimit,
      controlLimit: options.controlQueueLimit,
      buffers: writeBuffers,
      memory: queueMemory,
      events: {
        onIdle: () => this.#onIdle(),
        onDropped: (reason, measurements) => this.dropped.add(reason, measurements),
        onControlOverflow: (message) => this.closeSoon("controlOverflow", message),
        onFailed: (error) =>
          this.#lastWords === undefined
            ? this.close("connectionLost", messageOf(error))
            : this.#closeByPeer(),
      },
    });
    this.data = new DataPath(this);
    this.rights = new SessionRights(
      host,
      () => this.subject,
      (isWanted) => this.#inTurn(isWanted),
      this.#ended.signal,
    );
    this.#cancelTimer = this.#limitHandshake();
  }

  #limitHandshake(): () => void {
    const { clock, handshakeTimeout } = this.host.options;
    return clock.schedule(
      handshakeTimeout,
      () => this.close("handshakeTimeout", `no operational modes within ${handshakeTimeout} ms`),
    );
  }

  /** Where it stands. */
  get state(): SessionState {
    return this.#state;
  }

  /** Who is at the other end. */
  get peer(): PeerInfo {
    return this.#channel.peer;
  }

  /** For events. */
  get reference(): ConnectionReference {
    return { id: this.id, address: this.#channel.peer.address };
  }

  /** For who decides about it. */
  get subject(): AccessSubject {
    return { id: this.id, direction: this.direction, ...this.peer };
  }

  /** Whether it is over. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Fires when it is over. */
  get ended(): AbortSignal {
    return this.#ended.signal;
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
    await this.queue.drained();
    await this.data.drained();
  }

  /** Serves the subscriber until the connection ends, whoever ends it. Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#admit();
      await this.#commands.run(this);
      if (!this.#isAnswered()) await Promise.race([this.#answered(), this.inputEnded()]);
      this.#closeByPeer();
    } catch (error) {
      this.#fail(error);
    }
    await this.queue.close();
  }

  /** Lets the application decide about who came by itself, before anything else is listened to. */
  async #admit(): Promise<void> {
    const { access } = this.host;
    if (this.direction === "outgoing" || this.#isEnding() || !access.asksAboutConnections) return;
    // The application has a time-out of its own, and the subscriber is not listened to meanwhile.
    this.#cancelTimer();
    let refusal: Refusal | undefined;
    let version: number;
    do {
      version = access.version;
      refusal = await access.authorizeConnection(this.subject, this.#ended.signal);
      if (this.#isEnding()) return;
      // Who is in force no more by the time of the answer decides nothing.
    } while (access.version !== version);
    this.#cancelTimer = this.#limitHandshake();
    if (refusal !== undefined) this.refuse(Command.Connect, "denied", refusal.text, refusal.reason);
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

  #isAnswered(): boolean {
    return this.userCommands.isDone && this.queue.controlBytes === 0;
  }

  /** Resolves when all commands that were taken have their answers. */
  async #answered(): Promise<void> {
    await this.userCommands.done;
    await this.queue.controlBelow(0);
  }

  /**
   * A subscriber that sends nothing more may wait for answers, or be gone: TCP tells only who writes. So something is
   * written now and then, for a while.
   *
   * @returns Resolves when the connection has ended.
   */
  inputEnded(): Promise<false> {
    if (this.#lastWords === undefined) {
      this.#lastWords = Promise.withResolvers();
      if (this.isClosed) this.#lastWords.resolve(false);
      else this.#knock(FIRST_KNOCK);
    }
    return this.#lastWords.promise;
  }

  #knock(delay: number): void {
    this.#sendNoOp();
    this.#cancelKnock = this.host.options.clock.schedule(delay, () => {
      if (delay < LAST_KNOCK) this.#knock(2 * delay);
      else this.#closeByPeer();
    });
  }

  #closeByPeer(): void {
    this.close("peerClosed", "the subscriber closed the connection");
  }

  /** Says that we live; with something on its way already there is no need to. */
  #sendNoOp(): void {
    if (this.queue.idle) this.queue.pushControl(encodeResponse(Response.NoOP, Command.Subscribe));
  }

  #isEnding(): boolean {
    return isEnding(this.#state);
  }

  /** Carries out the command in a frame's payload. */
  async take(payload: Uint8Array): Promise<void> {
    if (payload.length === 0 && this.#state !== "awaitingModes") {
      this.events.add("empty frame");
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
    this.events.add(handler === undefined ? "unknown command" : name);
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
    await this.queue.controlBelow(ANSWERS_AHEAD);
  }

  // ---- what command handlers do ----

  /**
   * Takes in what a long command holds, in its turn.
   *
   * @param bytes How many it has: what it is decoded to takes as much memory again, and as much for UTF-16.
   * @throws {SttpError} `Closed` when it ends meanwhile.
   */
  takeIn<Result>(bytes: number, begin: () => Steps<Result>): Promise<Result> {
    return this.#inTurn(() => true)({ key: `command ${this.id}`, length: bytes / 16, begin });
  }

  /** How what may be costly is done for it. @param isWanted Whether it still is, if the session goes on. */
  #inTurn(isWanted: () => boolean): InTurn {
    const asker = {
      host: hostOf(this.peer.address),
      isWanted: () => !this.#isEnding() && isWanted(),
    };
    return (task) => this.host.turns.run(task, asker);
  }

  /** Puts operational modes in force (§2). @throws {SttpError} `Refused` while there is a subscription. */
  agree(modes: OperationalModes, algorithms: string): void {
    if (this.data.isBusy) {
      throw new SttpError("Refused", "Operational modes can't be changed while there is a subscription.");
    }
    this.#modes = modes;
    this.#algorithms = algorithms;
    this.data.agree(modes, algorithms);
    if (this.#state !== "awaitingModes") return;
    this.#cancelTimer();
    this.#enter("ready");
    this.#scheduleHeartbeat();
    this.#notify(undefined);
  }

  /** Answers with text, in the session's encoding. */
  reply(response: Response, command: number, text: string): void {
    this.queue.pushControl(encodeResponse(response, command, encodeText(text, this.encoding)));
  }

  /** Answers Failed. @param cause What the application threw, for its operators. */
  failed(code: number, message: string, cause?: unknown): void {
    if (this.#isEnding()) return;
    const command = commandName(code);
    this.events.add(handlerOf(code) === undefined ? "unknown command failed" : `${command} failed`);
    this.host.emit({
      kind: "commandFailed",
      connection: this.reference,
      command,
      message,
      ...cause !== undefined && { cause },
    });
    this.reply(Response.Failed, code, message);
  }

  /**
   * Answers with a body that exists already, in pieces.
   *
   * @throws {SttpError} `LimitExceeded` when there is no room for it.
   */
  respond(response: Response, command: number, body: MetadataBody): void {
    if (body.isKept !== true) this.queue.makeRoom(body.pieces);
    const header = new Uint8Array(FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH);
    writeResponseHeader(response, command, body.length, header, 0);
    this.queue.pushControl([header, ...body.pieces]);
  }

  /**
   * Answers Failed and ends the connection a moment later, so that the text arrives.
   *
   * @param why More about the reason, for programs.
   */
  refuse(command: number, reason: CloseReason, text: string, why: string = reason): void {
    if (this.#state !== "awaitingModes") throw new SttpError("Refused", text);
    this.reply(Response.Failed, command, text);
    this.#cancelTimer();
    this.#farewell = { reason, message: text };
    this.#enter("leaving");
    if (command === Command.Connect) this.host.access.countRefused(why);
    this.host.emit({ kind: "refused", connection: this.reference, message: text, reason: why });
    this.#cancelTimer = this.host.options.clock.schedule(LEAVING_TIME, () => this.close(reason, text));
  }

  /**
   * Puts a subscription in the place of the one there is, as §5 wants it.
   *
   * @throws {SttpError} `LimitExceeded` when there is no room for it, or for its signal index cache.
   */
  subscribe(subscription: Subscription): void {
    if (this.#isEnding()) return;
    this.queue.makeRoom(subscription.cache.shared);
    this.data.subscribe(subscription);
    if (this.#state === "ready") this.#enter("subscribed");
    // Who reads events late has many of them in memory.
    const filter = clipped(subscription.request.filterExpression);
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
    this.data.unsubscribe();
    if (this.#state !== "subscribed") return;
    this.#enter("ready");
    this.host.emit({ kind: "unsubscribed", connection: this.reference });
  }

  /** A way for data over UDP. @throws {SttpError} `Refused` when there is none to this subscriber. */
  openDataChannel(settings: DataChannelSettings): Promise<DataChannel> {
    return this.data.openDataChannel(this.peer.address, settings);
  }

  /** Sends a buffer block, behind the data that was published before it. @returns Whether it is subscribed to and sent. */
  sendBufferBlock(handle: number, payload: BufferPayload): boolean {
    return !this.#isEnding() && this.data.sendBufferBlock(handle, payload);
  }

  /** The subscriber has a notification. */
  confirmNotification(hash: number): void {
    if (this.#notifications?.confirm(hash) !== true) this.events.add("confirmation without a notification");
  }

  /** Sends notifications from here on, if it can be told whose they are. @param source What the client calls itself. */
  #notify(source: string | undefined): void {
    const identity = this.#notifications === undefined && identityOf(this.#channel.peer, source);
    if (!identity) return;
    this.#notifications = this.host.notifications.attach(identity, {
      send: (notification) =>
        this.queue.pushControl(
          encodeResponse(
            Response.Notify,
            Command.Subscribe,
            encodeNotification(notification, this.encoding),
          ),
        ),
      room: () => this.queue.controlBelow(NOTIFY_AHEAD),
    });
  }

  // ---- what the publisher does ----

  /** Tells the subscriber that metadata has changed; once is enough while it has not read that. */
  configurationChanged(): void {
    if (this.#modes === undefined || this.#isEnding() || this.#configurationChangedWaits) return;
    this.#configurationChangedWaits = true;
    this.queue.pushControl(encodeResponse(Response.ConfigurationChanged, Command.Subscribe));
  }

  /** Metadata or the rules have changed, and with them perhaps what the subscriber may see. */
  rightsMayHaveChanged(cause: "metadata" | "rules"): void {
    if (this.#modes === undefined || this.#isEnding()) return;
    renewRights(this, cause).catch((error) => this.#fail(error));
  }

  /** Ends the connection at once. Of several reasons the first counts. */
  close(reason: CloseReason, message: string): void {
    if (this.#state === "closed") return;
    this.#enter("closed");
    this.#closed = { at: this.host.options.clock.now(), ...this.#farewell ?? { reason, message } };
    this.#cancelTimer();
    this.#cancelKnock?.();
    this.#lastWords?.resolve(false);
    this.#ended.abort();
    this.#notifications?.detach();
    // First, so that the last of the group's open packet is counted and not queued.
    this.queue.close();
    this.data.close();
    this.#channel.close();
  }

  /** Closes when the present publication is over, which must not lose members on its way. */
  closeSoon(reason: CloseReason, message: string): void {
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
      const stalledFor = this.queue.stalledFor;
      if (stallTimeout > 0 && stalledFor >= stallTimeout) {
        this.close("stalled", `the subscriber read nothing for ${Math.round(stalledFor / 1000)} s`);
      } else {
        this.#sendNoOp();
      }
    });
  }

  #onIdle(): void {
    this.#configurationChangedWaits = false;
    this.data.onIdle();
  }

  // ---- for operators ----

  /** Measurements and bytes written. */
  get sent(): ConnectionSnapshot["sent"] {
    const { measurements, bytes } = this.data.datagrams;
    return {
      measurements: this.queue.sentMeasurements + measurements,
      bytes: this.queue.sentBytes + bytes,
      dataBytes: this.queue.sentDataBytes + bytes,
    };
  }

  /** Why it ended; `undefined` while it is open. */
  get closed(): { readonly reason: CloseReason; readonly message: string } | undefined {
    return this.#closed;
  }

  /** What operators see. */
  snapshot(): ConnectionSnapshot {
    const { peer } = this.#channel;
    const queue = this.queue;
    const dropped = this.dropped.toObject();
    const { missed } = this.data;
    if (missed !== 0) dropped["detached"] = (dropped["detached"] ?? 0) + missed;
    return {
      id: this.id,
      subscriberId: this.subscriberId,
      address: peer.address,
      direction: this.direction,
      tls: peer.tls ?? null,
      certificate: peer.certificate ?? null,
      identity: this.#notifications?.identity ?? null,
      state: this.#state,
      connectedAt: this.#connectedAt,
      lastReceivedAt: this.#commands.lastReceivedAt,
      modes: this.#modes ?? null,
      algorithms: this.#algorithms,
      rights: this.#rightsSnapshot(),
      sent: this.sent,
      ...this.data.snapshot(),
      receivedBytes: this.#commands.receivedBytes,
      queue: {
        dataBytes: queue.dataBytes,
        controlBytes: queue.controlBytes,
        frames: queue.depth,
        stalledFor: queue.stalledFor,
      },
      dropped,
      overflowedAt: this.data.isOverflowed ? this.host.options.clock.now() : this.dropped.lastAt("overflow"),
      events: this.events.toObject(),
      closed: this.#closed ?? null,
    };
  }

  #rightsSnapshot(): RightsSnapshot | null {
    const { decided } = this.rights;
    if (decided?.whole === undefined) return null;
    return { visible: decided.whole.signalCount - decided.hidden, hidden: decided.hidden };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
