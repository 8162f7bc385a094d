/**
 * What a publisher tells of itself while it runs.
 *
 * @module
 */
import type { Publisher } from "../mod.ts";
import type { Reported } from "./reporter.ts";
import { count } from "./text.ts";

/** How a publisher stands. */
export interface PublishingProgress {
  /** Measurements published. */
  readonly published: number;
  /** Measurements a second, since the last report; in the last one over all the time. */
  readonly rate: number;
  /** Connections that are open. */
  readonly connections: number;
  /** Measurements sent, one for each subscriber that got it. */
  readonly sent: number;
  /** Measurements that subscribers asked for and did not get. */
  readonly dropped: number;
  /** Measurements that came in and whose signal the metadata does not have. */
  readonly unknown: number;
  /** Measurements that the history could not record. */
  readonly unrecorded: number;
}

/** Looks at a publisher. */
export class PublishingMeter implements Reported {
  readonly #publisher: Publisher;
  readonly #unknown: () => number;
  readonly #startedAt: number = performance.now();
  #last: { at: number; published: number } = { at: this.#startedAt, published: 0 };

  /** @param unknown Gives how many measurements had no known signal. */
  constructor(publisher: Publisher, unknown: () => number) {
    this.#publisher = publisher;
    this.#unknown = unknown;
  }

  /** How it stands since the last call. */
  progress(): { value: PublishingProgress; text: string } {
    const value = this.#since(this.#last.at, this.#last.published);
    this.#last = { at: performance.now(), published: value.published };
    return { value, text: describe(value) };
  }

  /** How it was over all the time. */
  total(): { value: PublishingProgress; text: string } {
    const value = this.#since(this.#startedAt, 0);
    return { value, text: describe(value) };
  }

  #since(at: number, before: number): PublishingProgress {
    const { published, connections, sent, dropped, history } = this.#publisher.stats();
    return {
      published: published.measurements,
      rate: (published.measurements - before) / Math.max(0.001, (performance.now() - at) / 1000),
      connections: connections.open,
      sent: sent.measurements,
      dropped: Object.values(dropped).reduce((sum, part) => sum + part, 0),
      unknown: this.#unknown(),
      unrecorded: history?.lost ?? 0,
    };
  }
}

function describe(progress: PublishingProgress): string {
  const { published, rate, connections, sent, dropped, unknown, unrecorded } = progress;
  return [
    `${count(published)} published`,
    `${count(Math.round(rate))}/s`,
    `${count(connections)} connected`,
    `${count(sent)} sent`,
    `${count(dropped)} dropped`,
    ...(unknown === 0 ? [] : [`${count(unknown)} of unknown signals`]),
    ...(unrecorded === 0 ? [] : [`${count(unrecorded)} not recorded`]),
  ].join("  ");
}
