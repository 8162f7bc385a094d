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

Deno.test("whose peer has begun does not give way to those who say nothing, nor the other way round", () => {
  for (const floodBegins of [false, true]) {
    const handshakes = new Handshakes();
    const good = add(handshakes, "host", 2);
    if (!floodBegins) { for (const one of good) one.begun(); }
    const flood = add(handshakes, "host", 126);
    if (floodBegins) { for (const one of flood) one.begun(); }
    for (let i = 0; i < 50; i++) {
      const [one] = add(handshakes, "host", 1);
      if (floodBegins) one!.begun();
    }
    assertEquals(ended(good), []);
    assertEquals(ended(flood).length, 50);
  }
});

Deno.test("those that are over make room, whichever way they ended", () => {
  const handshakes = new Handshakes();
  const list = add(handshakes, "a", 128);
  for (const [i, one] of list.entries()) {
    if (i % 2 === 0) one.begun();
    one.end();
    one.end();
    one.begun();
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
