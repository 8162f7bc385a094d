import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { Subscriber } from "../subscriber/mod.ts";
import { SttpError } from "../transport/errors.ts";
import { Bans } from "./bans.ts";
import { Publisher } from "./mod.ts";

const certificate = { name: "Relay", fingerprint: "ab".repeat(32), validTo: 0 };

Deno.test("a ban holds for a host, whatever its port and spelling, until it ends or is lifted", () => {
  const clock = new ManualClock();
  const bans = new Bans(clock);
  const isBanned = (address: string): boolean => bans.refusal({ address }) !== undefined;
  assertEquals(isBanned("192.0.2.1:1"), false);
  bans.add({ address: "192.0.2.1:1" }, 1_000, "too slow");
  bans.add({ address: "[2001:db8:0::1]:1" }, 5_000, "too loud");
  assertEquals(["192.0.2.1:2", "[2001:DB8::1]:9", "192.0.2.2:1", "memory"].map(isBanned), [
    true,
    true,
    false,
    false,
  ]);
  assertEquals(bans.snapshot().map(({ id, kind, name, reason }) => [id, kind, name, reason]), [
    [1, "host", "192.0.2.1", "too slow"],
    [2, "host", "2001:db8::1", "too loud"],
  ]);
  clock.advance(1_000);
  assertEquals([isBanned("192.0.2.1:1"), bans.snapshot().length], [false, 1]);
  assertEquals([bans.lift(1), bans.lift(2), bans.lift(2)], [false, true, false]);
  assertEquals(isBanned("[2001:db8::1]:1"), false);
});

Deno.test("who has a certificate is banned by it, and others from its host are not", () => {
  const bans = new Bans(new ManualClock());
  bans.add({ address: "192.0.2.1:1", certificate }, 1_000, "");
  bans.add({ address: "192.0.2.1:1", certificate }, 3_000, "again");
  assertEquals(bans.snapshot().length, 1);
  assertEquals(bans.refusal({ address: "192.0.2.1:2" }), undefined);
  assertEquals(
    bans.refusal({ address: "192.0.2.9:2", certificate }),
    "Connection refused: banned until 2024-01-01T00:00:03.000Z.",
  );
});

Deno.test("there is an end to bans, and the one that would end first gives way", () => {
  const bans = new Bans(new ManualClock());
  for (let i = 0; i <= 1_000; i++) bans.add({ address: `10.0.${i >> 8}.${i & 255}:1` }, 2_000 - i, "");
  assertEquals(bans.snapshot().length, 1_000);
  assertEquals(bans.refusal({ address: "10.0.3.232:1" }), undefined, "number 1,000 would end first");
});

Deno.test("who is banned is told so when it comes back, and is counted", async () => {
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  await publisher.start();
  const subscriber = (): Subscriber => new Subscriber({ reconnect: false, autoRequestMetadata: false });
  await using first = subscriber();
  await first.connect(publisher.address);
  const { id } = publisher.stats().open[0]!;
  assertEquals(publisher.disconnect(id, "too slow", { ban: 60_000 }), true);
  await first.closed;
  await using second = subscriber();
  const error = await second.connect(publisher.address).then(() => undefined, (error: unknown) => error);
  assertEquals(error instanceof SttpError && error.message.includes("banned until"), true, String(error));
  const { bans } = publisher.stats();
  assertEquals([bans.length, bans[0]!.reason], [1, "too slow"]);
  assertEquals(publisher.liftBan(bans[0]!.id), true);
  await using third = subscriber();
  await third.connect(publisher.address);
  // The refused one had a moment to read why.
  while (publisher.stats().connections.closed["banned"] !== 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
});
