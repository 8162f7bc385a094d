import { assertEquals, assertRejects } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import type { StartOptions } from "./mod.ts";
import { Publisher } from "./publisher.ts";
import { Rig } from "./testdata/rig.ts";

/** Something that says when it begins and ends. */
function companion(told: string[], name = "admin"): AsyncDisposable {
  told.push(`${name} begins`);
  return {
    [Symbol.asyncDispose]: () => {
      told.push(`${name} ends`);
      return Promise.resolve();
    },
  };
}

Deno.test("what accompanies a publisher begins when it listens, and ends before anything else does", async () => {
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  const told: string[] = [];
  const status = publisher.status();
  const admin = (given: Publisher): AsyncDisposable => {
    assertEquals(given === publisher, true);
    told.push(`begins: ${publisher.state}, ${publisher.port > 0}`);
    return {
      [Symbol.asyncDispose]: async () => {
        await new Promise((resolve) => setTimeout(resolve, 0));
        told.push(`ends: ${publisher.state}, ${publisher.port > 0}`);
      },
    };
  };
  for (let run = 0; run < 2; run++) {
    await publisher.start({ admin });
    assertEquals(told.splice(0), ["begins: starting, true"]);
    await Promise.all([publisher.stop(), publisher.stop()]);
    assertEquals(told.splice(0), ["ends: stopping, true"]);
  }
  const kinds: string[] = [];
  for await (const { kind } of status) kinds.push(kind);
  assertEquals(kinds, ["started", "stopped"]);
  await publisher.start();
  await publisher.stop();
  assertEquals(told, [], "the next start does not bring it back");
});

Deno.test("a publisher does not start when what is to accompany it fails, and leaves nothing open", async () => {
  const told: string[] = [];
  let listening = 0;
  const failures: [StartOptions["admin"], string][] = [
    [() => {
      throw new Error("no port left");
    }, "no port left"],
    [() => Promise.reject(new Error("no port left")), "no port left"],
    [(() => {}) as never, "has to give an AsyncDisposable"],
    [(() => ({})) as never, "has to give an AsyncDisposable"],
  ];
  const publisher = new Publisher({
    listen: () => {
      listening++;
      const closed = Promise.withResolvers<null>();
      return {
        address: "memory:0",
        port: 0,
        accept: () => closed.promise,
        close: () => {
          listening--;
          closed.resolve(null);
        },
      };
    },
  });
  for (const [admin, message] of failures) {
    await assertRejects(() => publisher.start({ admin: admin! }), Error, message);
    assertEquals([publisher.state, listening], ["stopped", 0]);
    assertEquals(publisher.stats().address, null);
  }
  await publisher.start({ admin: () => companion(told) });
  assertEquals([publisher.state, listening], ["running", 1]);
  await publisher.stop();
  assertEquals([told, listening], [["admin begins", "admin ends"], 0]);
});

Deno.test("who connected while it was starting is gone when starting fails", async () => {
  const { promise, reject } = Promise.withResolvers<AsyncDisposable>();
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  const starting = publisher.start({ admin: () => promise });
  while (publisher.stats().address === null) await new Promise((resolve) => setTimeout(resolve, 0));
  using early = await Deno.connect({ port: publisher.port });
  while (publisher.stats().open.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  const stopping = publisher.stop();
  reject(new Error("no port left"));
  await assertRejects(() => starting, Error, "no port left");
  await stopping;
  assertEquals(publisher.state, "stopped");
  assertEquals(publisher.stats().open, []);
  const buffer = new Uint8Array(1024);
  let read: number | null = 0;
  while (read !== null) read = await early.read(buffer).catch(() => null);
});

Deno.test("a publisher stops though what accompanied it fails to end, and says so", async () => {
  await using rig = await Rig.start();
  await rig.publisher.stop();
  await rig.publisher.start({
    admin: () => ({ [Symbol.asyncDispose]: () => Promise.reject(new Error("stuck")) }),
  });
  await assertRejects(() => rig.publisher.stop(), Error, "stuck");
  assertEquals(rig.publisher.state, "stopped");
  await rig.publisher.start();
  assertEquals(rig.publisher.state, "running");
});

Deno.test("what accompanies a publisher can't wait for it to stop, and others can", async () => {
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  const waits = async (given: Publisher): Promise<AsyncDisposable> => {
    await new Promise((resolve) => setTimeout(resolve, 0));
    await given.stop();
    return companion([]);
  };
  const error = await assertRejects(() => publisher.start({ admin: waits }), SttpError, "the option admin");
  assertEquals([error.code, publisher.state], ["InvalidState", "stopped"]);
  const ends = { [Symbol.asyncDispose]: () => publisher.stop() };
  await publisher.start({ admin: () => ends });
  await assertRejects(() => publisher.stop(), SttpError, "the option admin");
  assertEquals(publisher.state, "stopped");
  let later: Promise<void> | undefined;
  const release = Promise.withResolvers<void>();
  await publisher.start({
    admin: (given) => {
      later = release.promise.then(() => given.stop());
      return companion([]);
    },
  });
  release.resolve();
  await later;
  assertEquals(publisher.state, "stopped", "once it has started, it may stop it");
});

Deno.test("options of start and stop that do not exist, or are of another kind, are refused", async () => {
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  await assertRejects(
    () => publisher.start({ amdin: () => {} } as never),
    TypeError,
    'has no option "amdin"',
  );
  await assertRejects(() => publisher.start({ admin: {} } as never), TypeError, "must be a function");
  assertEquals(publisher.state, "stopped");
  await publisher.start();
  await assertRejects(() => publisher.stop({ drian: 0 } as never), TypeError, 'has no option "drian"');
  await assertRejects(() => publisher.stop({ drain: "0" } as never), TypeError, "must be a number");
  // A timer that should wait for longer fires at once.
  for (const drain of [-1, NaN, Infinity, 2 ** 31]) {
    await assertRejects(() => publisher.stop({ drain }), RangeError, "drain must be a number from 0 to");
  }
  assertEquals(publisher.state, "running");
  await publisher.stop();
});
