import { assertEquals, assertRejects } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { Command } from "../transport/wire/codes.ts";
import { Exchanges } from "./exchange.ts";
import { settle } from "./testdata/scripted_publisher.ts";

const empty = new Uint8Array(0);
const timeout = 1000;

function exchanges(): { clock: ManualClock; sent: number[]; exchanges: Exchanges } {
  const clock = new ManualClock();
  const sent: number[] = [];
  return { clock, sent, exchanges: new Exchanges(clock, (command) => sent.push(command)) };
}

async function code(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, SttpError)).code;
}

Deno.test("an answer goes to its command; others are not waited for", async () => {
  const { clock, sent, exchanges: all } = exchanges();
  const metadata = all.request(Command.MetadataRefresh, empty, { timeout });
  const subscribe = all.request(Command.Subscribe, empty, { timeout });
  await settle();
  assertEquals(sent, [Command.MetadataRefresh, Command.Subscribe]);
  assertEquals(all.succeed(Command.Unsubscribe, () => empty), false);
  assertEquals(all.succeed(Command.Subscribe, () => new Uint8Array([1])), true);
  assertEquals(all.refuse(Command.MetadataRefresh, "no"), true);
  assertEquals(await subscribe, new Uint8Array([1]));
  assertEquals(await code(metadata), "Refused");
  assertEquals(all.succeed(Command.Subscribe, () => empty), false);
  assertEquals(clock.pending, 0);
});

Deno.test("exchanges of one command take turns", async () => {
  const { sent, exchanges: all } = exchanges();
  const first = all.request(Command.Subscribe, empty, { timeout });
  const second = all.request(Command.Subscribe, empty, { timeout });
  await settle();
  assertEquals(sent.length, 1);
  all.refuse(Command.Subscribe, "");
  const error = await assertRejects(() => first, SttpError);
  assertEquals(error.message, "the publisher refused to subscribe");
  await settle();
  assertEquals(sent.length, 2);
  all.succeed(Command.Subscribe, () => empty);
  await second;
});

Deno.test("no answer in time", async () => {
  const { clock, exchanges: all } = exchanges();
  const request = all.request(Command.Subscribe, empty, { timeout });
  await settle();
  clock.advance(1000);
  assertEquals(await code(request), "TimedOut");
  assertEquals(all.succeed(Command.Subscribe, () => empty), false);
});

Deno.test("an aborted exchange keeps its turn until its answer came", async () => {
  const { sent, clock, exchanges: all } = exchanges();
  const controller = new AbortController();
  const first = all.request(Command.Subscribe, empty, { timeout, signal: controller.signal });
  await settle();
  controller.abort();
  assertEquals(await code(first), "Aborted");
  const second = all.request(Command.Subscribe, empty, { timeout });
  await settle();
  assertEquals(sent.length, 1);
  all.succeed(Command.Subscribe, () => new Uint8Array([1]));
  await settle();
  assertEquals(sent.length, 2);
  all.succeed(Command.Subscribe, () => new Uint8Array([2]));
  assertEquals(await second, new Uint8Array([2]));
  assertEquals(clock.pending, 0);
});

Deno.test("aborted before its turn: nothing is sent", async () => {
  const { sent, exchanges: all } = exchanges();
  assertEquals(
    await code(all.request(Command.Subscribe, empty, { timeout, signal: AbortSignal.abort() })),
    "Aborted",
  );
  assertEquals(sent, []);
});

Deno.test("the end rejects what waits and what would wait", async () => {
  const { clock, sent, exchanges: all } = exchanges();
  const waiting = all.request(Command.Subscribe, empty, { timeout });
  const inLine = all.request(Command.Subscribe, empty, { timeout });
  await settle();
  all.close(new SttpError("ConnectionLost", "gone"));
  assertEquals(await code(waiting), "ConnectionLost");
  assertEquals(await code(inLine), "ConnectionLost");
  assertEquals(await code(all.request(Command.Unsubscribe, empty, { timeout })), "ConnectionLost");
  assertEquals(sent.length, 1);
  assertEquals(clock.pending, 0);
});

