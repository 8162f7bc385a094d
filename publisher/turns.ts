import { nextTurn } from "../transport/next_turn.ts";
import { SLICE, type Steps } from "../metadata/steps.ts";
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { FairShares, type Share } from "./fair_shares.ts";

/** Bytes that a character of a text takes once it is parsed, roughly: conditions as much, lists of numbers more. */
const CHARACTER = 32;
/** Bytes that all may take together that are under way and take little each: then one of them is finished first. */
const MOST_HELD = 32 * 1024 ** 2;
/** Until they take so many, what takes hardly any begins, and goes on, all the same. */
const MOST_WITH_NEW = 48 * 1024 ** 2;
/**
 * How much memory something may take while other such things are under way, in bytes: a selection of thousands of signals
 * fits. Of what takes more, one is done after the other.
 */
const LITTLE = 1024 ** 2;
/** How many bytes are hardly any: most of what is asked for takes no more. */
const HARDLY_ANY = 16_384;

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
  /** Its host's. */
  readonly share: Share;
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
  /** Bytes that it takes: for its text, and as far as it told. */
  held: number;
  /** When it was left, if it has begun. */
  leftAt: number | undefined;
  /** On whose account it is done in this slice: of those who wait for it, who had the least. */
  payer: Share;
  /** The less, the sooner its turn in this slice. */
  rank: number;
}

