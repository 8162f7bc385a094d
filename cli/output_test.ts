import { assertEquals, assertRejects } from "@std/assert";
import { CommandError } from "./exit_codes.ts";
import { Output, type Sink, sinkOf } from "./output.ts";

/** A stream that takes nothing until it is told to. */
function stalling(): {
  stream: Pick<typeof Deno.stdout, "write" | "isTerminal">;
  go(): void;
  taken(): number;
} {
  const going = Promise.withResolvers<void>();
  let taken = 0;
  const write = async (bytes: Uint8Array): Promise<number> => {
    await going.promise;
    taken += bytes.length;
    return bytes.length;
  };
  return { stream: { write, isTerminal: () => false }, go: going.resolve, taken: () => taken };
}

const names = { name: "standard output", terminal: undefined };

Deno.test("whoever reads nothing is waited for, but not for long once the process is to end", async () => {
  const told = new AbortController();
  const { stream, go, taken } = stalling();
  const sink = sinkOf(stream, { ...names, signal: told.signal, patience: 10 });
  const writing = [sink.write(new Uint8Array(100_000)), sink.write(new Uint8Array(1))];
  told.abort();
  for (const written of writing) {
    await assertRejects(() => written, CommandError, "standard output is not read");
  }
  // What comes later does not wait again.
  await assertRejects(() => sink.write(new Uint8Array(1)), CommandError, "standard output is not read");
  assertEquals(taken(), 0);
  go();
});

Deno.test("whoever reads gets everything, also when the process is to end", async () => {
  const told = new AbortController();
  const { stream, go, taken } = stalling();
  const sink = sinkOf(stream, { ...names, signal: told.signal, patience: 60_000 });
  const written = sink.write(new Uint8Array(100_000));
  told.abort();
  go();
  await written;
  assertEquals(taken(), 100_000);
});

Deno.test("a full disk behind a stream is told by the name of the stream", async () => {
  const full = Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  const sink = sinkOf({ write: () => Promise.reject(full), isTerminal: () => false }, names);
  const message = "standard output can't be written: No space left on device (os error 28)";
  await assertRejects(() => sink.write(new Uint8Array(1)), CommandError, message);
});

Deno.test("nothing fails because notes can't be written; the log learns of it", async () => {
  const sink: Sink = {
    isTerminal: true,
    size: () => ({ columns: 80, rows: 24 }),
    write: () => Promise.reject(new Error("full")),
  };
  const output = new Output({ out: sink, err: sink, json: false, colours: false });
  await output.note("a note");
  await output.noteValue({ a: 1 });
  await output.status("progress");
  await assertRejects(() => output.noteBytes(new Uint8Array(1)), Error, "full");
});
