/**
 * Bytes from one process to another by plain TCP, and nothing but spinning at either end: what the machine and the
 * runtime alone make of a rhythm.
 *
 * Settings: {@linkcode BareSettings}. Commands: `send` ({@linkcode BareOrder}), `look`, `quit`. Events: `listening`
 * (port), `connected`, `sent` (`late`), `look` (`delays`).
 *
 * @module
 */
import { commands, emit, settings, sharedNow } from "./talk.ts";

/** Which end this is. */
export interface BareSettings {
  /** Where the other end listens; left out, this is the end that listens and sends. */
  readonly port?: number;
  /** Bytes of a message. */
  readonly bytes: number;
  /** How long an end is busy with each message, in milliseconds: before it sends it, and after it has it. */
  readonly busy: number;
}

/** What is to be sent. */
export interface BareOrder {
  /** Messages a second. */
  readonly rate: number;
  readonly seconds: number;
}

const { port, bytes, busy } = settings<BareSettings>();
const message = new Uint8Array(bytes);
const view = new DataView(message.buffer);

function spin(): void {
  for (const end = performance.now() + busy; performance.now() < end;);
}

if (port === undefined) await send();
else await receive(port);
Deno.exit();

/** Each message begins with the time at which work on it began. */
async function send(): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  emit("listening", { port: listener.addr.port });
  using connection = await listener.accept();
  connection.setNoDelay(true);
  await commands({
    async send({ rate, seconds }: BareOrder): Promise<void> {
      const late: number[] = [];
      const start = performance.now();
      for (let i = 1; i <= rate * seconds; i++) {
        const next = start + 1000 * i / rate;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
        late.push(performance.now() - next);
        view.setFloat64(0, sharedNow());
        spin();
        for (let sent = 0; sent < bytes;) sent += await connection.write(message.subarray(sent));
      }
      emit("sent", { late });
    },
  });
}

async function receive(port: number): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  emit("connected");
  let delays: number[] = [];
  const reading = async (): Promise<void> => {
    for (let have = 0;;) {
      const count = await connection.read(message.subarray(have));
      if (count === null) return;
      have += count;
      if (have < bytes) continue;
      have = 0;
      spin();
      delays.push(sharedNow() - view.getFloat64(0));
    }
  };
  reading();
  await commands({
    look(): void {
      emit("look", { delays });
      delays = [];
    },
  });
}
