/**
 * The programs that scenarios start, each in a process of its own, and what they report.
 *
 * @module
 */
import { filePath } from "../../tests/interop/partners.ts";
import { Program } from "../../tests/interop/program.ts";
import type { BareOrder, BareSettings } from "../programs/bare.ts";
import type { CrowdSettings } from "../programs/crowd.ts";
import type { PublisherSettings, PublishOrder } from "../programs/publisher.ts";
import type { SubscriberSettings } from "../programs/subscriber.ts";
import type { Weighted } from "./statistics.ts";

/** A filter for all there is. */
export const ALL = "FILTER ActiveMeasurements WHERE True";
/** Scenarios that wait for a program to finish its work wait no longer than this, in milliseconds. */
const PATIENCE = 180_000;

/** What publishing came to. */
export interface Published {
  readonly measurements: number;
  /** On the clock that processes share. */
  readonly startedAt: number;
  readonly milliseconds: number;
  /** Of the processor. */
  readonly cpu: number;
  readonly residentBefore: number;
  readonly residentPeak: number;
  /** Heap and buffers in use, at most, while a subscriber's queue was nearly full. */
  readonly heaviest: number | null;
  /** The longest time that the event loop was held up. */
  readonly longestTurn: number;
  readonly sent: { readonly measurements: number; readonly bytes: number };
  readonly dropped: Readonly<Record<string, number>>;
  readonly groups: number;
  /** At a rate: by how many milliseconds each call of `publish()` missed its time. */
  readonly late: readonly number[];
}

/** A publisher at a moment. */
export interface PublisherLook {
  readonly cpu: number;
  readonly resident: number;
  readonly memory: { readonly heapUsed: number; readonly external: number };
  readonly longestTurn: number;
  readonly subscribed: number;
  readonly open: number;
  readonly groups: number;
  readonly sent: { readonly measurements: number; readonly bytes: number };
  readonly connections: readonly {
    readonly id: number;
    readonly sent: { readonly measurements: number };
    readonly dropped: Readonly<Record<string, number>>;
    readonly queue: { readonly dataBytes: number; readonly stalledFor: number };
  }[];
}

/** One subscriber at a moment. */
export interface Taken {
  readonly received: number;
  /** From its first to its last batch. */
  readonly milliseconds: number;
  /** When its last batch came, on the clock that processes share. */
  readonly lastAt: number;
  /** From the program's start to the first data. */
  readonly firstAfter: number;
  /** Delays in milliseconds since the last look, with how many measurements had each. */
  readonly delays: readonly Weighted[];
  /** From the end of a stall to fresh data. */
  readonly backAfter: number | null;
  readonly dropped: Readonly<Record<string, number>>;
  readonly pauses: number;
}

/** A program that looks at itself when told to. */
class Running implements AsyncDisposable {
  readonly program: Program;

  constructor(program: Program) {
    this.program = program;
    program.patience = PATIENCE;
  }

  protected async ask<T>(command: string, event: string, details?: object): Promise<T> {
    await this.program.send(details === undefined ? command : `${command} ${JSON.stringify(details)}`);
    return await this.program.next(event) as unknown as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
  }
}

function startDeno(name: string, settings: object): Program {
  const script = filePath(new URL(`../programs/${name}.ts`, import.meta.url));
  const args = ["run", "-A", "--v8-flags=--expose-gc", script, JSON.stringify(settings)];
  return Program.start(Deno.execPath(), args);
}

/** A publisher in a process of its own. */
export class PublisherProcess extends Running {
  readonly port: number;
  /** How long defining the metadata took. */
  readonly defineMilliseconds: number;

  private constructor(program: Program, port: number, defineMilliseconds: number) {
    super(program);
    this.port = port;
    this.defineMilliseconds = defineMilliseconds;
  }

  static async start(settings: PublisherSettings): Promise<PublisherProcess> {
    const program = startDeno("publisher", settings);
    program.patience = PATIENCE;
    const { port, defineMilliseconds } = await program.next("listening");
    return new PublisherProcess(program, port as number, defineMilliseconds as number);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  publish(order: PublishOrder): Promise<Published> {
    return this.ask("publish", "published", order);
  }

  /** Switches its HTTP admin on or off. @returns Where it is. */
  async admin(on: boolean): Promise<string> {
    return (await this.ask<{ url: string }>("admin", "admin", { on })).url;
  }

  /** @param weigh Whether to collect garbage first, so that memory is that of what is alive. */
  look(weigh = false): Promise<PublisherLook> {
    return this.ask("look", "look", { weigh });
  }
}

/** Subscribers in a process of their own. */
export class SubscriberProcess extends Running {
  /** When it began on the shared clock, and milliseconds from there to each step. */
  readonly subscribed: {
    readonly began: number;
    readonly connected: number;
    readonly signals: number;
    readonly subscribed: number;
    readonly metadataBytes: number;
    readonly metadataRequest: number;
    readonly metadataParse: number;
    readonly size: number;
  };

