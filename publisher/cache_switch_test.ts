import { assertEquals } from "@std/assert";
import { CacheSwitch } from "./cache_switch.ts";

/** A switch over subscriptions that are just names, and what it did. */
function createSwitch(
  version: number,
  isFree = (_index: 0 | 1) => true,
): { caches: CacheSwitch<string>; done: () => string[] } {
  const log: string[] = [];
  const caches = new CacheSwitch<string>(version, {
    sendCache: (name, index) => log.push(`send ${name} as ${index ?? "the only one"}`),
    isFree,
    activate: (name, index) => log.push(`activate ${name} on ${index}`),
    deactivate: () => log.push("deactivate"),
    delay: (name) => log.push(`delay ${name}`),
  });
  return { caches, done: () => log.splice(0) };
}

Deno.test("version 2: the first cache is 0 and takes force when confirmed", () => {
  const { caches, done } = createSwitch(2);
  caches.subscribe("A");
  assertEquals(done(), ["send A as 0"]);
  assertEquals(caches.active, undefined);
  assertEquals(caches.latest, "A");
  assertEquals(caches.confirm(), true);
  assertEquals(done(), ["activate A on 0"]);
  assertEquals(caches.active, "A");
});

Deno.test("what is in force and to come is told, and nothing else", () => {
  const { caches } = createSwitch(2);
  assertEquals(caches.subscriptions, []);
  caches.subscribe("A");
  caches.confirm();
  caches.subscribe("B");
  caches.subscribe("C");
  caches.subscribe("D");
  assertEquals(caches.subscriptions, ["A", "B", "D"]);
  caches.confirm();
  assertEquals(caches.subscriptions, ["B", "D"]);
  caches.unsubscribe();
  assertEquals(caches.subscriptions, []);
});

Deno.test("caches alternate, and the old one goes on until the new is confirmed", () => {
  const { caches, done } = createSwitch(3);
  caches.subscribe("A");
  caches.confirm();
  caches.subscribe("B");
  assertEquals(done(), ["send A as 0", "activate A on 0", "send B as 1"]);
  assertEquals([caches.active, caches.latest, caches.cacheIndex], ["A", "B", 0]);
  caches.confirm();
  caches.subscribe("C");
  caches.confirm();
  assertEquals(done(), ["activate B on 1", "send C as 0", "activate C on 0"]);
});

Deno.test("while one is unconfirmed only the newest waits", () => {
  const { caches, done } = createSwitch(2);
  for (const name of ["A", "B", "C", "D"]) caches.subscribe(name);
  assertEquals(done(), ["send A as 0"]);
  assertEquals(caches.latest, "D");
  caches.confirm();
  assertEquals(done(), ["activate A on 0", "send D as 1"]);
  caches.confirm();
  assertEquals(done(), ["activate D on 1"]);
});

Deno.test("a confirmation too many is not taken for anything", () => {
  const { caches, done } = createSwitch(2);
  assertEquals(caches.confirm(), false);
  caches.subscribe("A");
  caches.confirm();
  assertEquals(caches.confirm(), false);
  assertEquals(done(), ["send A as 0", "activate A on 0"]);
});

Deno.test("Unsubscribe between two Subscribes", () => {
  const { caches, done } = createSwitch(2);
  caches.subscribe("A");
  caches.unsubscribe();
  caches.subscribe("B");
  assertEquals(done(), ["send A as 0", "deactivate"]);
  // The confirmation is for A's cache, whose data nobody wants any more.
  caches.confirm();
  assertEquals(done(), ["send B as 1"]);
  assertEquals(caches.active, undefined);
  caches.confirm();
  assertEquals(done(), ["activate B on 1"]);
});

Deno.test("Unsubscribe ends data and what waits", () => {
  const { caches, done } = createSwitch(2);
  caches.subscribe("A");
  caches.confirm();
  caches.subscribe("B");
  caches.subscribe("C");
  done();
  caches.unsubscribe();
  assertEquals(done(), ["deactivate"]);
  assertEquals(caches.latest, undefined);
  assertEquals(caches.isUnconfirmed, true);
  caches.confirm();
  assertEquals(done(), []);
  caches.subscribe("D");
  assertEquals(done(), ["send D as 0"]);
});

Deno.test("one that changes while it waits is not sent: another has to take its place", () => {
  const { caches, done } = createSwitch(2);
  for (const name of ["A", "B"]) caches.subscribe(name);
  caches.update((name) => name);
  assertEquals(caches.isOutdated, false);
  caches.update((name) => `less of ${name}`);
  assertEquals([caches.isOutdated, caches.latest], [true, "less of B"]);
  assertEquals(caches.subscriptions, ["less of A", "less of B"]);
  caches.update((name) => `even ${name}`);
  assertEquals(caches.latest, "even less of B");
  caches.confirm();
  assertEquals(done(), ["send A as 0", "activate even less of A on 0"]);
  caches.subscribe("C");
  assertEquals(caches.isOutdated, false);
  assertEquals(done(), ["send C as 1"]);
  caches.subscribe("D");
  caches.update((name) => `less of ${name}`);
  caches.dropOutdated();
  assertEquals(caches.latest, "less of C");
  caches.subscribe("E");
  caches.update((name) => `less of ${name}`);
  caches.unsubscribe();
  assertEquals([caches.isOutdated, caches.latest], [false, undefined]);
});

Deno.test("a cache whose index is not free waits", () => {
  const busy = new Set<0 | 1>();
  const { caches, done } = createSwitch(2, (index) => !busy.has(index));
  for (const name of ["A", "B"]) caches.subscribe(name);
  caches.confirm();
  busy.add(0);
  caches.confirm();
  assertEquals(done(), ["send A as 0", "activate A on 0", "send B as 1", "activate B on 1"]);
  for (const name of ["C", "D"]) caches.subscribe(name);
  caches.proceed();
  assertEquals([done(), caches.latest, caches.isUnconfirmed], [[], "D", false]);
  busy.clear();
  caches.proceed();
  caches.proceed();
  assertEquals(done(), ["send D as 0"]);
  caches.subscribe("E");
  busy.add(1);
  caches.confirm();
  assertEquals(done(), ["activate D on 0"]);
  caches.unsubscribe();
  busy.clear();
  caches.proceed();
  assertEquals(done(), ["deactivate"]);
});

Deno.test("version 1: one cache, in force at once, the old data ended before it", () => {
  const { caches, done } = createSwitch(1);
  caches.subscribe("A");
  caches.subscribe("B");
  assertEquals(done(), [
    "deactivate",
    "send A as the only one",
    "activate A on 0",
    "deactivate",
    "send B as the only one",
    "activate B on 0",
  ]);
  assertEquals(caches.confirm(), false);
});

Deno.test("version 1: while old data is under way the newest waits, without data", () => {
  let free = true;
  const { caches, done } = createSwitch(1, () => free);
  caches.subscribe("A");
  free = false;
  caches.subscribe("B");
  caches.subscribe("C");
  assertEquals(done(), [
    "deactivate",
    "send A as the only one",
    "activate A on 0",
    "deactivate",
    "delay B",
    "deactivate",
    "delay C",
  ]);
  assertEquals([caches.active, caches.latest], [undefined, "C"]);
  free = true;
  caches.proceed();
  caches.proceed();
  assertEquals(done(), ["send C as the only one", "activate C on 0"]);
  assertEquals([caches.active, caches.latest], ["C", "C"]);
});