Deno.test("onSettled is called when the answer is read, not in a later turn", async () => {
  const { exchanges: all } = exchanges();
  const settled: string[] = [];
  const request = all.request(Command.Subscribe, empty, { timeout, onSettled: () => settled.push("first") });
  await settle();
  all.succeed(Command.Subscribe, () => empty);
  assertEquals(settled, ["first"]);
  await request;
});

Deno.test("an answer behind others is waited for as long as they are, and its own time begins when they have come", async () => {
  const { clock, sent, exchanges: all } = exchanges();
  const behind = { command: Command.Subscribe, timeout: 30_000 };
  // Nothing is owed: its own time counts.
  const prompt = all.request(Command.Unsubscribe, empty, { timeout, behind });
  await settle();
  clock.advance(timeout);
  assertEquals(await code(prompt), "TimedOut");
  for (let i = 0; i < 2; i++) {
    const late = all.request(Command.Subscribe, empty, { timeout });
    await settle();
    clock.advance(timeout);
    assertEquals([await code(late), all.owes(Command.Subscribe)], ["TimedOut", true]);
  }
  let isOver = false;
  const waiting = code(all.request(Command.Unsubscribe, empty, { timeout, behind })).finally(() =>
    isOver = true
  );
  await settle();
  clock.advance(29_000);
  all.succeed(Command.Subscribe, () => empty);
  await settle();
  assertEquals([isOver, all.owes(Command.Subscribe)], [false, true]);
  all.refuse(Command.Subscribe, "no");
  assertEquals(all.owes(Command.Subscribe), false);
  clock.advance(timeout - 1);
  await settle();
  assertEquals(isOver, false);
  clock.advance(1);
  assertEquals([await waiting, clock.pending, sent.length], ["TimedOut", 0, 4]);
});

Deno.test("an answer tells that those before it will not come", async () => {
  const { clock, exchanges: all } = exchanges();
  const behind = { command: Command.Subscribe, timeout: 30_000 };
  const late = all.request(Command.Subscribe, empty, { timeout });
  await settle();
  clock.advance(timeout);
  await code(late);
  const unsubscribing = all.request(Command.Unsubscribe, empty, { timeout, behind });
  await settle();
  clock.advance(29_999);
  assertEquals(all.succeed(Command.Unsubscribe, () => empty), true);
  await unsubscribing;
  assertEquals([all.owes(Command.Subscribe), clock.pending], [false, 0]);
});

Deno.test("an answer that never came is not taken for late once the next command is answered", async () => {
  const { clock, exchanges: all } = exchanges();
  const behind = { command: Command.Subscribe, timeout: 30_000 };
  const never = code(all.request(Command.Unsubscribe, empty, { timeout, behind }));
  await settle();
  clock.advance(timeout);
  assertEquals(await never, "TimedOut");
  const subscribing = all.request(Command.Subscribe, empty, { timeout });
  await settle();
  all.succeed(Command.Subscribe, () => empty);
  await subscribing;
  assertEquals(all.owes(Command.Unsubscribe), false);
  const unanswered = code(all.request(Command.Subscribe, empty, { timeout }));
  await settle();
  clock.advance(timeout);
  assertEquals(await unanswered, "TimedOut");
  const unsubscribing = all.request(Command.Unsubscribe, empty, { timeout, behind });
  await settle();
  assertEquals(all.succeed(Command.Unsubscribe, () => empty), true);
  await unsubscribing;
  assertEquals([all.owes(Command.Subscribe), clock.pending], [false, 0]);

  // One that is waited for stays owed: it may have been sent behind the command.
  const aborted = new AbortController();
  const given = code(all.request(Command.Subscribe, empty, { timeout, signal: aborted.signal }));
  await settle();
  aborted.abort();
  assertEquals(await given, "Aborted");
  const behindIt = all.request(Command.Unsubscribe, empty, { timeout, behind });
  await settle();
  all.succeed(Command.Subscribe, () => empty);
  assertEquals(all.owes(Command.Unsubscribe), true);
  assertEquals(all.succeed(Command.Unsubscribe, () => empty), true);
  await behindIt;
  assertEquals([all.owes(Command.Unsubscribe), clock.pending], [false, 0]);
});
