import { assertEquals } from "@std/assert";
import { endingAfter } from "./signals.ts";

const day = 86_400_000;

/** Timers that fire when they are told to. */
interface Timers {
  readonly set: { readonly milliseconds: number; readonly fire: () => void }[];
  readonly timeout: (milliseconds: number) => AbortSignal;
}

function timers(): Timers {
  const set: Timers["set"] = [];
  const timeout = (milliseconds: number): AbortSignal => {
    const controller = new AbortController();
    set.push({ milliseconds, fire: () => controller.abort() });
    return controller.signal;
  };
  return { set, timeout };
}

Deno.test("an end that is further off than a timer takes is waited for in parts", () => {
  const { set, timeout } = timers();
  const ending = endingAfter(new AbortController().signal, 60 * day, timeout);
  for (const parts of [1, 2, 3]) {
    assertEquals([set.length, ending.aborted], [parts, false]);
    set.at(-1)!.fire();
  }
  assertEquals([set.length, ending.aborted], [3, true]);
  assertEquals(set.reduce((sum, { milliseconds }) => sum + milliseconds, 0), 60 * day);
  for (const { milliseconds } of set) assertEquals(milliseconds < 2 ** 31, true);
});

Deno.test("an end comes with the signal, too, or never without a limit", () => {
  const { set, timeout } = timers();
  const told = new AbortController();
  assertEquals(endingAfter(told.signal, undefined, timeout), told.signal);
  const ending = endingAfter(told.signal, 0, timeout);
  assertEquals([set.map(({ milliseconds }) => milliseconds), ending.aborted], [[0], false]);
  told.abort();
  assertEquals(ending.aborted, true);
});
