import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { type Delivery, deliveryKey } from "./delivery.ts";
import { Group, type GroupEnvironment, type Member } from "./group.ts";
import { LayoutTracker } from "./layouts.ts";
import type { SignalSet } from "./signal_set.ts";
import type { GroupSnapshot } from "./snapshot.ts";

/** A subscription's place among the groups; give it back with {@linkcode Router.leave}. */
export interface Placement {
  /** The group that serves it. */
  readonly group: Group;
  /** Its membership. */
  readonly member: Member;
}

/** Brings what is published to the groups of subscribers that want it. */
export class Router {
  readonly #environment: GroupEnvironment;
  /** In the order in which they came to be; no Map for the reason in account.ts. */
  #groups: readonly Group[] = [];
  readonly #layouts = new LayoutTracker();
  #nextId = 1;
  #flushScheduled = false;

  /** @param environment What the groups share. */
  constructor(environment: GroupEnvironment) {
    this.#environment = environment;
  }

  /**
   * Hands a batch (of handles) to every group. It goes out when the code that publishes gives way, as sockets are not
   * written to before that: all that is published in one go leaves in one write.
   */
  publish(batch: MeasurementBatch): void {
    if (this.#groups.length === 0) return;
    const layout = this.#layouts.layoutOf(batch);
    for (const group of this.#groups) group.publish(batch, layout);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      for (const group of this.#groups) group.flushWhenDue();
    });
  }

  /**
   * Finds or makes the group for a subscription and joins it.
   *
   * @param member Its membership, in no group yet.
   */
  join(set: SignalSet, delivery: Delivery, member: Member): Placement {
    const form = deliveryKey(delivery);
    let group = this.#groups.find((candidate) => candidate.set.equals(set) && candidate.form === form);
    if (group === undefined) {
      group = new Group(this.#nextId++, set, delivery, this.#environment);
      this.#groups = [...this.#groups, group];
    }
    group.join(member);
    return { group, member };
  }

  /**
   * A group for one member alone, to which nothing that is published comes by itself. It is left as any other.
   *
   * @param recentTicks A time near those of its measurements.
   */
  privateGroup(set: SignalSet, delivery: Delivery, recentTicks: () => bigint): Group {
    return new Group(0, set, delivery, { ...this.#environment, recentTicks });
  }

  /**
   * Ends a membership, and the group with its last member.
   *
   * @param set What may still be sent; default: all that was published for it.
   */
  leave({ group, member }: Placement, set: SignalSet = group.set): void {
    if (member.state === "left") return;
    group.leave(member, set);
    if (group.size > 0) return;
    group.dispose();
    // Replaced, not changed: a publication may be walking over it.
    this.#groups = this.#groups.filter((other) => other !== group);
  }

  /** Closes what packets are open, so that all that was published is on its way. */
  flush(): void {
    for (const group of this.#groups) group.flush();
  }

  /** What operators see of the groups. */
  snapshot(): GroupSnapshot[] {
    return this.#groups.map((group) => group.snapshot());
  }
}
