import type { SignalTable } from "../transport/signal_table.ts";
import type { Access } from "./access.ts";
import type { BufferPool } from "./buffer_pool.ts";
import type { CommandTurns } from "./command_turns.ts";
import type { DatagramSockets } from "./datagram_sockets.ts";
import type { Definition } from "./definition.ts";
import type { FilterAccount } from "./filter_account.ts";
import type { LatestMeasurements } from "./latest_on_subscribe.ts";
import type { Notifications } from "./notifications.ts";
import type { CheckedOptions } from "./options.ts";
import type { QueueMemory } from "./queue_memory.ts";
import type { Router } from "./router.ts";
import type { PublisherStatus } from "./status.ts";
import type { SubscriptionMemory } from "./subscription_memory.ts";
import type { Turns } from "./turns.ts";

/** What a session needs of its publisher. */
export interface SessionHost {
  /** Who may connect, and see what. */
  readonly access: Access;
  /** The publisher's options. */
  readonly options: CheckedOptions;
  /** The metadata in force; `undefined` when none is defined. */
  readonly definition: Definition | undefined;
  /** What handles mean. */
  readonly signals: SignalTable;
  /** The latest measurements, when who subscribes is to get them at once. */
  readonly latest: LatestMeasurements | undefined;
  /** Brings data to sessions. */
  readonly router: Router;
  /** Buffers to gather small writes in. */
  readonly writeBuffers: BufferPool;
  /** Keeps account of what waits to be sent. */
  readonly queueMemory: QueueMemory;
  /** Where data over UDP leaves from; `undefined` when there is none. */
  readonly datagramSockets: DatagramSockets | undefined;
  /** Keeps account of filter expressions. */
  readonly filters: FilterAccount;
  /** Keeps account of what subscriptions take. */
  readonly memory: SubscriptionMemory;
  /** Keeps commands from taking all the time. */
  readonly commandTurns: CommandTurns;
  /** Keeps costly ones from doing so. */
  readonly turns: Turns;
  /** What subscribers are notified of. */
  readonly notifications: Notifications;
  /** Tells the application. */
  emit(event: PublisherStatus): void;
}
