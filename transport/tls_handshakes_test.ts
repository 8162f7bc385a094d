import { assert, assertEquals } from "@std/assert";
import { type Handshake, Handshakes } from "./tls_handshakes.ts";
import { TlsError } from "./tls_peer.ts";

function add(handshakes: Handshakes, network: string, count: number): Handshake[] {
  return Array.from({ length: count }, () => handshakes.add(network));
}

/** Which of them had to end, by their place. */
function ended(list: readonly Handshake[]): number[] {
  return list.flatMap(({ signal }, i) => signal.aborted ? [i] : []);
}

Deno.test("with more than 128 handshakes the oldest of the network with most ends", () => {
  const handshakes = new Handshakes();
  const others = add(handshakes, "other", 3);
  const many = add(handshakes, "many", 125);
  assertEquals(ended(many), []);
  const newcomers = add(handshakes, "newcomer", 2);
  assertEquals(ended(many), [0, 1]);
  many.push(...add(handshakes, "many", 10));
  assertEquals(ended(many), Array.from({ length: 12 }, (_, i) => i));
  assertEquals([...ended(others), ...ended(newcomers)], []);
  const { reason } = many[0]!.signal;
  assert(reason instanceof TlsError);
  assertEquals([reason.reason, reason.message], ["overload", "more than 128 peers were connecting"]);
});

Deno.test("who has come further than a flood does not give way to it, nor who has not come as far", () => {
  for (const [goodSteps, floodSteps] of [[1, 0], [2, 0], [0, 1], [2, 1], [0, 2], [1, 2]] as const) {
    const handshakes = new Handshakes();
    const join = (count: number, steps: number): Handshake[] =>
      add(handshakes, "host", count).map((one) => {
        for (let i = 0; i < steps; i++) one.advance();
        return one;
      });
    const good = join(2, goodSteps);
    const flood = join(126, floodSteps);
    for (let i = 0; i < 50; i++) join(1, floodSteps);
    assertEquals(ended(good), [], `${goodSteps} steps, the flood ${floodSteps}`);
    assertEquals(ended(flood).length, 50);
  }
});

Deno.test("those that are over make room, whichever way they ended", () => {
  const handshakes = new Handshakes();
  const list = add(handshakes, "a", 128);
  for (const [i, one] of list.entries()) {
    for (let step = 0; step < i % 4; step++) one.advance();
    one.end();
    one.end();
    one.advance();
  }
  const next = add(handshakes, "a", 128);
  assertEquals([...ended(list), ...ended(next)], []);
  next.push(...add(handshakes, "a", 1));
  assertEquals(ended(next), [0]);
  // Who had to give way is over as well.
  next[0]!.end();
  next.push(...add(handshakes, "a", 1));
  assertEquals(ended(next), [0, 1]);
  handshakes.endAll("closed");
  assertEquals(ended(next).length, next.length);
});
