import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { SttpError } from "../transport/errors.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { decodeText, encodeText } from "../transport/wire/text.ts";
import { Publisher } from "./publisher.ts";
import { Rig, settle } from "./testdata/rig.ts";
import type { UserCommand } from "./user_commands.ts";

const FIRST = Command.UserCommand00;

Deno.test("user commands: what the application gives back is the response of the same number", async () => {
  const commands: UserCommand[] = [];
  await using rig = await Rig.start({
    onUserCommand: (command) => {
      commands.push(command);
      return command.payload.length === 0 ? undefined : command.payload.toReversed();
    },
  });
  const peer = await rig.agree();
  for (let number = 0; number < 16; number++) {
    await peer.send(FIRST + number, Uint8Array.of(number, 1, 2));
    assertEquals(
      await peer.expect(Response.UserResponse00 + number, FIRST + number),
      Uint8Array.of(2, 1, number),
    );
  }
  await peer.send(FIRST + 15);
  assertEquals(await peer.expectText(Response.Succeeded, FIRST + 15), "");
  assertEquals(commands.map(({ number }) => number), [...Array(16).keys(), 15]);
  assertEquals(commands[0]!.connection.id, rig.connection().id);
});

Deno.test("user commands: one that fails is answered, and only an SttpError's message goes to the subscriber", async () => {
  await using rig = await Rig.start({
    onUserCommand: ({ number }) => {
      if (number === 0) throw new SttpError("Refused", "the breaker is locked");
      if (number === 2) return "done" as never;
      return Promise.reject(new Error("password is 1234"));
    },
  });
  const status = rig.publisher.status();
  const peer = await rig.agree();
  await peer.send(FIRST);
  assertEquals(await peer.expectText(Response.Failed, FIRST), "the breaker is locked");
  await peer.send(FIRST + 1);
  assertEquals(await peer.expectText(Response.Failed, FIRST + 1), "UserCommand01 failed.");
  await peer.send(FIRST + 2);
  assertEquals(await peer.expectText(Response.Failed, FIRST + 2), "UserCommand02 failed.");
  await rig.publisher.stop({ drain: 0 });
  const causes: unknown[] = [];
  for await (const event of status) {
    if (event.kind === "commandFailed") causes.push((event.cause as Error).message);
  }
  const noBytes = 'onUserCommand gave "done", a Uint8Array or nothing expected';
  assertEquals(causes, ["the breaker is locked", "password is 1234", noBytes]);
});

Deno.test("user commands: a slow one holds up neither other commands nor memory, and the rest keep their order", async () => {
  const release = Promise.withResolvers<void>();
  const done: number[] = [];
  await using rig = await Rig.start({
    onUserCommand: async ({ payload }) => {
      await release.promise;
      done.push(payload[0]!);
      return payload;
    },
  });
  const peer = await rig.agree();
  for (let i = 0; i < 70; i++) await peer.send(FIRST, Uint8Array.of(i));
  for (let i = 64; i < 70; i++) {
    assertStringIncludes(await peer.expectText(Response.Failed, FIRST), "64 user commands are not done yet");
  }
  await peer.subscribe({ filterExpression: "FILTER ActiveMeasurements WHERE True" });
  await peer.expectCache();
  await peer.expect(Response.Succeeded, Command.Subscribe);
  release.resolve();
  for (let i = 0; i < 64; i++) {
    assertEquals(await peer.expect(Response.UserResponse00, FIRST), Uint8Array.of(i));
  }
  assertEquals(done, [...Array(64).keys()]);
});

Deno.test("user commands: long ones that wait have 8 MiB together, whose room is given back", async () => {
  const release = Promise.withResolvers<void>();
  await using rig = await Rig.start({ onUserCommand: () => release.promise });
  const peer = await rig.agree();
  const half = new Uint8Array(4 * 1024 ** 2);
  await peer.send(FIRST, half);
  await peer.send(FIRST, half);
  await peer.send(FIRST, Uint8Array.of(1));
  assertStringIncludes(await peer.expectText(Response.Failed, FIRST), "2 user commands are not done yet");
  release.resolve();
  for (let i = 0; i < 2; i++) await peer.expect(Response.Succeeded, FIRST);
  await peer.send(FIRST, half);
  await peer.expect(Response.Succeeded, FIRST);
});

