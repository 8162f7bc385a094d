import { nextTurn } from "../metadata/breathe.ts";
import { SLICE, type Steps } from "../metadata/steps.ts";
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";

/** Characters of the texts of what is under way: parsed, a character takes some tens of bytes. */
const MOST_UNDER_WAY = 4 * 1024 ** 2;

/**
 * How much memory something may take while other such things are under way, in bytes: a selection of thousands of signals
 * fits. Of what takes more, one is done after the other.
 */
const LITTLE = 1024 ** 2;

/** Something to be done in steps. */
export interface Task<Result> {
  /** What it is: who asks for the same while it is under way waits for the one result. */
  readonly key: string;
  /** How many characters its text has, as a measure of the memory that it takes while it is under way. */
  readonly length: number;
  /** Begins it. */
  readonly begin: () => Steps<Result>;
}

/** Who asks for something. */
export interface Asker {
  /** Its host, among which time is shared. */
  readonly host: string;
  /** Whether it still wants it. */
  readonly isWanted: () => boolean;
}

/** Has a task done for somebody; see {@linkcode Turns.run}. */
export type InTurn = <Result>(task: Task<Result>) => Promise<Result>;

interface Waiting {
  readonly host: string;
  readonly isWanted: () => boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Work {
  readonly task: Task<unknown>;
  /** Who asked for it, one at least. */
  waiting: Waiting[];
  /** Once it has begun. */
  steps: Steps<unknown> | undefined;
  /** Milliseconds that it took. */
  took: number;
  /** Bytes that it takes, as far as it told. */
  held: number;
  /** When it was left. */
  leftAt: number;
}

/**
 * Shares time among those who ask for what may be costly, such as the evaluation of filter expressions, and leaves time
 * for the rest: what takes longer than 4 ms is done in slices of that, and after each all others have a turn of the event
 * loop. If something was published in that turn, as much time passes as the slice took. However many subscribers ask for
 * the costliest filters without end, publishing has half of the processor's time, and waits for no more than a slice;
 * while nothing is published, what was asked for is done in little more time than it takes.
 *
 * The next slice goes to the host that had the least time since anybody had to wait, and of its tasks to the one that had
 * the least. So what takes no time is done soon, whoever asks for what does. What several hosts wait for is done on the
 * account of the one of them that had the least: nobody waits longer because somebody else asked for the same before.
 *
 * What takes much memory while it is done is finished before the next such thing goes on. It then is as urgent as what
 * waits for it, so that nobody is kept waiting by who had much time.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #published: () => number;
  /** Milliseconds that work took since the others last had their turn, and when it ended. */
  #took = 0;
  #endedAt = 0;
  /** What was published until then. */
  #publishedBefore = 0;
  #works: Work[] = [];
  /** The one that may take more than little memory. */
  #large: Work | undefined;
  #handingOut: Promise<void> | undefined;
  /** Milliseconds that hosts had, while there is anybody who waits. */
  readonly #had = new Map<string, number>();

  /**
   * @param clock For how long things take.
   * @param published Counts what was published: what is not to be kept from the processor.
   */
  constructor(clock: Clock, published: () => number) {
    this.#clock = clock;
    this.#published = published;
  }

