import { assertEquals } from "@std/assert";
import { Conversations } from "./conversations.ts";

Deno.test("of 100,000 conversations one after the other, the last 16 are kept", () => {
  const conversations = new Conversations();
  const forgotten: number[] = [];
  for (let connection = 1; connection <= 100_000; connection++) {
    conversations.of(connection);
    const other = conversations.end(connection);
    if (other !== undefined) forgotten.push(other[0]);
  }
  assertEquals([conversations.count, conversations.kept], [100_000, 16]);
  assertEquals(forgotten, Array.from({ length: 100_000 - 16 }, (_, i) => i + 1));
  assertEquals(Array.from(conversations.entries(), ([connection]) => connection)[0], 100_000 - 15);
});

Deno.test("a conversation is the same until some have ended after it, and does not begin again", () => {
  const conversations = new Conversations();
  const first = conversations.of(1);
  const open = conversations.of(2);
  assertEquals(conversations.end(1), undefined);
  // It ends once.
  assertEquals(conversations.end(1), undefined);
  for (let connection = 3; connection < 18; connection++) {
    conversations.of(connection);
    assertEquals(conversations.end(connection), undefined);
  }
  assertEquals(conversations.of(1) === first, true);
  conversations.of(18);
  assertEquals(conversations.end(18)?.[1] === first, true);
  assertEquals(conversations.of(1), undefined);
  assertEquals(conversations.end(1), undefined);
  assertEquals(conversations.of(2) === open, true);
  // One that was never heard of ends nothing.
  assertEquals([conversations.end(99), conversations.count], [undefined, 18]);
});
