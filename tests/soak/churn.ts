/**
 * Subscribers that come, take something and go, one way or another, until told to `quit`.
 * Event: `churn`, how many connections there were, at the end.
 *
 * @module
 */
import { Subscriber } from "../../subscriber/mod.ts";
import type { Whereabouts } from "../abuse/programs/publisher.ts";
import { emit, settings } from "../../bench/programs/talk.ts";

const { address, secure } = settings<Pick<Whereabouts, "address" | "secure">>();
const commandBegun = Uint8Array.of(0, 0, 0, 5, 6);
/** The header of a TLS record, and of a ClientHello. */
const handshakeBegun = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);
let isOver = false;
let connections = 0;

emit("ready");
const everybody = [come(1), come(2), comeAndVanish()];
for await (const _ of Deno.stdin.readable) break;
isOver = true;
await Promise.all(everybody);
emit("churn", { connections });
Deno.exit();

/** Subscribes, changes its mind, and leaves; again and again. */
async function come(which: number): Promise<void> {
  for (let i = 0; !isOver; i++) {
    const subscriber = new Subscriber({
      filter: `FILTER TOP ${which * 50 + i % 7} ActiveMeasurements WHERE True`,
      compressPayload: i % 2 === 0,
      autoRequestMetadata: i % 5 === 0,
      reconnect: false,
      ...i % 4 === 3 ? secure! : { address },
    });
    await subscriber.connect();
    connections++;
    await take(subscriber, 20);
    await subscriber.subscribe({ filter: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" });
    await take(subscriber, 20);
    if (i % 3 === 0) await subscriber.unsubscribe();
    await subscriber.disconnect();
    await pause(100 * which);
  }
}

async function take(subscriber: Subscriber, batches: number): Promise<void> {
  for await (const _ of subscriber.batches()) if (--batches <= 0) return;
}

/** Connects and is gone, at times in the middle of a command or of a TLS handshake. */
async function comeAndVanish(): Promise<void> {
  for (let i = 0; !isOver; i++) {
    const [hostname, port] = (i % 4 < 2 ? address : secure!.address).split(":");
    const connection = await Deno.connect({ hostname: hostname!, port: Number(port) });
    connections++;
    if (i % 2 === 0) await connection.write(i % 4 === 0 ? commandBegun : handshakeBegun);
    connection.close();
    await pause(250);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