  /**
   * Does something in its turn.
   *
   * @throws {SttpError} `Closed` when it is no longer wanted.
   */
  run<Result>(task: Task<Result>, { host, isWanted }: Asker): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const waiting: Waiting = { host, isWanted, resolve: (result) => resolve(result as Result), reject };
    const same = this.#works.find((work) => work.task.key === task.key);
    if (same === undefined) {
      this.#works.push({ task, waiting: [waiting], steps: undefined, took: 0, held: 0, leftAt: 0 });
    } else {
      same.waiting.push(waiting);
    }
    this.#handingOut ??= this.#handOut();
    return promise;
  }

  /** Resolves when nobody waits and no timer is left. */
  async idle(): Promise<void> {
    await this.#handingOut;
  }

  /** Goes on until nobody waits. */
  async #handOut(): Promise<void> {
    await undefined;
    for (;;) {
      this.#letGo();
      const work = this.#next();
      if (work === undefined) break;
      if (this.#took >= SLICE) await this.#giveWay();
      else this.#goOn(work);
    }
    this.#had.clear();
    this.#handingOut = undefined;
  }

  /** Tells those who are gone, and forgets what nobody else wants. */
  #letGo(): void {
    for (const work of this.#works) {
      work.waiting = work.waiting.filter(({ isWanted, reject }) => {
        if (isWanted()) return true;
        reject(new SttpError("Closed", "it was no longer wanted when its turn came"));
        return false;
      });
    }
    this.#works = this.#works.filter(({ waiting }) => waiting.length > 0);
    if (this.#large !== undefined && !this.#works.includes(this.#large)) this.#large = undefined;
  }

  /** What has had the least time, of what is under way and what there is room for. */
  #next(): Work | undefined {
    let room = MOST_UNDER_WAY;
    let ofLarge = Infinity;
    for (const work of this.#works) {
      if (work.steps !== undefined) room -= work.task.length;
      if (work.held > LITTLE) ofLarge = Math.min(ofLarge, this.#hadBy(this.#payerOf(work)));
    }
    const isEmpty = room === MOST_UNDER_WAY;
    let next: Work | undefined;
    let least = Infinity;
    for (const work of this.#works) {
      if (work.steps === undefined && work.task.length > room && !isEmpty) continue;
      if (work.held > LITTLE && this.#large !== undefined && work !== this.#large) continue;
      const had = work === this.#large ? ofLarge : this.#hadBy(this.#payerOf(work));
      if (next !== undefined && (had > least || (had === least && work.took >= next.took))) continue;
      next = work;
      least = had;
    }
    if (next !== undefined && next.held > LITTLE) this.#large = next;
    return next;
  }

  /** The host on whose account something is done. */
  #payerOf({ waiting }: Work): string {
    let { host: payer } = waiting[0]!;
    for (const { host } of waiting) if (this.#hadBy(host) < this.#hadBy(payer)) payer = host;
    return payer;
  }

  #hadBy(host: string): number {
    return this.#had.get(host) ?? 0;
  }

  /** Does what fits into a slice. */
  #goOn(work: Work): void {
    const started = this.#clock.monotonic();
    let now = started;
    let waited = work.steps === undefined ? 0 : started - work.leftAt;
    try {
      const steps = work.steps ??= work.task.begin();
      do {
        const { done, value } = steps.next(waited);
        if (done) return this.#end(work, ({ resolve }) => resolve(value));
        waited = 0;
        now = this.#clock.monotonic();
        if (value && (work.held += value) > LITTLE && (this.#large ??= work) !== work) return;
      } while (now - started < SLICE - this.#took);
    } catch (error) {
      this.#end(work, ({ reject }) => reject(error));
    } finally {
      now = this.#clock.monotonic();
      work.leftAt = now;
      this.#note(work, now - started);
      this.#endedAt = now;
      this.#publishedBefore = this.#published();
    }
  }

  #end(work: Work, tell: (waiting: Waiting) => void): void {
    this.#works = this.#works.filter((other) => other !== work);
    work.waiting.forEach(tell);
  }

  #note(work: Work, took: number): void {
    this.#took += took;
    work.took += took;
    const payer = this.#payerOf(work);
    this.#had.set(payer, this.#hadBy(payer) + took);
  }

  /** The others have a turn; and if something was published, as much time as the slice took. */
  async #giveWay(): Promise<void> {
    const until = this.#endedAt + this.#took;
    this.#took = 0;
    await nextTurn();
    if (this.#published() !== this.#publishedBefore) await this.#rest(until - this.#clock.monotonic());
  }

  async #rest(left: number): Promise<void> {
    if (left <= 0) return;
    // A clock's timers do not keep a process alive; what is under way does.
    const alive = setInterval(() => {}, 60_000);
    await new Promise<void>((resolve) => this.#clock.schedule(left, resolve));
    clearInterval(alive);
  }
}