  private constructor(program: Program, subscribed: unknown) {
    super(program);
    this.subscribed = subscribed as SubscriberProcess["subscribed"];
  }

  static async start(settings: SubscriberSettings): Promise<SubscriberProcess> {
    const program = startDeno("subscriber", settings);
    program.patience = PATIENCE;
    return new SubscriberProcess(program, await program.next("subscribed"));
  }

  look(): Promise<{ cpu: number; resident: number; takers: Taken[] }> {
    return this.ask("look", "look");
  }

  /** What it has when it has got everything, or no more comes for a while. */
  async received(expected: number): Promise<{ cpu: number; takers: Taken[] }> {
    let look = await this.look();
    const delays: Weighted[][] = look.takers.map((taker) => [...taker.delays]);
    for (let patience = 20; patience > 0; patience--) {
      if (look.takers.every(({ received }) => received >= expected)) break;
      await pause(100);
      const before = look;
      look = await this.look();
      look.takers.forEach((taker, i) => delays[i]!.push(...taker.delays));
      if (look.takers.some(({ received }, i) => received > before.takers[i]!.received)) patience = 20;
    }
    return { cpu: look.cpu, takers: look.takers.map((taker, i) => ({ ...taker, delays: delays[i]! })) };
  }

  async stall(which: number, milliseconds: number): Promise<void> {
    await this.program.send(`stall ${JSON.stringify({ which, milliseconds })}`);
  }
}

/** Many subscribers that throw away what they get. */
export class CrowdProcess extends Running {
  static async start(settings: CrowdSettings): Promise<CrowdProcess> {
    const crowd = new CrowdProcess(startDeno("crowd", settings));
    await crowd.program.next("subscribed");
    return crowd;
  }

  look(): Promise<{ cpu: number; bytes: number }> {
    return this.ask("look", "look");
  }

  /** Bytes that were read when no more come for a while. */
  async read(): Promise<number> {
    for (let before = -1;;) {
      const { bytes } = await this.look();
      if (bytes === before) return bytes;
      before = bytes;
      await pause(200);
    }
  }
}

/** Two processes that exchange bytes by plain TCP. */
export class BarePair implements AsyncDisposable {
  readonly #from: Program;
  readonly #to: Program;

  private constructor(from: Program, to: Program) {
    this.#from = from;
    this.#to = to;
  }

  static async start(settings: BareSettings): Promise<BarePair> {
    const from = startDeno("bare", settings);
    const { port } = await from.next("listening");
    const to = startDeno("bare", { ...settings, port });
    await to.next("connected");
    return new BarePair(from, to);
  }

  /** @returns Delays, and by how many milliseconds each message missed its time. */
  async send(order: BareOrder): Promise<{ delays: number[]; late: number[] }> {
    await this.#from.send(`send ${JSON.stringify(order)}`);
    const { late } = await this.#from.next("sent");
    await pause(200);
    await this.#to.send("look");
    const { delays } = await this.#to.next("look");
    return { delays: delays as number[], late: late as number[] };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#to[Symbol.asyncDispose]();
    await this.#from[Symbol.asyncDispose]();
  }
}

/** One of sttpapi's sides. */
export class PythonProcess extends Running {
  static start(python: string, name: "publisher" | "subscriber", settings: object): PythonProcess {
    const script = filePath(new URL(`../sttpapi/${name}.py`, import.meta.url));
    return new PythonProcess(Program.start(python, [script, JSON.stringify(settings)]));
  }

  async publish(
    batch: number,
    seconds: number,
    rate = 0,
  ): Promise<{ measurements: number; milliseconds: number; cpu: number }> {
    return await this.ask(`publish ${batch} ${seconds} ${rate}`, "published");
  }

  look(): Promise<{ received: number; milliseconds: number; cpu: number; delays: Weighted[] }> {
    return this.ask("look", "look");
  }

  /** What it has when no more comes for a second. */
  async received(): Promise<Awaited<ReturnType<PythonProcess["look"]>>> {
    const delays: Weighted[] = [];
    let look = await this.look();
    for (let before = -1; look.received > before;) {
      delays.push(...look.delays);
      before = look.received;
      await pause(1000);
      look = await this.look();
    }
    return { ...look, delays: [...delays, ...look.delays] };
  }
}

/** Waits. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