Deno.test("user commands: those of a subscriber that has gone are not carried out", async () => {
  const release = Promise.withResolvers<void>();
  let calls = 0;
  await using rig = await Rig.start({
    onUserCommand: async () => {
      calls++;
      await release.promise;
    },
  });
  const peer = await rig.agree();
  for (let i = 0; i < 3; i++) await peer.send(FIRST);
  await settle();
  peer.channel.close();
  await settle();
  release.resolve();
  await settle();
  assertEquals(calls, 1);
});

Deno.test("user commands: without a handler they are refused, and a handler must be a function", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.send(FIRST + 7);
  assertEquals(
    await peer.expectText(Response.Failed, FIRST + 7),
    "This publisher does not support UserCommand07.",
  );
  assertThrows(
    () => new Publisher({ onUserCommand: "echo" as unknown as () => undefined }),
    TypeError,
    "onUserCommand",
  );
});

Deno.test("schemas: XML schema alone, as text in the session's encoding", async () => {
  await using rig = await Rig.start();
  for (const encoding of ["utf-8", "utf-16le", "utf-16be"] as const) {
    const peer = await rig.agree({ encoding });
    await peer.send(Command.GetPrimaryMetadataSchema);
    const primary = decodeText(
      await peer.expect(Response.Succeeded, Command.GetPrimaryMetadataSchema),
      encoding,
    );
    assertEquals(primary.includes("9ae6dd95"), false, "rows");
    const tables = (await DataSet.fromXml(primary)).tables.map(({ name, rowCount }) => [name, rowCount]);
    assertEquals(tables, [["DeviceDetail", 0], ["MeasurementDetail", 0]]);
    await peer.send(Command.GetSignalSelectionSchema);
    const selection = decodeText(
      await peer.expect(Response.Succeeded, Command.GetSignalSelectionSchema),
      encoding,
    );
    const dataSet = await DataSet.fromXml(selection);
    assertEquals(dataSet.tables.map(({ name }) => name), ["ActiveMeasurements"]);
    assertEquals(dataSet.table("ActiveMeasurements")!.columns.length, 25);
  }
});

Deno.test("schemas: a publisher without metadata has none", async () => {
  await using rig = await Rig.start();
  const bare = new Publisher({ listen: false, clock: rig.clock });
  await bare.start();
  const peer = rig.connectTo(bare);
  await peer.defineModes();
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  for (const command of [Command.GetPrimaryMetadataSchema, Command.GetSignalSelectionSchema]) {
    await peer.send(command);
    assertStringIncludes(await peer.expectText(Response.Failed, command), "has no metadata yet");
  }
  await bare.stop({ drain: 0 });
});

Deno.test("processing interval: accepted on a live subscription, which it does not disturb", async () => {
  await using rig = await Rig.start();
  const command = Command.UpdateProcessingInterval;
  const peer = await rig.agree();
  const interval = (value: number): Uint8Array => {
    const body = new Uint8Array(4);
    new DataView(body.buffer).setInt32(0, value);
    return body;
  };
  await peer.send(command, interval(33));
  assertStringIncludes(await peer.expectText(Response.Failed, command), "no subscription");
  const subscribed = await rig.subscribe();
  for (const value of [-1, 0, 33, 2 ** 31 - 1]) {
    await subscribed.send(command, interval(value));
    assertStringIncludes(await subscribed.expectText(Response.Succeeded, command), `${value} ms`);
  }
  await subscribed.send(command, interval(-2));
  assertStringIncludes(await subscribed.expectText(Response.Failed, command), "-2");
  await subscribed.send(command, encodeText("abc", "utf-8"));
  assertStringIncludes(await subscribed.expectText(Response.Failed, command), "3 bytes");
  await rig.publish([0, 1]);
  await subscribed.expect(Response.DataStartTime);
  assertEquals((await subscribed.expectData())[0], 2);
});