/**
 * Shares time among those who ask for what may be costly, such as the evaluation of filter expressions, and leaves time
 * for the rest: what takes longer than 4 ms is done in slices of that, and after each all others have a turn of the event
 * loop. If something was published in that turn, as much time passes as the slice took. However many subscribers ask for
 * the costliest filters without end, publishing has half of the processor's time, and waits for no more than a slice;
 * while nothing is published, what was asked for is done in little more time than it takes.
 *
 * Each slice begins with what the host asked for that had the least time, and of its tasks with the one that had the
 * least. Who comes while others wait begins with an equal share, see {@linkcode FairShares}, and what is new goes before
 * what had a slice. So what takes no time is done soon, whoever asks for what does. What several hosts wait for is done on
 * the account of the one of them that had the least: nobody waits longer because somebody else asked for the same before.
 *
 * What takes much memory while it is done is finished before the next such thing goes on; and once all that takes little
 * comes to much together, one of them after the other is finished, too. They then are as urgent as what waits for them,
 * so that nobody is kept waiting by who had much time.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #published: () => number;
  /** Milliseconds that work took since the others last had their turn, and when it ended. */
  #took = 0;
  #endedAt = 0;
  /** What was published until then. */
  #publishedBefore = 0;
  /** By key. */
  readonly #works = new Map<string, Work>();
  /** Bytes that all take that have begun. */
  #held = 0;
  /** The one that may take more than little memory. */
  #large: Work | undefined;
  /** The one that may take more memory while all take too much. */
  #finishing: Work | undefined;
  #handingOut: Promise<void> | undefined;
  /** Who had how much time, while there is anybody who waits. */
  readonly #shares = new FairShares();

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
    const share = this.#shares.join(host);
    const waiting: Waiting = { share, isWanted, resolve: (result) => resolve(result as Result), reject };
    const same = this.#works.get(task.key);
    if (same === undefined) this.#works.set(task.key, newWork(task, waiting));
    else same.waiting.push(waiting);
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
    while (this.#works.size > 0) {
      if (this.#took >= SLICE) await this.#giveWay();
      this.#doSome();
    }
    this.#shares.clear();
    this.#handingOut = undefined;
  }

  /** Does what fits into a slice, one thing at least; what it takes to find out whose turn it is counts. */
  #doSome(): void {
    const started = this.#clock.monotonic();
    const until = started + SLICE - this.#took;
    this.#letGo();
    this.#shares.tidy();
    let now = started;
    for (const work of this.#inOrder()) {
      if (!this.#mayTakeMore(work)) continue;
      now = this.#goOn(work, until);
      if (now >= until) break;
    }
    this.#took += now - started;
    this.#endedAt = now;
    this.#publishedBefore = this.#published();
  }

  /** Tells those who are gone, and forgets what nobody else wants. */
  #letGo(): void {
    for (const work of this.#works.values()) {
      if (work.waiting.every(({ isWanted }) => isWanted())) continue;
      const { gone = [], left = [] } = Object.groupBy(
        work.waiting,
        ({ isWanted }) => isWanted() ? "left" : "gone",
      );
      for (const { share, reject } of gone) {
        this.#shares.leave(share);
        reject(new SttpError("Closed", "it was no longer wanted when its turn came"));
      }
      work.waiting = left;
      if (work.waiting.length === 0) this.#forget(work);
    }
  }

  #forget(work: Work): void {
    this.#works.delete(work.task.key);
    if (work.steps !== undefined) this.#held -= work.held;
    if (this.#large === work) this.#large = undefined;
    if (this.#finishing === work) this.#finishing = undefined;
  }

  /** What there is to do, what is most urgent first. */
  #inOrder(): Work[] {
    if (this.#heldByLittle < MOST_HELD) this.#finishing = undefined;
    const works = [...this.#works.values()];
    let urgent = Infinity;
    for (const work of works) {
      work.payer = payerOf(work);
      work.rank = work.payer.had + Math.min(work.took, SLICE);
      if (work.held > LITTLE || this.#isFullFor(work)) urgent = Math.min(urgent, work.rank);
    }
    for (const work of [this.#large, this.#finishing]) {
      if (work !== undefined) work.rank = Math.min(work.rank, urgent);
    }
    return works.sort((a, b) => a.rank - b.rank || a.took - b.took);
  }

  /** Bytes of all that take little, and of those that wait for the large one. */
  get #heldByLittle(): number {
    return this.#held - (this.#large?.held ?? 0);
  }

  /** Whether all that take little take so much that something may take more only when it is the one to be finished. */
  #isFullFor({ held }: Work): boolean {
    return this.#heldByLittle >= (held > HARDLY_ANY ? MOST_HELD : MOST_WITH_NEW);
  }

  /** Whether something may begin, or take more memory, as others stop for it from now on or need not do so. */
  #mayTakeMore(work: Work): boolean {
    if (work.held > LITTLE) {
      this.#large ??= work;
      if (this.#large !== work) return false;
      if (this.#finishing === work) this.#finishing = undefined;
      return true;
    }
    if (!this.#isFullFor(work)) return true;
    this.#finishing ??= work;
    return this.#finishing === work;
  }

  /** Goes on with something as long as there is time and it has memory. @returns When it was left. */
  #goOn(work: Work, until: number): number {
    const started = this.#clock.monotonic();
    let waited = work.leftAt === undefined ? 0 : started - work.leftAt;
    let now = started;
    let tell: ((waiting: Waiting) => void) | undefined;
    try {
      if (work.steps === undefined) {
        work.steps = work.task.begin();
        this.#held += work.held;
      }
      do {
        const { done, value } = work.steps.next(waited);
        now = this.#clock.monotonic();
        waited = 0;
        if (done) {
          tell = ({ resolve }) => resolve(value);
          break;
        }
        if (!value) continue;
        work.held += value;
        this.#held += value;
        if (!this.#mayTakeMore(work)) break;
      } while (now < until);
    } catch (error) {
      now = this.#clock.monotonic();
      tell = ({ reject }) => reject(error);
    }
    work.leftAt = now;
    work.took += now - started;
    this.#shares.charge(work.payer, now - started);
    if (tell !== undefined) this.#end(work, tell);
    return now;
  }

  #end(work: Work, tell: (waiting: Waiting) => void): void {
    this.#forget(work);
    for (const waiting of work.waiting) {
      this.#shares.leave(waiting.share);
      tell(waiting);
    }
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

function newWork(task: Task<unknown>, waiting: Waiting): Work {
  const { share } = waiting;
  return {
    task,
    waiting: [waiting],
    steps: undefined,
    took: 0,
    held: CHARACTER * task.length,
    leftAt: undefined,
    payer: share,
    rank: 0,
  };
}

function payerOf({ waiting }: Work): Share {
  let { share: payer } = waiting[0]!;
  for (const { share } of waiting) if (share.had < payer.had) payer = share;
  return payer;
}
