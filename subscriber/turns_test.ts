import { assertEquals, assertRejects } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { settle } from "./testdata/scripted_publisher.ts";
import { Turns } from "./turns.ts";

Deno.test("one at a time, in order, whatever becomes of them", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const one = turns.take(undefined, "one", async () => {
    log.push("one");
    await first.promise;
  });
  const two = turns.take(undefined, "two", () => Promise.resolve(log.push("two")));
  await settle();
  assertEquals(log, ["one"]);
  first.reject(new RangeError("no"));
  await assertRejects(() => one, RangeError);
  assertEquals([await two, log], [2, ["one", "two"]]);
});

Deno.test("who is aborted leaves at once, and is neither waited for nor overtaken by others", async () => {
  const turns = new Turns();
  const stop = new AbortController();
  const endFirst = await turns.next(undefined, "first");
  const aborted = assertRejects(() => turns.next(stop.signal, "second"), SttpError, "second was aborted");
  let isThirdsTurn = false;
  const third = turns.next(undefined, "third").then((end) => {
    isThirdsTurn = true;
    return end;
  });
  stop.abort();
  assertEquals((await aborted).code, "Aborted");
  await settle();
  assertEquals(isThirdsTurn, false);
  endFirst();
  const endThird = await third;
  // An abort that comes first wins, even when it would be one's turn at once.
  endThird();
  await assertRejects(() => turns.next(stop.signal, "fourth"), SttpError, "fourth was aborted");
  (await turns.next(undefined, "fifth"))();
});
