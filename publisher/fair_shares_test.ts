import { assertEquals } from "@std/assert";
import { FairShares } from "./fair_shares.ts";

Deno.test("who comes begins with what an equal share comes to, and keeps what it had beyond that", () => {
  const shares = new FairShares();
  const a = shares.join("a");
  shares.charge(a, 10);
  const b = shares.join("b");
  assertEquals([a.had, b.had], [10, 10]);
  shares.charge(a, 10);
  assertEquals(shares.join("c").had, 15);
  shares.leave(b);
  assertEquals(shares.join("b").had, 15, "what it did not ask for is lost");
  shares.leave(a);
  assertEquals(shares.join("a").had, 20);
});

Deno.test("who is gone is forgotten as soon as it makes no difference", () => {
  const shares = new FairShares();
  const [a, b] = [shares.join("a"), shares.join("b")];
  assertEquals(shares.join("a"), a);
  shares.charge(b, 10);
  shares.leave(b);
  shares.tidy();
  assertEquals(shares.size, 2, "b had 5 ms more than an equal share");
  shares.charge(a, 5);
  shares.leave(a);
  shares.tidy();
  assertEquals(shares.size, 1, "a waits for something else");
  shares.clear();
  assertEquals([shares.size, shares.join("b").had], [0, 0]);
});
