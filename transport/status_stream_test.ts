import { assertEquals } from "@std/assert";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { StatusStream } from "./status_stream.ts";

function streamOf(capacity: number): StatusStream<string> {
  return new StatusStream(capacity, (count) => `missed ${count}`);
}

Deno.test("every reader gets every event from its start on", async () => {
  const stream = streamOf(10);
  const first = stream.read();
  stream.emit("a");
  const second = stream.read();
  stream.emit("b");
  stream.end();
  assertEquals(await Array.fromAsync(first), ["a", "b"]);
  assertEquals(await Array.fromAsync(second), ["b"]);
});

Deno.test("a reader that waits gets the next event", async () => {
  const stream = streamOf(10);
  const reader = stream.read();
  const next = [reader.next(), reader.next(), reader.next()];
  stream.emit("a");
  stream.emit("b");
  stream.end();
  assertEquals(await Promise.all(next), [
    { value: "a", done: false },
    { value: "b", done: false },
    { value: undefined, done: true },
  ]);
});

Deno.test("a slow reader loses the oldest and is told", async () => {
  const stream = streamOf(2);
  const reader = stream.read();
  for (const event of ["a", "b", "c", "d"]) stream.emit(event);
  stream.end();
  assertEquals(await Array.fromAsync(reader), ["missed 2", "c", "d"]);
});

Deno.test("a reader that returns is forgotten", async () => {
  const stream = streamOf(10);
  const seen: string[] = [];
  const reader = stream.read();
  stream.emit("a");
  stream.emit("b");
  for await (const event of reader) {
    seen.push(event);
    break;
  }
  stream.emit("c");
  assertEquals(seen, ["a"]);
  assertEquals(await reader.next(), { value: undefined, done: true });
});

Deno.test("a diagnostics channel hears everything while somebody listens to it, when what happens is over", async () => {
  const source = {};
  const status = new StatusStream<number>(2, (count) => -count, { name: "sttp:test", source });
  const heard: unknown[] = [];
  const listener = (message: unknown): unknown => heard.push(message);
  status.emit(1);
  subscribe("sttp:test", listener);
  status.emit(2);
  status.emit(3);
  assertEquals(heard, []);
  await undefined;
  assertEquals(heard, [{ source, event: 2 }, { source, event: 3 }]);
  unsubscribe("sttp:test", listener);
  status.emit(4);
  await undefined;
  assertEquals(heard.length, 2);
});
